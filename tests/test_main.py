"""``python -m fsfax`` is the ``fsfax`` command."""

from __future__ import annotations

import runpy
import sys

import pytest

import fsfax


def test_the_module_runs_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fsfax", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("fsfax", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"fsfax, version {fsfax.__version__}\n"


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("fsfax.__main__", run_name="imported")
    assert capsys.readouterr().out == ""
