"""Parked calls that several engines see: one of them answers each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fsfax.engine.receive as module
from fsfax import Engine
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.softswitch import number_of
from tests.engine.stage import Stage, until


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
    stage.switch.api("hash", f"insert/fsfax/{record.uuid}/taken-by-another")
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
        until(lambda: not receiver.active, "the engine follows it no longer")
    assert InboundSpool(stage.root / "inbox").pending() == []
