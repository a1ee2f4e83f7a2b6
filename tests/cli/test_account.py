"""``fsfax account``: create, change and list accounts."""

from __future__ import annotations

import pytest

from fsfax.cli import exits
from tests.cli.commands import Run, lines


def test_created_listed_and_changed(run: Run) -> None:
    account = run("account", "create", "My company", "--number", "100", "--no-json").stdout.strip()
    assert len(account) == 32, "the id alone is printed, for scripts"
    (shown,) = lines(run("account", "list"))
    assert (shown["name"], shown["numbers"]) == ("My company", ["100"])
    (changed,) = lines(run("account", "change", account, "--name", "New", "--max-calls", "2"))
    assert (changed["name"], changed["max_calls"], changed["numbers"]) == ("New", 2, ["100"])
    (changed,) = lines(run("account", "change", account, "--number", "7"))
    assert (changed["name"], changed["numbers"]) == ("New", ["7"])
    assert account in run("account", "list", "--no-json").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("account", "change", "f" * 32, "--name", "x"), exits.JOB, "there is no account"),
        (("account", "create", "x", "--id", "y"), exits.USAGE, "32 hex digits"),
    ],
)
def test_wrong_input(run: Run, words: tuple[str, ...], code: int, message: str) -> None:
    assert message in run(*words, code=code).stderr


def test_a_number_of_another_account(run: Run) -> None:
    run("account", "create", "one", "--number", "100")
    done = run("account", "create", "two", "--number", "100", code=exits.JOB)
    assert "the number 100 belongs to another account" in done.stderr
