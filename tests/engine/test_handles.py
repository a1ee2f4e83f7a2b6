"""The handles that the engine returns: progress, results, cancelling and leaving a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pytest

from fsfax import Closed, Engine, Fate, Observation, Outcome, PageDone
from fsfax.engine.handles import ReceiveHandle, SendCall
from fsfax.engine.verdict import judge_received, judge_sent
from fsfax.errors import NoCapacity
from fsfax.runtime.hub import HubRunner
from fsfax.softswitch import number_of
from tests.engine.observed import ANSWERED, CALL, CLEARED, NEGOTIATED, page, phase_e, seen
from tests.engine.stage import Stage


def test_cancelled_before_it_is_dialled(stage: Stage, engine: Engine, letter: Path) -> None:
    call = engine.start(letter, number_of("fax"))
    call.cancel()
    assert call.result(30).outcome is Outcome.CANCELLED
    assert not [record for record in stage.switch.calls if record.uuid == call.id]


def test_a_call_that_is_left_goes_on(stage: Stage, engine: Engine, converted: Path) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for observation in call.progress():
        if isinstance(observation, PageDone) and observation.number == 1:
            call.leave()
    with pytest.raises(Closed):
        call.result(10)
    stage.switch.wait_idle(30)
    (record,) = stage.switch.calls
    assert (record.uuid, record.pages, record.code) == (call.id, 3, 0)
    assert engine.fate(call.id) is Fate.SUCCEEDED
    assert (stage.root / "out" / f"{call.id}.tif").exists(), "FreeSWITCH was reading it"
    assert engine.nodes()[0].busy == 0
    call.leave()


def test_a_fax_that_is_left_before_it_began(stage: Stage, engine: Engine, letter: Path) -> None:
    call = engine.start(letter, number_of("fax"))
    call.leave()
    with pytest.raises(Closed):
        call.result(10)
    assert list(call.progress()) == []
    assert stage.switch.calls == []
    assert not list((stage.root / "out").glob("*.tif"))


@pytest.fixture
def hub() -> Iterator[HubRunner]:
    made = HubRunner("own")
    yield made
    made.close()


class Work:
    """The work behind a call; counts how often it is cancelled."""

    cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


RESULT = judge_sent(seen(ANSWERED, NEGOTIATED, page(1), phase_e(0, 1), CLEARED), CALL)
RECEIVED = judge_received(seen(ANSWERED, NEGOTIATED, page(1), phase_e(0, 1), CLEARED), CALL)


def test_the_progress_of_a_call_ends_with_its_result(hub: HubRunner) -> None:
    call = SendCall(hub, "id")
    with pytest.raises(TimeoutError):
        call.result(0.01)
    hub.run(call.report, ANSWERED)
    hub.run(call.report, page(1))
    assert not call.done
    hub.run(call.finish, RESULT, None)
    assert call.done
    assert list(call.progress()) == [ANSWERED, page(1)]
    second = threading.Thread(target=lambda: list(call.progress()), daemon=True)
    second.start()
    second.join(5)
    assert not second.is_alive(), "a second reader sees the end, too"
    assert call.result() is RESULT


def test_the_first_result_of_a_call_counts(hub: HubRunner) -> None:
    failed, finished = SendCall(hub, "id"), SendCall(hub, "other")
    hub.run(failed.finish, None, NoCapacity("all lines are in use"))
    hub.run(failed.finish, RESULT, None)
    with pytest.raises(NoCapacity, match="all lines"):
        failed.result()
    hub.run(finished.finish, RESULT, None)
    hub.run(finished.finish, None, NoCapacity("all lines are in use"))
    assert finished.result() is RESULT


@pytest.mark.parametrize("begun", [True, False])
def test_cancel_reaches_the_work_whenever_it_begins(hub: HubRunner, begun: bool) -> None:
    call, work = SendCall(hub, "id"), Work()
    if begun:
        hub.run(call.begin, work)
    call.cancel()
    assert (work.cancelled, call.was_begun) == (int(begun), begun)
    if not begun:
        hub.run(call.begin, work)
    assert (work.cancelled, call.was_begun) == (1, True)


def test_leave_has_no_effect_on_a_call_that_is_over(hub: HubRunner) -> None:
    call = SendCall(hub, "id")
    call.greenlet = hub.run(gevent.spawn, gevent.sleep)
    hub.run(call.finish, RESULT, None)
    call.leave()
    assert not call.was_left
    assert call.result() is RESULT


def test_inbound_faxes_are_returned_in_order_until_the_handle_is_closed(hub: HubRunner) -> None:
    seen_first: list[tuple[str, Observation]] = []
    with ReceiveHandle(hub, lambda call_id, each: seen_first.append((call_id, each))) as handle:
        with pytest.raises(TimeoutError, match=r"in 0\.01 s"):
            handle.get(0.01)
        other = replace(RECEIVED, call_id="other")
        for item in (("id", ANSWERED), RECEIVED, ("other", ANSWERED), other):
            handle.put(item)
        assert handle.get(5) is RECEIVED
        assert seen_first == [("id", ANSWERED)]
    assert list(handle) == [other]
    assert seen_first == [("id", ANSWERED), ("other", ANSWERED)]
    for _ in range(2):
        with pytest.raises(Closed):
            handle.get()
    handle.close()


def test_observations_are_dropped_where_no_function_wants_them(hub: HubRunner) -> None:
    handle = ReceiveHandle(hub, None)
    handle.put(("id", ANSWERED))
    handle.put(RECEIVED)
    assert handle.get(5) is RECEIVED
    handle.close()
