"""The life of a service, and writes that are retried."""

from __future__ import annotations

import gevent
import pytest

from fsfax.errors import LeaseLost, StoreUnavailable
from fsfax.runtime import service
from fsfax.runtime.service import Service, retry_until_stored


class Database:
    closed = False

    def close(self) -> None:
        self.closed = True


class Listener:
    def __init__(self) -> None:
        self.event = gevent.event.Event()
        self.closed = False

    def wake(self) -> None:
        self.event.set()

    def wait(self, timeout: float) -> bool:
        woken = bool(self.event.wait(timeout))
        self.event.clear()
        return woken

    def close(self) -> None:
        self.closed = True


class Counting(Service):
    """Counts what the base class calls; ``errors`` are raised by the loop, one in each run."""

    busy = 0

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = self.beats = 0
        self.ended_with: int | None = None
        self.database = Database()
        super().__init__(self.database, Listener, hub="own", drain=30.0, heartbeat=0.01)

    def _begin(self) -> None:
        self.ran = gevent.event.Event()

    def _run_once(self) -> float:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        self.ran.set()
        return 60.0

    def _heartbeat(self) -> None:
        self.beats += 1
        if self.beats == 1:
            raise StoreUnavailable("down")

    def _end(self) -> None:
        self.ended_with = self.busy

    def until_run(self) -> None:
        self._hub.run(self.ran.wait)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TROUBLE_PAUSE", 0.01)
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.001)


def test_a_service_begins_runs_and_ends() -> None:
    with Counting() as counting:
        counting.until_run()
        listener = counting._listener
    assert counting.runs == 1
    assert counting.ended_with == 0
    assert listener.closed  # type: ignore[attr-defined]
    assert counting.database.closed
    counting.stop()  # a second time does nothing


def test_errors_end_neither_the_loop_nor_the_heartbeat() -> None:
    with Counting(StoreUnavailable("down"), ZeroDivisionError()) as counting:
        counting.until_run()
        assert counting.runs == 3
        counting._hub.run(gevent.sleep, 0.2)
        assert counting.beats > 1


def test_a_stop_waits_for_what_is_under_way() -> None:
    counting = Counting()
    counting.until_run()
    counting.busy = 1
    counting._hub.run(lambda: gevent.spawn_later(0.1, setattr, counting, "busy", 0))
    counting.stop()
    assert counting.ended_with == 0


def test_a_second_stop_makes_the_first_one_wait_no_longer() -> None:
    counting = Counting()
    counting.until_run()
    counting.busy = 1
    counting._hub.run(lambda: gevent.spawn_later(0.1, counting._drain_and_end, 0.0))
    counting.stop()
    assert counting.ended_with == 1


def test_a_write_is_retried_until_the_database_takes_it() -> None:
    errors: list[Exception] = [StoreUnavailable("down"), StoreUnavailable("down")]

    def write() -> str:
        if errors:
            raise errors.pop()
        return "stored"

    assert retry_until_stored(write, "result") == "stored"
    errors.append(LeaseLost("another worker owns it"))
    with pytest.raises(LeaseLost):
        retry_until_stored(write, "result")
