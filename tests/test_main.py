"""``python -m fsfax`` is the ``fsfax`` command."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import fsfax

# Not run_module: pytest's loader of plugins, of which fsfax is one, cannot return code.
MAIN = str(Path(fsfax.__file__).with_name("__main__.py"))


def test_the_module_runs_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fsfax", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(MAIN, run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"fsfax, version {fsfax.__version__}\n"


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(MAIN, run_name="imported")
    assert capsys.readouterr().out == ""
