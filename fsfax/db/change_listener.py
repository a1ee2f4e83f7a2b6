"""Wakes a worker when the database was changed, so that it need not poll for work.

PostgreSQL sends notifications (LISTEN/NOTIFY). SQLite cannot, but reports within a microsecond
whether another connection has committed anything (``PRAGMA data_version``). One real thread watches
either of them and sets an event in the worker's hub; changes in the worker's own process set it
directly.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import gevent.event
import gevent.hub
import gevent.monkey
import gevent.threadpool
import psycopg
from sqlalchemy import exc

from fsfax.db.database import Database
from fsfax.db.transitions import CHANNEL
from fsfax.log import get_logger

_log = get_logger(__name__)

_CLOSE_CHECK = 0.5
"""Seconds between two checks of the thread whether it is to end."""

_TROUBLE_PAUSE = 1.0
"""Seconds until a database that failed is watched again."""

_CONNECT: dict[str, Any] = {"connect_timeout": 5}

_sleep = gevent.monkey.get_original("time", "sleep")


class ChangeListener:
    """An event that is set when another connection has changed the database.

    Create it in the hub that waits for it.

    Args:
        database: the one to watch.
        poll: seconds between two checks of SQLite.
    """

    def __init__(self, database: Database, poll: float) -> None:
        self._database = database
        self._poll = poll
        self._event = gevent.event.Event()
        self._closed = False
        self._async = gevent.hub.get_hub().loop.async_(ref=False)
        self._async.start(self._event.set)
        self._threads = gevent.threadpool.ThreadPool(1)
        self._watcher = self._threads.spawn(
            self._watch_sqlite if database.is_sqlite else self._listen
        )

    def wake(self) -> None:
        """Set the event from within the hub."""
        self._event.set()

    def wait(self, timeout: float) -> bool:
        """Wait for the event, at most ``timeout`` seconds; return whether it was set."""
        changed = self._event.wait(timeout)
        self._event.clear()
        return bool(changed)

    def close(self) -> None:
        """End the thread: within half a second, within five if a server does not answer."""
        self._closed = True
        # First of all: the thread must not use the async watcher once that is closed.
        self._watcher.wait()
        self._threads.kill()
        self._async.stop()
        self._async.close()

    def _watch_sqlite(self) -> None:
        last_version = None
        while not self._closed:
            try:
                # The same connection throughout: its data_version counts the commits of others.
                with self._database.engine.connect() as connection:
                    raw = connection.connection.driver_connection
                    try:
                        while not self._closed and raw is not None:
                            version = raw.execute("PRAGMA data_version").fetchone()[0]
                            if version != last_version:
                                last_version = version
                                self._async.send()
                            self._pause(self._poll)
                    except sqlite3.Error as error:
                        connection.invalidate(error)  # the next check uses a new one
                        raise
            except (exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
                _log.warning("database_not_watched", error=str(error).splitlines()[0])
                last_version = None  # wakes once it is watched again: a change may be missed
                self._pause(_TROUBLE_PAUSE)

    def _listen(self) -> None:
        # The parameters that all other connections have: libpq reads a URL differently.
        _, parameters = self._database.engine.dialect.create_connect_args(self._database.url)
        while not self._closed:
            try:
                with psycopg.connect(**{**_CONNECT, **parameters}, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    # Changes before LISTEN were not notified.
                    self._async.send()
                    while not self._closed:
                        for _ in connection.notifies(timeout=_CLOSE_CHECK, stop_after=1):
                            self._async.send()
            except psycopg.Error as error:
                _log.warning("database_not_listened_to", error=str(error).strip())
                self._async.send()
                self._pause(_TROUBLE_PAUSE)

    def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._closed:
            _sleep(min(seconds, _CLOSE_CHECK))
            seconds -= _CLOSE_CHECK
