"""``fsfax token``: create, list and revoke tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fsfax.accounts.tokens import Scope, Tokens
from fsfax.cli import exits
from fsfax.db.database import Database
from fsfax.errors import TokenExpired
from tests.cli.commands import Run, lines


def test_created_listed_and_revoked(run: Run, url: str, account: str) -> None:
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


def test_scopes_and_times(run: Run, url: str, account: str) -> None:
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
    ("words", "code", "message"),
    [
        (("token", "create", "f" * 32), exits.JOB, "there is no account"),
        (("token", "revoke", "0" * 16), exits.JOB, "there is no token"),
        (("token", "create", "f" * 32, "--scope", "all"), exits.USAGE, "'all' is not one of"),
        (("token", "create", "f" * 32, "--expires", "soon"), exits.USAGE, "neither days"),
        (("token", "create", "f" * 32, "--expires", "2099-01-01"), exits.USAGE, "its zone"),
    ],
)
def test_wrong_input(run: Run, words: tuple[str, ...], code: int, message: str) -> None:
    assert message in run(*words, code=code).stderr
