"""The public entry point: conversion, sweeping, nodes, fates, closing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsfax import (
    CallTimeouts,
    Closed,
    Engine,
    Fate,
    InvalidNumber,
    InvalidRequest,
    Outcome,
    PageDone,
    new_call_id,
)
from fsfax.document import compare
from fsfax.errors import DocumentNotFound
from fsfax.softswitch import number_of
from tests.engine.stage import Stage


def test_closing_the_engine_cancels_its_calls(stage: Stage, letter: Path) -> None:
    engine = Engine(stage.settings(), hub="own")
    call = engine.start(letter, number_of("no_answer"), timeouts=CallTimeouts(answer=3600))
    for seen in call.progress():
        if type(seen).__name__ == "Ringing":
            break
    engine.close()
    assert call.result(1).outcome is Outcome.CANCELLED
    with pytest.raises(Closed):
        engine.start(letter, "1")
    with pytest.raises(Closed):
        engine.receive()
    engine.close()


def test_a_hostile_number_dials_nothing(stage: Stage, engine: Engine, letter: Path) -> None:
    for number in ("1}{x=y}", "1 &system(id)", "1|sofia/gateway/x/2", "1\napi system id", "${x}"):
        with pytest.raises(InvalidNumber):
            engine.send(letter, number)
    assert stage.switch.calls == []


def test_a_restart_shows_in_the_core(stage: Stage, engine: Engine) -> None:
    before = engine.nodes()[0].core
    assert before == stage.switch.api("global_getvar", "core_uuid")
    stage.switch.restart()
    deadline = time.monotonic() + 15
    while engine.nodes()[0].core in ("", before):
        assert time.monotonic() < deadline
        engine.wait_up()
    assert engine.nodes()[0].core == stage.switch.api("global_getvar", "core_uuid")


def test_the_fate_of_an_unknown_attempt(engine: Engine) -> None:
    assert engine.fate(new_call_id(), gateways=3) is Fate.UNKNOWN


def test_a_document_is_converted_now_and_sent_later(
    stage: Stage, engine: Engine, letter: Path, converted: Path, tmp_path: Path
) -> None:
    conversion = engine.convert(letter, tmp_path / "later.tif", resolution="standard")
    assert len(conversion.pages) == 3
    assert compare(conversion.path, converted).identical
    assert engine.send(conversion.path, number_of("fax"), as_is=True, end_page=1).success
    assert engine.convert(letter, tmp_path / "default.tif").resolution == "fine"
    with pytest.raises(InvalidRequest):
        engine.convert(letter, tmp_path / "x.tif", resolution="4k")  # type: ignore[arg-type]
    with pytest.raises(DocumentNotFound):
        engine.convert(tmp_path / "nowhere.pdf", tmp_path / "x.tif")
    engine.close()
    with pytest.raises(Closed):
        engine.convert(letter, tmp_path / "x.tif")


def test_calls_under_way_are_not_swept(stage: Stage, engine: Engine, converted: Path) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
            (stage.root / "out" / "lost.tif").touch()
            assert engine.sweep(older_than=0) == ["lost"]
            assert (stage.root / "out" / f"{call.id}.tif").exists()
    assert call.result(30).success


def test_the_file_of_a_left_call_is_swept_unless_kept(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone):
            call.leave()
            break
    stage.switch.wait_idle(30)
    assert engine.sweep() == []
    assert engine.sweep({call.id}, older_than=0) == []
    assert engine.sweep(older_than=0) == [call.id]


def test_documents_and_folders_may_be_strings(
    stage: Stage, engine: Engine, letter: Path, tmp_path: Path
) -> None:
    made = engine.convert(str(letter), str(tmp_path / "letter.tif"))
    assert (tmp_path / "letter.tif").stat().st_size == made.bytes
    with engine.receive(str(tmp_path / "inbox")) as faxes:
        record = stage.switch.call_in(number_of("fax"), tmp_path / "letter.tif")
        fax = faxes.get(timeout=20)
    assert (fax.call_id, fax.file) == (record.uuid, tmp_path / "inbox" / f"{record.uuid}.tif")
    assert engine.send(str(letter), number_of("fax")).success
    started = engine.start(str(tmp_path / "letter.tif"), number_of("fax"), as_is=True)
    assert started.result().success
