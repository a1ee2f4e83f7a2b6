"""The handles that the engine returns: progress, results, cancelling and leaving a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax import Closed, Engine, Fate, Outcome, PageDone
from fsfax.softswitch import number_of
from tests.engine.stage import Stage


def test_cancelled_before_it_is_dialled(stage: Stage, engine: Engine, letter: Path) -> None:
    call = engine.start(letter, number_of("fax"))
    call.cancel()
    assert call.result(30).outcome is Outcome.CANCELLED
    assert not [record for record in stage.switch.calls if record.uuid == call.id]


def test_a_call_that_is_left_goes_on(stage: Stage, engine: Engine, converted: Path) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
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
