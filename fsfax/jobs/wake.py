"""Being told that there is work, without asking for ever.

PostgreSQL tells (LISTEN/NOTIFY). SQLite cannot, but knows in a microsecond whether another
connection has committed anything (``PRAGMA data_version``). Both are watched by one real thread,
which rings a bell in the worker's hub; what happens inside the worker's own process rings it
directly.
"""

from __future__ import annotations

import gevent.event
import gevent.hub
import gevent.monkey
import gevent.threadpool
import psycopg
from sqlalchemy import exc

from fsfax.jobs.database import Database
from fsfax.jobs.ledger import CHANNEL
from fsfax.log import get_logger

_log = get_logger(__name__)

_BREATH = 1.0
"""Seconds after which the thread looks whether it is to end."""

_sleep = gevent.monkey.get_original("time", "sleep")


class Bell:
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

    def ring(self) -> None:
        """Ring it from within the hub."""
        self._event.set()

    def wait(self, timeout: float) -> bool:
        """Wait for a ring, at most ``timeout`` seconds; tell whether there was one."""
        rung = self._event.wait(timeout)
        self._event.clear()
        return bool(rung)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._watcher.wait(_BREATH * 3)
        self._async.stop()
        self._async.close()
        self._threads.kill()

    def _watch_sqlite(self) -> None:
        seen = None
        while not self._closed:
            try:
                # One connection throughout: the version says what the others did.
                with self._database.engine.connect() as connection:
                    raw = connection.connection.driver_connection
                    while not self._closed and raw is not None:
                        version = raw.execute("PRAGMA data_version").fetchone()[0]
                        if version != seen:
                            seen = version
                            self._async.send()
                        self._pause(self._poll)
            except (exc.DBAPIError, OSError) as error:
                _log.warning("database_not_watched", error=str(error))
                self._pause(_BREATH)

    def _listen(self) -> None:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._closed:
            try:
                with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    # What happened before we listened was not told.
                    self._async.send()
                    while not self._closed:
                        for _ in connection.notifies(timeout=_BREATH, stop_after=1):
                            self._async.send()
            except psycopg.Error as error:
                _log.warning("database_not_listened_to", error=str(error).strip())
                self._async.send()
                self._pause(_BREATH)

    def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._closed:
            _sleep(min(seconds, _BREATH))
            seconds -= _BREATH
