"""``fsfax account``, ``token`` and ``faxbox``."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fsfax.accounts.tokens import Scope, Tokens
from fsfax.cli import exits
from fsfax.cli.main import main
from fsfax.db.database import Database
from fsfax.errors import TokenExpired

Run = Callable[..., "Done"]


class Done(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "fsfax.db"
    with Database(f"sqlite:///{file}") as database:
        database.upgrade()
    return file


@pytest.fixture
def url(tmp_path: Path, template: Path) -> str:
    shutil.copy(template, tmp_path / "fsfax.db")
    return f"sqlite:///{tmp_path}/fsfax.db"


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: a new one takes a second to begin."""
    monkeypatch.setenv("FSFAX_DATABASE", url)

    def run(*words: str, code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["fsfax", *words])
        with pytest.raises(SystemExit) as end:
            main()
        done = Done(*capsys.readouterr())
        assert end.value.code == code, done.stderr
        return done

    return run


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_account_and_what_opens_it(run: Run, url: str) -> None:
    account = run("account", "create", "My company", "--number", "100", "--no-json").stdout.strip()
    assert len(account) == 32, "the id alone is printed, for scripts"
    made = run("token", "create", account, "--name", "shell", "--no-json")
    secret = made.stdout.strip()
    assert secret not in made.stderr
    tokens = Tokens(Database(url))
    token = tokens.check(secret)
    assert (token.account_id, token.name) == (account, "shell")
    assert token.scopes == {Scope.READ, Scope.WRITE}

    listed = run("token", "list")
    assert secret not in listed.stdout
    assert [(row["id"], row["revoked_at"]) for row in lines(listed)] == [(token.id, None)]
    run("token", "revoke", secret, "--no-json")  # or its id
    with pytest.raises(TokenExpired):
        tokens.check(secret)
    assert "revoked" in run("token", "list", "--account", account, "--no-json").stdout

    (shown,) = lines(run("account", "list"))
    assert (shown["name"], shown["numbers"]) == ("My company", ["100"])
    (changed,) = lines(run("account", "change", account, "--name", "New", "--max-calls", "2"))
    assert (changed["name"], changed["max_calls"], changed["numbers"]) == ("New", 2, ["100"])
    assert account in run("account", "list", "--no-json").stdout


def test_scopes_and_times(run: Run, url: str) -> None:
    account = run("account", "create", "x", "--no-json").stdout.strip()
    (made,) = lines(
        run("token", "create", account, "--scope", "read", "--scope", "admin", "--expires", "90d")
    )
    assert sorted(made["scopes"]) == ["admin", "read"]
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)
    Tokens(Database(url)).check(made["token"])
    (made,) = lines(run("token", "create", account, "--expires", "2099-01-01T00:00:00+01:00"))
    assert datetime.fromisoformat(made["expires_at"]) == datetime(2098, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("token", "create", "f" * 32), exits.JOB, "there is no account"),
        (("token", "revoke", "0" * 16), exits.JOB, "there is no token"),
        (("account", "change", "f" * 32, "--name", "x"), exits.JOB, "there is no account"),
        (("account", "create", "x", "--id", "y"), exits.USAGE, "32 hex digits"),
        (("faxbox", "show", "f" * 32), exits.JOB, "there is no faxbox"),
        (("faxbox", "create", "f" * 32, "x"), exits.JOB, "there is no account"),
        (("token", "create", "f" * 32, "--scope", "all"), exits.USAGE, "'all' is not one of"),
        (("token", "create", "f" * 32, "--expires", "soon"), exits.USAGE, "neither days"),
        (("token", "create", "f" * 32, "--expires", "2099-01-01"), exits.USAGE, "its zone"),
    ],
)
def test_what_is_wrong(run: Run, words: tuple[str, ...], code: int, told: str) -> None:
    assert told in run(*words, code=code).stderr


