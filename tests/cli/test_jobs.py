"""``fsfax jobs`` and ``fsfax job``: list jobs, show one, save its documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from tests.cli.commands import Run, lines


@pytest.fixture
def ids(run: Run, letter: Path) -> list[str]:
    """Jobs that no worker sends; the second one is cancelled."""
    found = [
        run("submit", str(letter), "--to", f"555010{n}", "--no-json").stdout.strip()
        for n in range(3)
    ]
    run("cancel", found[1])
    return found


def test_the_newest_is_listed_first(run: Run, ids: list[str]) -> None:
    assert [row["id"] for row in lines(run("jobs"))] == ids[::-1]
    assert [row["id"] for row in lines(run("jobs", "--limit", "2"))] == ids[:0:-1]


def test_filters(run: Run, ids: list[str], account: str) -> None:
    (row,) = lines(run("jobs", "--state", "cancelled"))
    assert row["id"] == ids[1]
    both = run("jobs", "--state", "cancelled", "--state", "attaching_files")
    assert len(lines(both)) == 3
    assert lines(run("jobs", "--direction", "in")) == []
    assert lines(run("jobs", "--account", account)) == []
    assert lines(run("jobs", "--since", "2099-01-01")) == []
    assert len(lines(run("jobs", "--since", "2020-01-01"))) == 3


def test_a_table(run: Run, ids: list[str]) -> None:
    _, *rows = run("jobs", "--no-json").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ids[::-1]
    assert rows[1].split()[3:] == ["→", "5550101", "cancelled"]


def test_one_job(run: Run, ids: list[str]) -> None:
    (shown,) = lines(run("job", ids[1]))
    assert (shown["state"], shown["tries"]) == ("cancelled", [])
    (document,) = shown["documents"]
    assert document["kind"] == "original"
    states = [seen["data"]["state"] for seen in shown["seen"] if seen["kind"] == "state"]
    assert states == ["attaching_files", "cancelled"]
    words = run("job", ids[1], "--no-json").stdout
    assert f"{ids[1]}: cancelled, to 5550101" in words
    assert "original: application/pdf" in words


def test_documents_are_saved(run: Run, ids: list[str], letter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert "saved " in run("job", ids[0], "--no-json", "--save", str(folder)).stdout
    (saved,) = folder.iterdir()
    assert saved.name == f"{ids[0]}-original-0.pdf"
    assert saved.read_bytes() == letter.read_bytes()


def test_wrong_input(run: Run) -> None:
    assert "no job x" in run("job", "x", code=exits.JOB).stderr
    run("jobs", "--state", "nonsense", code=exits.USAGE)
    run("jobs", "--limit", "0", code=exits.USAGE)
