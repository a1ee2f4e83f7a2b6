"""What every long-running part needs, and nothing about faxes: hub, threads, clock, files.

Modules:

    hub           the gevent hub that an engine or a worker lives in, and calls into it
    threads       real threads for blocking work, beside a hub that must not wait for it
    clock         the time in UTC, and the type of a clock that tests replace
    timezone      POSIX time zone strings from IANA names
    atomic_file   files that appear whole or not at all
"""
