"""Faxes that came while no engine listened. In a module of its own: no earlier test may listen."""

from __future__ import annotations

from pathlib import Path

from fsfax import Engine, Status
from fsfax.document import compare
from tests.e2e.rig import Rig


def test_a_fax_that_came_while_no_engine_listened(
    rig: Rig, sender: Engine, letter: Path, converted: Path, tmp_path: Path
) -> None:
    settings = rig.receiving(tmp_path / "inbox")
    result = sender.send(letter, rig.numbers["fax"], ident="+1 555 0114", resolution="standard")
    assert result.success, result
    with Engine(settings, hub="own") as engine, engine.receive() as faxes:
        fax = faxes.get(timeout=rig.patience)
        assert fax.status is Status.SUCCEEDED, fax
        assert fax.pages_received == 3
        assert fax.gaps
        assert fax.to_number == rig.numbers["fax"]  # the dialplan recorded it
        assert fax.file
        assert compare(converted, fax.file).identical
