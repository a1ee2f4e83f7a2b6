"""``fsfax cancel``, ``hold``, ``release`` and ``resubmit``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from tests.cli.commands import Run, lines


@pytest.fixture
def id(run: Run, letter: Path) -> str:
    """The id of a job that no worker sends."""
    return run("submit", str(letter), "--to", "5550100", "--no-json").stdout.strip()


def test_held_released_cancelled_and_resubmitted(run: Run, id: str) -> None:
    (held,) = lines(run("hold", id))
    assert held["hold"] == "operator"
    run("release", id)
    run("release", id, code=exits.JOB)
    (cancelled,) = lines(run("cancel", id))
    assert cancelled["state"] == "cancelled"
    both = run("cancel", id, "0" * 32, code=exits.JOB)
    assert len(both.stderr.strip().splitlines()) == 2
    (again,) = lines(run("resubmit", id, "--to", "5550101"))
    assert (again["resubmit_of"], again["to_number"]) == (id, "5550101")
    (same,) = lines(run("resubmit", id))
    assert same["to_number"] == "5550100"


def test_the_state_in_words(run: Run, id: str) -> None:
    assert run("hold", id, "--no-json").stdout == f"{id} attaching_files, held (operator)\n"
    assert run("release", id, "--no-json").stdout == f"{id} attaching_files\n"
    assert run("cancel", id, "--no-json").stdout == f"{id} cancelled\n"


def test_an_unknown_job_does_not_stop_the_others(run: Run, id: str) -> None:
    done = run("cancel", "0" * 32, id, code=exits.JOB)
    assert [row["state"] for row in lines(done)] == ["cancelled"]
    assert done.stderr.startswith("fsfax: ")
