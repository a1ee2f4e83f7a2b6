"""Being told that there is work, without asking for ever.

PostgreSQL tells (LISTEN/NOTIFY). SQLite cannot, but knows in a microsecond whether another
connection has committed anything (``PRAGMA data_version``). Both are watched by one real thread,
which rings a bell in the worker's hub; what happens inside the worker's own process rings it
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

_BREATH = 0.5
"""Seconds after which the thread looks whether it is to end."""

_TROUBLE_PAUSE = 1.0
"""Seconds until a database that failed is tried again."""

_CONNECT: dict[str, Any] = {"connect_timeout": 5}

_sleep = gevent.monkey.get_original("time", "sleep")


class ChangeListener:
    """Rings when somebody changed something in the database.

    Made in the hub that waits for it.

    Args:
        database: which one.
        poll: seconds between two looks at SQLite.
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
        """Ring it from within the hub."""
        self._event.set()

    def wait(self, timeout: float) -> bool:
        """Wait for a ring, at most ``timeout`` seconds; tell whether there was one."""
        rung = self._event.wait(timeout)
        self._event.clear()
        return bool(rung)

    def close(self) -> None:
        """End the thread: within half a second, five where a server does not answer."""
        self._closed = True
        # First of all: it must not ring a bell that is not there any more.
        self._watcher.wait()
        self._threads.kill()
        self._async.stop()
        self._async.close()

    def _watch_sqlite(self) -> None:
        seen = None
        while not self._closed:
            try:
                # One connection throughout: the version says what the others did.
                with self._database.engine.connect() as connection:
                    raw = connection.connection.driver_connection
                    try:
                        while not self._closed and raw is not None:
                            version = raw.execute("PRAGMA data_version").fetchone()[0]
                            if version != seen:
                                seen = version
                                self._async.send()
                            self._pause(self._poll)
                    except sqlite3.Error as error:
                        connection.invalidate(error)  # the next look is through a new one
                        raise
            except (exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
                _log.warning("database_not_watched", error=str(error).splitlines()[0])
                seen = None  # whatever happens until it is watched again
                self._pause(_TROUBLE_PAUSE)

    def _listen(self) -> None:
        # The parameters of all other connections, not a URL for libpq, which reads it otherwise.
        _, parameters = self._database.engine.dialect.create_connect_args(self._database.url)
        while not self._closed:
            try:
                with psycopg.connect(**{**_CONNECT, **parameters}, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    # What happened before we listened was not told.
                    self._async.send()
                    while not self._closed:
                        for _ in connection.notifies(timeout=_BREATH, stop_after=1):
                            self._async.send()
            except psycopg.Error as error:
                _log.warning("database_not_listened_to", error=str(error).strip())
                self._async.send()
                self._pause(_TROUBLE_PAUSE)

    def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._closed:
            _sleep(min(seconds, _BREATH))
            seconds -= _BREATH
