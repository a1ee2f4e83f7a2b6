"""Tokens of the HTTP API: which secrets are accepted, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.tokens import Scope, Tokens
from fsfax.db.database import Database
from fsfax.db.schema import tokens as token_table
from fsfax.errors import AccountNotFound, InvalidRequest, TokenExpired, TokenUnknown
from tests.job_fixtures import Clock

UNKNOWN_ID = "f" * 32


often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def tokens(database: Database, clock: Clock) -> Tokens:
    return Tokens(database, clock=clock)


class TestTokens:
    def test_a_token_belongs_to_its_account(self, tokens: Tokens, mine: Account) -> None:
        token, secret = tokens.create(mine.id, name="shell")
        assert tokens.check(secret) == token
        assert token.scopes == {Scope.READ, Scope.WRITE}
        assert tokens.list(mine.id) == (token,)

    def test_the_database_has_no_secret(
        self, database: Database, tokens: Tokens, mine: Account
    ) -> None:
        _, secret = tokens.create(mine.id)
        with database.read() as connection:
            (row,) = connection.execute(select(token_table)).all()
        assert secret.split("_", 2)[2] not in repr(row)

    def test_a_token_expires_at_its_time(self, tokens: Tokens, mine: Account, clock: Clock) -> None:
        _, secret = tokens.create(mine.id, expires_at=clock.now + timedelta(seconds=10))
        clock.move(9)
        tokens.check(secret)
        clock.move(1)
        with pytest.raises(TokenExpired):
            tokens.check(secret)

    def test_a_revoked_token(
        self, tokens: Tokens, mine: Account, other: Account, clock: Clock
    ) -> None:
        token, secret = tokens.create(mine.id)
        kept = tokens.create(mine.id)[1]
        with pytest.raises(TokenUnknown):
            tokens.revoke(token.id, other.id)
        tokens.check(secret)
        at = tokens.revoke(token.id, mine.id).revoked_at
        clock.move(5)
        assert tokens.revoke(token.id).revoked_at == at == clock.now - timedelta(seconds=5)
        with pytest.raises(TokenExpired):
            tokens.check(secret)
        tokens.check(kept)

    def test_invalid_arguments(self, tokens: Tokens, mine: Account, clock: Clock) -> None:
        with pytest.raises(AccountNotFound):
            tokens.create(UNKNOWN_ID)
        with pytest.raises(InvalidRequest, match="scope"):
            tokens.create(mine.id, scopes=())
        with pytest.raises(InvalidRequest, match="time zone"):
            tokens.create(mine.id, expires_at=clock.now.replace(tzinfo=None))
        with pytest.raises(TokenUnknown):
            tokens.revoke("0" * 16)
        assert tokens.list() == ()

    @often
    @given(
        place=st.integers(0, 65), sign=st.characters(), way=st.sampled_from(["put", "cut", "add"])
    )
    def test_no_other_secret_is_accepted(
        self, tokens: Tokens, accounts: Accounts, place: int, sign: str, way: str
    ) -> None:
        _, secret = tokens.create(accounts.create("x").id)
        keep = place if way == "add" else place + 1
        mangled = secret[:place] + (sign if way != "cut" else "") + secret[keep:]
        if mangled == secret:
            tokens.check(mangled)
        else:
            with pytest.raises(TokenUnknown):
                tokens.check(mangled)

    @often
    @given(st.text())
    def test_no_text_is_accepted(self, tokens: Tokens, text: str) -> None:
        with pytest.raises(TokenUnknown):
            tokens.check(text)

    def test_another_tokens_id(self, tokens: Tokens, mine: Account, other: Account) -> None:
        a, b = tokens.create(mine.id)[1], tokens.create(other.id)[1]
        mixed = b[: len("fsfax_") + 17] + a[len("fsfax_") + 17 :]
        assert mixed not in (a, b)
        with pytest.raises(TokenUnknown):
            tokens.check(mixed)
