"""Parked calls that several engines see, and who calls whom."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsfax.engine.receive as module
from fsfax import Created, Engine, Fate, Observation, PageDone
from fsfax.engine import marks
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call
from fsfax.softswitch import number_of
from tests.engine.conftest import Stage
from tests.engine.test_guard import Stores


@given(st.lists(st.integers(0, 3), max_size=20))
def test_one_engine_takes_a_call_over(turns: list[int]) -> None:
    """Of all that see one taker die, one succeeds it."""
    link, seen, takers = Stores(), dict.fromkeys(range(4), ""), []
    for who in turns:
        if who in takers:
            continue
        before = marks.guard(link, "r", "id")
        seen[who] = marks.take(link, "r", "id", instead_of=seen[who])
        if not seen[who]:
            takers.append(who)
            assert marks.guard(link, "r", "id") != before, "each taker has a mark of its own"
        else:
            assert seen[who] == before, "whoever holds it stays, unless he was seen before"


def until(true: object, what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.02)


def test_two_engines_answer_once(
    stage: Stage, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    real = module.Receiver._take_over

    def counted(receiver: module.Receiver, call_id: str, *more: Any) -> None:
        done.append((receiver._node, call_id))
        real(receiver, call_id, *more)

    monkeypatch.setattr(module.Receiver, "_take_over", counted)
    with (
        Engine(stage.settings(), hub="own") as one,
        Engine(stage.settings(), hub="own") as two,
        one.receive() as _first,
        two.receive() as _second,
    ):
        one.wait_up()
        two.wait_up()
        ids = [stage.switch.call_in(number_of("takeover"), converted).uuid for _ in range(5)]
        inbox = InboundSpool(stage.root / "inbox")
        until(lambda: set(inbox.pending()) >= set(ids), "five faxes")
        stage.switch.wait_idle(20)
    assert sorted(id for _, id in done) == sorted(ids), "each was answered by one of them"
    for id in ids:
        fax = inbox.load(id)
        assert fax.success, fax
        assert fax.pages_received == 3


def test_an_engine_that_died_during_takeover_is_replaced(
    stage: Stage, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TAKEOVER_PATIENCE", 0.3)
    record = stage.switch.call_in(number_of("takeover"), converted)
    stage.switch.api("hash", f"insert/fsfax/{record.uuid}/taken-by-the-dead")
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        fax = faxes.get(timeout=20)
    assert fax.call_id == record.uuid
    assert fax.success, fax


def test_a_call_that_ends_before_its_takeover(stage: Stage, converted: Path) -> None:
    record = stage.switch.call_in(number_of("takeover"), converted)
    stage.switch.api("hash", f"insert/fsfax/{record.uuid}/taken-by-another")
    with Engine(stage.settings(), hub="own") as engine, engine.receive():
        engine.wait_up()
        (receiver,) = engine._receive_handles[0].receivers
        until(lambda: receiver.active, "the engine sees the call")
        stage.switch.api("uuid_kill", record.uuid)
        until(lambda: not receiver.active, "the engine lets go of it")
    assert InboundSpool(stage.root / "inbox").pending() == []


def test_a_fax_that_another_engine_stored_stays_as_it_is(stage: Stage, converted: Path) -> None:
    """Both follow a call that the dialplan answers; the second one finds no file."""
    inbox = InboundSpool(stage.root / "inbox")
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        engine.wait_up()
        record = stage.switch.call_in(number_of("fax"), converted)
        first = faxes.get(timeout=20)
        (receiver,) = engine._receive_handles[0].receivers
        engine._hub.run(
            receiver._store,
            Call(record.uuid, "b", 1.0, 2.0),
            Transcript(),
            stage.root / "in" / f"{record.uuid}.tif",
            fate=Fate.SUCCEEDED,
            gaps=(),
        )
    assert inbox.load(record.uuid) == first


def test_who_calls_whom_when_the_first_event_was_missed(
    stage: Stage, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_UNCLASSIFIED", 0)
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        engine.wait_up()
        for number in ("fax", "takeover"):
            stage.switch.call_in(number_of(number), converted, caller_number="+15550143")
            fax = faxes.get(timeout=20)
            assert (fax.from_number, fax.to_number) == ("+15550143", number_of(number))


@pytest.mark.parametrize("number", ["fax", "takeover"])
@pytest.mark.parametrize("late", [False, True])
def test_caller_and_called_are_reported_first(
    stage: Stage, converted: Path, number: str, late: bool
) -> None:
    """Also of a call that was up before an engine listened."""
    seen: list[tuple[str, Observation]] = []
    caller = {"caller_number": "+15550142", "caller_name": "Alice"}
    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()
        if late:
            record = stage.switch.call_in(number_of(number), converted, **caller)
            until(lambda: stage.switch.api("uuid_exists", record.uuid) == "true", "the call")
        with engine.receive(on_progress=lambda *pair: seen.append(pair)) as faxes:
            if not late:
                record = stage.switch.call_in(number_of(number), converted, **caller)
            fax = faxes.get(timeout=20)
    created = [each for _, each in seen if isinstance(each, Created)]
    assert {call_id for call_id, _ in seen} == {record.uuid}
    assert [(c.from_number, c.from_name, c.to_number, c.inbound) for c in created] == [
        ("+15550142", "Alice", number_of(number), True)
    ]
    assert isinstance(seen[-1][1], Observation)
    assert any(isinstance(each, PageDone) for _, each in seen)
    assert (fax.from_number, fax.to_number) == ("+15550142", number_of(number))
    assert InboundSpool(stage.root / "inbox").load(fax.call_id) == fax
