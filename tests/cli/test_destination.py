"""``fsfax destination``: how a number is called, and pins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fsfax.cli import exits
from fsfax.db.database import Database
from fsfax.jobs.store import JobStore
from tests.cli.commands import Run, lines

NUMBER = "+35315550100"


def mode(run: Run) -> dict[str, Any]:
    (shown,) = lines(run("destination", NUMBER))
    found: dict[str, Any] = shown["mode"]
    return found


def test_pins(run: Run) -> None:
    run("destination", NUMBER, "--t38", "off", "--ecm", "off")
    assert mode(run) == {"t38": "off", "ecm": False, "v17": True}
    run("destination", NUMBER, "--t38", "any")
    assert mode(run)["t38"] == "on"
    assert mode(run)["ecm"] is False
    run("destination", NUMBER, "--clear-pins")
    assert mode(run)["ecm"] is True


def test_clearing_the_history_leaves_the_pins(run: Run, url: str) -> None:
    with JobStore(Database(url)) as store:
        store.teach(NUMBER, lambda history: replace(history, delivered=3))
    (before,) = lines(run("destination", NUMBER))
    assert before["history"]["delivered"] == 3
    run("destination", NUMBER, "--v17", "off", "--give-up")
    (shown,) = lines(run("destination", NUMBER, "--clear"))
    assert shown["mode"]["v17"] is False
    assert shown["history"]["pins"]["give_up"] is True
    assert shown["history"].get("delivered", 0) == 0


def test_an_unknown_number_in_words(run: Run) -> None:
    assert NUMBER in run("destination", NUMBER, "--no-json").stdout


def test_a_number_that_cannot_be_dialled(run: Run) -> None:
    run("destination", "x", code=exits.USAGE)
