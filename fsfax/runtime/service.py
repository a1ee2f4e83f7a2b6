"""A service that works on what is in a database (`fsfax.Worker`, the dispatcher), start to stop.

A service runs in one gevent hub (see `fsfax.runtime.hub` for which). It has two greenlets of its
own: a loop that does what is due and then waits for a change in the database, and a heartbeat that
extends leases. The database is used in real threads, so that a slow disk or a server that is down
never blocks the hub. Errors of the database end neither greenlet: they are logged, and the service
tries again.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

import gevent
import gevent.event

from fsfax.errors import StoreError
from fsfax.log import get_logger
from fsfax.runtime.hub import HubChoice, HubRunner
from fsfax.runtime.threads import Threads

_log = get_logger(__name__)

T = TypeVar("T")

TROUBLE_PAUSE = 2.0
"""Seconds before something that failed unexpectedly is tried again."""

_THREADS = 4
"""Transactions at once: they take milliseconds."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class WakeSource(Protocol):
    """Wakes the loop when the database changes: `fsfax.db.change_listener.ChangeListener`."""

    def wake(self) -> None:
        """Wake the loop, from within the hub."""

    def wait(self, timeout: float) -> bool:
        """Wait for a change, at most ``timeout`` seconds; return whether there was one."""

    def close(self) -> None:
        """End its thread."""


class Closable(Protocol):
    """Anything with connections to close: `fsfax.db.database.Database`."""

    def close(self) -> None:
        """Close the connections."""


class Service(ABC):
    """Begins, runs and ends a service.

    A subclass sets the attributes that its hooks need, and then calls ``__init__``, which runs
    `_begin` in the hub. All hooks run there.

    Args:
        database: closed when the service has stopped.
        listener: makes the listener of the database's changes, in the hub.
        hub: where the service runs, see `fsfax.Engine`.
        drain: seconds that work under way gets when the service is stopped.
        heartbeat: seconds between two heartbeats.
    """

    def __init__(
        self,
        database: Closable,
        listener: Callable[[], WakeSource],
        *,
        hub: HubChoice,
        drain: float,
        heartbeat: float,
    ) -> None:
        self.__database = database
        self.__drain = drain
        self.__heartbeat = heartbeat
        self._stopping = False
        self._stopped = False
        self._hub = HubRunner(hub)
        self._hub.run(self._start, listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    @abstractmethod
    def busy(self) -> int:
        """Number of calls or deliveries under way."""

    def wait(self) -> None:
        """Wait until the service is stopped."""
        self._hub.run(self._stopped_event.wait)

    def stop(self, drain: float | None = None) -> None:
        """Begin nothing new, wait ``drain`` seconds for what is under way, then end.

        ``drain`` defaults to the settings'. A second call while the first one waits makes it wait
        no longer.
        """
        if self._stopped:
            return
        self._hub.run(self._drain_and_end, self.__drain if drain is None else drain)
        self._stopped = True
        self._hub.close()
        self.__database.close()

    # --- hooks --------------------------------------------------------------------------------

    @abstractmethod
    def _begin(self) -> None:
        """Make what belongs to the hub; the loop begins afterwards."""

    @abstractmethod
    def _run_once(self) -> float:
        """Do everything that is due; return the seconds until something else may be due."""

    @abstractmethod
    def _heartbeat(self) -> None:
        """Extend the leases of what is under way."""

    @abstractmethod
    def _end(self) -> None:
        """Cut off what is still under way, give its leases back, close what `_begin` made."""

    # --- in the hub ---------------------------------------------------------------------------

    def _start(self, listener: Callable[[], WakeSource]) -> None:
        self._stopped_event = gevent.event.Event()
        self._drain_now = gevent.event.Event()
        self._threads = Threads(_THREADS)
        self._in_thread = self._threads.run
        self._begin()
        self._listener = listener()
        self._loop_greenlet = gevent.spawn(self._run_loop)
        self._heartbeat_greenlet = gevent.spawn(self._heartbeat_loop)

    def _drain_and_end(self, drain: float) -> None:
        if self._stopping:
            self._drain_now.set()
            self._stopped_event.wait()
            return
        self._stopping = True
        self._listener.wake()
        _log.info("draining", service=type(self).__name__, busy=self.busy, seconds=drain)
        deadline = time.monotonic() + drain
        while self.busy and time.monotonic() < deadline and not self._drain_now.is_set():
            self._drain_now.wait(min(0.1, max(0.0, deadline - time.monotonic())))
        self._loop_greenlet.kill()
        self._heartbeat_greenlet.kill()
        self._end()
        self._listener.close()
        self._threads.close()
        self._stopped_event.set()

    def _run_loop(self) -> None:
        while not self._stopping:
            try:
                pause = self._run_once()
            except StoreError as error:
                _log.warning("database_away", error=str(error))
                pause = TROUBLE_PAUSE
            except Exception:  # noqa: BLE001  # a service that stands still would be worse
                _log.exception("loop_failed", service=type(self).__name__)
                pause = TROUBLE_PAUSE
            if pause > 0:
                self._listener.wait(pause)

    def _heartbeat_loop(self) -> None:
        while True:
            gevent.sleep(self.__heartbeat)
            try:
                self._heartbeat()
            except StoreError as error:
                _log.warning("heartbeat_missed", error=str(error))


def retry_until_stored(write: Callable[[], T], what: str, **fields: Any) -> T:
    """Call ``write`` until the database takes it; return its value.

    The pauses between the attempts grow from 0.2 to 10 seconds.

    Args:
        write: raises StoreError while the database cannot store; other errors are raised at once.
        what: what is stored, for the log.
        fields: further fields of the log line.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return write()
        except StoreError as error:
            _log.warning("not_stored_yet", what=what, error=str(error), **fields)
            gevent.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
