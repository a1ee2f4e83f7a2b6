"""What every long-running part needs, and nothing about faxes: hub, threads, sockets, clock, files.

Modules:

    hub           the gevent hub that an engine or a worker runs in, and calls into it
    threads       real threads for blocking work, beside a hub that must not wait for it
    sockets       listening sockets and their TLS
    rate_limit    token buckets
    sanitize      foreign text made fit for databases, logs, terminals, mails and file names
    clock         the time in UTC, and the type of a clock that tests replace
    timezone      POSIX time zone strings from IANA names
    atomic_file   files that appear whole or not at all
"""
