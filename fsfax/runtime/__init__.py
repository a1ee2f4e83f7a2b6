"""What every long-running part needs, and nothing about faxes: hub, threads, sockets, clock, files.

Modules:

    hub           the gevent hub that an engine or a worker runs in, and calls into it
    service       the life of a service on a database: loop, heartbeat, drain, stop
    threads       real threads for blocking work, beside a hub that must not wait for it
    sockets       listening sockets, their TLS, and hosts in URLs
    rate_limit    token buckets
    sanitize      foreign text made fit for databases, logs, terminals, mails and file names
    clock         the time in UTC, and the type of a clock that tests replace
    timezone      time zones of faxes, as POSIX strings and for Python
    atomic_file   files that appear whole or not at all
"""
