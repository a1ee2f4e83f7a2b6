"""Attempts of another process, which is gone or still runs: found, followed or settled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax import (
    AlreadyDialled,
    CallTimeouts,
    Dialling,
    Doubt,
    Engine,
    EslError,
    Fate,
    InvalidRequest,
    NotDialled,
    Observation,
    Outcome,
    PageDone,
    Ringing,
    SendCall,
    Status,
    new_call_id,
)
from fsfax.engine import marks
from fsfax.engine.adopt import Adoption, Planned
from fsfax.engine.plan import call_ids
from fsfax.errors import CommandFailed, Disconnected
from fsfax.esl.watch import Watch
from fsfax.settings import NodeSettings
from fsfax.softswitch import number_of
from fsfax.softswitch.stores import DbStore, HashStore
from tests.engine.stage import Stage

SOON = CallTimeouts(result=0.3)


@pytest.fixture
def former(stage: Stage) -> Iterator[Engine]:
    """Return the engine of the process that planned the attempt and no longer follows it."""
    with Engine(stage.settings(), hub="own") as made:
        made.wait_up()
        yield made


def leave(call: SendCall, kind: type[Observation], count: int = 1) -> None:
    """Stop following a call after ``count`` observations of a kind."""
    for seen in call.progress():
        count -= isinstance(seen, kind)
        if not count:
            call.leave()
            return
    raise AssertionError(f"{kind} never came")


def adopt(engine: Engine, stage: Stage, attempt_id: str, **changes: object) -> SendCall:
    values = {
        "node": stage.node.name,
        "core": stage.core,
        "gateways": ("softswitch",),
        "first_page": 1,
        "last_page": 3,
        "started_at": time.time() - 60,
        "wait": 10,
    }
    return engine.adopt(attempt_id, **{**values, **changes})  # type: ignore[arg-type]


def intend(stage: Stage, call_id: str) -> None:
    assert stage.switch.api("hash", f"insert_ifempty/fsfax/{call_id}/intended").startswith("+OK")


def test_a_call_that_is_up_is_followed(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    call = former.start(converted, number_of("fax"), as_is=True)
    leave(call, PageDone)
    adopted = adopt(engine, stage, call.id)
    seen = list(adopted.progress())
    result = adopted.result(30)
    assert result.success, result
    assert (result.pages_sent, result.pages_total, result.gateway) == (3, 3, "softswitch")
    assert result.time_elapsed >= 60, "counted from when it was planned"
    assert isinstance(seen[0], Dialling)
    assert [each.number for each in seen if isinstance(each, PageDone)][-1] == 3
    assert not (stage.root / "out" / f"{call.id}.tif").exists()
    assert engine.fate(call.id) is Fate.UNKNOWN, "the marks are erased"
    assert engine.nodes()[0].busy == 0
    assert len(stage.switch.calls) == 1


def test_keep_marks_leaves_the_marks(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    call = former.start(converted, number_of("fax"), as_is=True)
    leave(call, PageDone, 2)
    assert adopt(engine, stage, call.id, keep_marks=True).result(30).success
    assert engine.fate(call.id) is Fate.SUCCEEDED


def test_pages_before_the_adoption_count_when_the_call_breaks(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    call = former.start(converted, number_of("stall_in_page_2"), as_is=True)
    leave(call, PageDone)
    timeouts = CallTimeouts(page=1, linger=1)
    result = adopt(engine, stage, call.id, timeouts=timeouts).result(30)
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.LINE_TROUBLE)
    assert "made no progress" in result.error_message
    assert (result.pages_sent, result.first_unconfirmed_page) == (1, 2)
    assert result.doubt is Doubt.LAST_PAGE


def test_an_adopted_call_is_counted_and_can_be_cancelled(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    patient = CallTimeouts(answer=3600)
    call = former.start(converted, number_of("no_answer"), as_is=True, timeouts=patient)
    leave(call, Ringing)
    adopted = adopt(engine, stage, call.id, timeouts=patient)
    for seen in adopted.progress():
        if isinstance(seen, Dialling):
            (node,) = engine._pool.nodes
            assert (node.busy, node.busy_on("softswitch")) == (1, 1)
            adopted.cancel()
    result = adopted.result(10)
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.CANCELLED)
    stage.switch.wait_idle(10)
    assert engine.nodes()[0].busy == 0


def test_an_adopted_call_is_cancelled_before_it_was_found(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    patient = CallTimeouts(answer=3600)
    call = former.start(converted, number_of("no_answer"), as_is=True, timeouts=patient)
    leave(call, Ringing)
    adopted = adopt(engine, stage, call.id, timeouts=patient)
    adopted.cancel()
    assert adopted.result(10).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("number", "status", "outcome"),
    [
        ("fax", Status.SUCCEEDED, Outcome.DELIVERED),
        ("drop_in_page_2", Status.FAILED, Outcome.LINE_TROUBLE),
        ("busy", Status.FAILED, Outcome.LINE_TROUBLE),
    ],
)
def test_a_call_that_has_ended(
    stage: Stage,
    former: Engine,
    engine: Engine,
    converted: Path,
    number: str,
    status: Status,
    outcome: Outcome,
) -> None:
    """No process saw the end; what FreeSWITCH recorded decides."""
    call = former.start(converted, number_of(number), as_is=True, keep_marks=True)
    call.result(30)
    result = adopt(engine, stage, call.id, first_page=2).result(10)
    assert (result.status, result.outcome) == (status, outcome), result
    assert result.call_id == call.id
    if result.success:
        assert result.pages_sent == 2
    assert not result.still_up
    assert engine.fate(call.id) is Fate.UNKNOWN


def test_an_attempt_that_was_never_dialled(stage: Stage, engine: Engine, converted: Path) -> None:
    attempt_id = new_call_id()
    gateways = ("a", "b")
    for _ in range(2):  # asked again, it gives the same answer
        call = adopt(engine, stage, attempt_id, gateways=gateways)
        with pytest.raises(NotDialled):
            call.result(10)
        assert list(call.progress()) == []
    for id in call_ids(attempt_id, 2):
        assert stage.guard(id) == "settled"
    with pytest.raises(AlreadyDialled):
        engine.send(converted, number_of("fax"), as_is=True, attempt_id=attempt_id)
    assert stage.switch.calls == []


def test_an_attempt_that_was_about_to_be_dialled(stage: Stage, engine: Engine) -> None:
    """There is only the guard: the outcome is uncertain."""
    attempt_id = new_call_id()
    intend(stage, attempt_id)
    started = time.monotonic()
    result = adopt(engine, stage, attempt_id, timeouts=SOON).result(10)
    assert time.monotonic() - started >= SOON.result
    assert (result.status, result.outcome) == (Status.UNCERTAIN, Outcome.UNKNOWN)
    assert result.doubt is Doubt.ANY
    assert not result.still_up
    assert stage.guard(attempt_id) == "intended"


def test_the_former_process_waits_between_guard_and_originate(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    """It dials while FreeSWITCH is asked about the attempt: its call is found and followed."""
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> bool:
        asked.set()
        return go_on.wait(20)

    call = former.start(converted, number_of("fax"), as_is=True, may_dial=wait)
    assert asked.wait(20)
    adopted = adopt(engine, stage, call.id, timeouts=CallTimeouts(result=20))
    go_on.set()
    assert adopted.result(30).success
    assert call.result(30).success
    assert len(stage.switch.calls) == 1


def test_the_former_process_finds_that_it_may_not_dial(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> bool:
        asked.set()
        go_on.wait(20)
        return False

    call = former.start(converted, number_of("fax"), as_is=True, may_dial=wait)
    assert asked.wait(20)
    adopted = adopt(engine, stage, call.id, timeouts=CallTimeouts(result=20))
    go_on.set()
    with pytest.raises(NotDialled):
        adopted.result(30)
    with pytest.raises(NotDialled):
        call.result(30)
    assert stage.switch.calls == []


def test_nothing_is_proved_after_freeswitch_was_restarted(stage: Stage, engine: Engine) -> None:
    """After a restart there is no mark; no channel can be up, so nothing is waited for."""
    core, attempt_id = stage.core, new_call_id()
    intend(stage, attempt_id)
    stage.switch.restart()
    started = time.monotonic()
    call = adopt(engine, stage, attempt_id, core=core, timeouts=CallTimeouts(result=60), wait=15)
    result = call.result(30)
    assert time.monotonic() - started < 30
    assert result.status is Status.UNCERTAIN
    assert not result.still_up
    assert stage.guard(attempt_id) == "settled"
    for unknown in ("", core):
        call = adopt(engine, stage, new_call_id(), core=unknown)
        assert call.result(10).status is Status.UNCERTAIN


def test_a_mark_outlives_a_restart(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    core = stage.core
    call = former.start(converted, number_of("fax"), as_is=True, keep_marks=True)
    assert call.result(30).success
    stage.switch.restart()
    result = adopt(engine, stage, call.id, core=core, wait=15).result(30)
    assert result.success
    assert result.pages_sent == 3


def test_the_call_is_up_on_the_second_gateway(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    gateways = ("down", "softswitch")
    call = former.start(converted, number_of("fax"), as_is=True, gateways=gateways)
    leave(call, PageDone)
    result = adopt(engine, stage, call.id, gateways=gateways).result(30)
    assert result.success
    assert result.call_id == call_ids(call.id, 2)[1]
    assert result.gateway == "softswitch"
    assert stage.guard(call.id) == "", "a guard of the first is erased with the second"


def test_the_former_process_died_between_two_gateways(
    stage: Stage, former: Engine, engine: Engine, converted: Path
):
    call = former.start(
        converted, number_of("busy"), as_is=True, gateways=("softswitch",), keep_marks=True
    )
    call.result(30)
    gateways = ("softswitch", "softswitch")
    result = adopt(engine, stage, call.id, gateways=gateways).result(10)
    assert (result.status, result.call_id) == (Status.FAILED, call.id)
    _, second = call_ids(call.id, 2)
    assert stage.guard(second) == "settled", (
        "if the former process still runs, it must not dial the second"
    )
    assert stage.guard(call.id) == ""


def test_the_former_process_may_have_dialled_the_second_gateway(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    call = former.start(converted, number_of("busy"), as_is=True, keep_marks=True)
    call.result(30)
    _, second = call_ids(call.id, 2)
    intend(stage, second)
    result = adopt(engine, stage, call.id, gateways=("a", "b"), timeouts=SOON).result(10)
    assert (result.status, result.call_id, result.gateway) == (Status.UNCERTAIN, second, "b")


def test_a_node_that_is_down(stage: Stage) -> None:
    down = NodeSettings(name="down", port=1)
    with Engine(stage.settings(nodes=(down,)), hub="own") as engine:
        with pytest.raises(EslError):
            adopt(engine, stage, new_call_id(), node="down", wait=0.2).result(10)
        with pytest.raises(InvalidRequest):
            adopt(engine, stage, new_call_id(), node="nowhere")


def test_the_link_is_lost_while_the_call_is_followed(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    """Nothing is proved and nothing is settled: the next adoption finds the call."""
    call = former.start(converted, number_of("stall_in_page_2"), as_is=True)
    leave(call, PageDone)
    adopted = adopt(engine, stage, call.id, timeouts=CallTimeouts(link_lost=0.3))
    for seen in adopted.progress():
        if isinstance(seen, Dialling):
            stage.switch.stall(60.0)
            stage.switch.drop_connections()
    with pytest.raises(EslError):
        adopted.result(10)
    assert (stage.root / "out" / f"{call.id}.tif").exists()


def test_an_adopted_call_can_be_left_and_adopted_again(
    stage: Stage, former: Engine, engine: Engine, converted: Path
) -> None:
    call = former.start(converted, number_of("fax"), as_is=True)
    leave(call, PageDone)
    leave(adopt(engine, stage, call.id), Dialling)
    assert adopt(engine, stage, call.id).result(30).success


class Line:
    """A link to a FreeSWITCH that also executes commands of the former process, in between."""

    core = "core"
    connected = True

    def __init__(self, former: Iterator[None], before: list[int]) -> None:
        self.stores = {"db": DbStore(), "hash": HashStore()}
        self._former = former
        self._before = before
        self._asked = 0

    def watch(self, _: str) -> Watch:
        return Watch(10, lambda _watch: None)

    def api(self, command: str, arg: str = "") -> str:
        for _ in range(self._before[self._asked] if self._asked < len(self._before) else 0):
            next(self._former, None)
        self._asked += 1
        return self.run(command, arg)

    def run(self, command: str, arg: str) -> str:
        if command == "uuid_exists":
            return "false"
        answer = self.stores[command].command(arg) or "-ERR no reply"
        if answer.startswith("-ERR"):
            raise CommandFailed(answer, reply=answer.removeprefix("-ERR ").strip())
        return answer


@given(before=st.lists(st.integers(0, 3), max_size=12), gateways=st.integers(1, 3))
def test_a_settled_id_is_never_dialled(before: list[int], gateways: int) -> None:
    """However far the former process has come, and however it continues."""
    ids, dialled = call_ids("24f7d479-2e07-4f0e-9c1c-0d7c8f4b9a11", gateways), []

    class Direct:
        def api(self, command: str, arg: str = "") -> str:
            return line.run(command, arg)

    def process() -> Iterator[None]:
        for id in ids:
            if not marks.intend(Direct(), "fsfax", id):
                return
            yield
            dialled.append(id)
            yield
            hook = marks.variables("fsfax", id)["api_hangup_hook"].partition(" ")[2]
            line.run("hash", hook)  # local trouble: the next gateway
            yield

    other = process()
    line = Line(other, before)
    planned = Planned(
        attempt_id=ids[0],
        core="core",
        gateways=tuple("abc"[:gateways]),
        first_page=1,
        last_page=3,
        started_at=0.0,
        timeouts=CallTimeouts(result=0.001),
    )
    try:
        result = Adoption(line, "a", planned, lambda _: None).run()  # type: ignore[arg-type]
    except NotDialled:
        result = None
    then = list(dialled)
    for _ in other:
        pass
    if result is None:
        assert dialled == []
    elif result.status is Status.FAILED:
        assert dialled == then, "what was proved to be over is not dialled any more"
        assert result.call_id == dialled[-1]
    else:
        assert result.status is Status.UNCERTAIN


def test_the_link_is_lost_while_freeswitch_is_asked() -> None:
    class Gone(Line):
        def api(self, command: str, arg: str = "") -> str:
            raise Disconnected("gone")

    planned = Planned(
        attempt_id="x", core="core", gateways=(), first_page=1, last_page=1, started_at=0.0
    )
    with pytest.raises(Disconnected):
        Adoption(Gone(iter(()), []), "a", planned, lambda _: None).run()  # type: ignore[arg-type]