class TestFaxboxes:
    @pytest.fixture
    def account(self, run: Run) -> str:
        return run("account", "create", "x", "--no-json").stdout.strip()

    def test_its_life(self, run: Run, account: str) -> None:
        box = run(
            "faxbox", "create", account, "Desk", "--number", "100", "--set", "retries=3",
            "--set", "caller_id=0049301", "--set", "fax_header=Dr. Grün",
            "--set", "notifications.inbound.email.send_to=desk@example.org", "--no-json",
        ).stdout.strip()  # fmt: skip
        (shown,) = lines(run("faxbox", "show", box))
        assert shown["data"] == {
            "retries": 3,
            "caller_id": "0049301",
            "fax_header": "Dr. Grün",
            "notifications": {"inbound": {"email": {"send_to": "desk@example.org"}}},
        }
        words = run("faxbox", "show", box, "--no-json").stdout
        assert f"NUMBER@{shown['smtp_email_address']}" in words
        assert "faxes to 100 arrive in it" in words
        (changed,) = lines(
            run("faxbox", "change", box, "--name", "New", "--set", "retries=null", "--number", "5")
        )
        assert (changed["name"], changed["numbers"]) == ("New", ["5"])
        assert "retries" not in changed["data"]
        assert changed["data"]["fax_header"] == "Dr. Grün"
        assert box in run("faxbox", "list", "--account", account, "--no-json").stdout
        run("faxbox", "remove", box)
        assert lines(run("faxbox", "list")) == []

    def test_what_is_done_with_faxes_that_come_in(self, run: Run, account: str) -> None:
        box = run(
            "faxbox", "create", account, "Desk", "--allow", "+353 1*", "--allow", "Anonymous",
            "--block", "+353 1 555 0666", "--forward-to", "+1 555 0111",
            "--retention-days", "30", "--no-json",
        ).stdout.strip()  # fmt: skip
        (shown,) = lines(run("faxbox", "show", box))
        assert shown["data"] == {
            "callers": {"allow": ["+3531*", "anonymous"], "block": ["+35315550666"]},
            "forward_to": "+1 555 0111",
            "retention_days": 30,
        }
        words = run("faxbox", "show", box, "--no-json").stdout
        for said in (
            "accepts faxes from +3531*, anonymous only",
            "accepts no faxes from +35315550666",
            "forwards complete faxes to +1 555 0111",
            "documents are removed after 30 days",
        ):
            assert said in words
        (changed,) = lines(run("faxbox", "change", box, "--block", "*", "--set", "forward_to=null"))
        assert changed["data"] == {
            "callers": {"allow": ["+3531*", "anonymous"], "block": ["*"]},
            "retention_days": 30,
        }
        (changed,) = lines(run("faxbox", "change", box, "--set", "callers=null"))
        assert changed["data"] == {"retention_days": 30}

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--block", "+353*1"), "a * stands at the end"),
            (("--allow", "a b"), "is no caller"),
            (("--forward-to", "nobody"), "cannot be dialled"),
            (("--forward-to", "00353 1 5550100", "--number", "+353 1 555 0100"), "itself"),
            (("--retention-days", "0"), "0 is not in the range"),
            (("--number", "no number"), "is no called number"),
            (("--set", "callers.deny=[]"), "callers.deny"),
            (("--set", "fax_identity=ABCDEFGHIJKLMNOPQRSTU"), "fax_identity"),
            (("--set", "caller_id=Clinic"), "caller_id"),
        ],
    )
    def test_decisions_that_cannot_be(
        self, run: Run, account: str, words: tuple[str, ...], told: str
    ) -> None:
        assert told in run("faxbox", "create", account, "Desk", *words, code=exits.USAGE).stderr
        assert lines(run("faxbox", "list")) == []

    @pytest.mark.parametrize(
        ("field", "told"),
        [
            ("retries=99", "retries"),
            ("retries", "not FIELD=VALUE"),
            ("a..b=1", "not FIELD=VALUE"),
            ("name.first=x", "name has no fields"),
            ("fax_timezone=Nowhere/City", "time zone"),
            ("notifications.inbound.email.send_to=nobody", "send_to"),
        ],
    )
    def test_fields_that_cannot_be(self, run: Run, account: str, field: str, told: str) -> None:
        done = run("faxbox", "create", account, "Desk", "--set", field, code=exits.USAGE)
        assert told in done.stderr
        assert lines(run("faxbox", "list")) == []

    def test_a_number_of_somebody_else(self, run: Run, account: str) -> None:
        run("account", "create", "other", "--number", "7")
        done = run("faxbox", "create", account, "Desk", "--number", "7", code=exits.JOB)
        assert "the number 7 belongs to another account" in done.stderr
