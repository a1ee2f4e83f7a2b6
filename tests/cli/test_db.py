"""``fsfax db``: create and upgrade tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.db.database import newest_version
from tests.cli.commands import Run


def test_tables_are_created_and_upgraded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSFAX_DATABASE", f"sqlite:///{tmp_path}/data/new.db")
    newest = newest_version()
    assert run("db", "version").stdout == f"no tables, needed: {newest}\n"
    assert not (tmp_path / "data").exists(), "asking for the version creates no file"
    assert run("db", "upgrade").stdout == f"no tables → {newest}\n"
    assert run("db", "upgrade").stdout == f"{newest} → {newest}\n"
    assert run("db", "version").stdout == f"{newest}, needed: {newest}\n"


def test_a_file_that_is_not_a_database(
    run: Run, letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = letter.read_bytes()
    monkeypatch.setenv("FSFAX_DATABASE", f"sqlite:///{letter}")
    run("db", "upgrade", code=exits.STORE)
    assert letter.read_bytes() == before
