"""A watch: the bounded queue of events of one reader."""

from __future__ import annotations

import gevent
import pytest

from fsfax.errors import EslTimeout
from fsfax.esl.watch import Gap, Lost, Watch
from fsfax.esl.wire import Event
from tests.esl.scripted import PATIENCE, items


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_a_full_watch_never_grows_and_always_reports(size: int) -> None:
    watch = Watch(size, lambda _watch: None)
    for _ in range(50):
        watch.put(Gap("g"))
        watch.put(Lost("l"))
        watch.wake()
    assert watch.dropped == 0
    for number in range(50):
        watch.put(Event.from_body(b"Event-Name: %d" % number))
    assert len(watch._items) <= max(2, size)
    assert watch.get(0) is None
    seen = items(watch)
    assert seen[0] == "Gap"
    assert seen[-1] == "49"
    assert watch.dropped == 50 - len(seen[1:])


def test_a_wake_precedes_events_and_is_never_dropped() -> None:
    watch = Watch(3, lambda _watch: None)
    watch.wake()
    for number in range(9):
        watch.put(Event.from_body(b"Event-Name: %d" % number))
    assert watch.get(0) is None
    assert items(watch) == ["Gap", "7", "8"]


def test_wake_and_close_reach_a_reader_that_waits() -> None:
    watch = Watch(3, lambda _watch: None)
    for end in (watch.wake, watch.close):
        reading = gevent.spawn(watch.get, PATIENCE)
        gevent.sleep(0)
        end()
        assert reading.get(timeout=PATIENCE) is None
    with pytest.raises(EslTimeout, match=r"no event in 0\.01 s"):
        watch.get(0.01)


def test_items_come_in_order_and_dropped_events_are_counted() -> None:
    watch = Watch(3, lambda _watch: None)
    dropped = [watch.put(Event.from_body(b"Event-Name: %d" % number)) for number in range(5)]
    assert dropped == [0, 0, 0, 2, 1]
    gap = watch.get(0)
    assert isinstance(gap, Gap)
    assert gap.reason == "3 events were dropped: the reader is slow"
    assert items(watch) == ["3", "4"]
    assert watch.dropped == 3


def test_a_closed_watch_is_forgotten_and_empty() -> None:
    forgotten: list[Watch] = []
    with Watch(3, forgotten.append) as watch:
        watch.put(Lost("gone"))
    assert forgotten == [watch]
    assert watch.get(0) is None
    with pytest.raises(EslTimeout):
        watch.get(0)
