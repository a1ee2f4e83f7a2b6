"""Tokens of the HTTP API: what a client may do, and in which account.

A token is ``fsfax_<id>_<secret>``. The database stores only a SHA-256 of it: the secret is 256
random bits and in no dictionary, so a slow hash would protect nothing and would delay every
request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Row, exc, insert, select, update

from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.rows import matching, oldest_first, value_from_row
from fsfax.db.schema import tokens
from fsfax.errors import AccountNotFound, InvalidRequest, TokenExpired, TokenUnknown
from fsfax.runtime.clock import Clock, utc_now

_FORM = re.compile(r"fsfax_([0-9a-f]{16})_[A-Za-z0-9_-]{43}\Z")
_NO_HASH = hashlib.sha256(b"there is no such token").hexdigest()


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    """All requests, in every account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, without its secret. ``expires_at`` None = never."""

    id: str
    account_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the token of a row of the table."""
        return value_from_row(cls, row, scopes=frozenset(map(Scope, row.scopes)))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


class Tokens:
    """The tokens of a database.

    Args:
        database: the database that stores them.
        clock: for tests.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    def create(
        self,
        account_id: str,
        *,
        name: str = "",
        scopes: Collection[Scope] = (Scope.READ, Scope.WRITE),
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        """Store a new token; return it with its secret, which is not stored and not shown again.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: ``expires_at`` has no time zone, or no scope is given.
        """
        if not scopes:
            raise InvalidRequest("a token without a scope allows nothing: give it one")
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidRequest("expires_at has no time zone: add one, for example +00:00")
        id = secrets.token_hex(8)
        secret = f"fsfax_{id}_{secrets.token_urlsafe(32)}"
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert(tokens).values(
                        id=id,
                        account_id=account_id,
                        name=name,
                        hash=_hash(secret),
                        scopes=sorted(scopes),
                        created_at=self._now(),
                        expires_at=expires_at,
                    )
                )
        except exc.IntegrityError as error:
            raise AccountNotFound(f"there is no account {account_id}") from error
        return self._get(id), secret

    def check(self, secret: str) -> Token:
        """Return the token of a secret.

        Raises:
            TokenUnknown: there is none.
            TokenExpired: it expired, or it was revoked.
        """
        match = _FORM.match(secret)
        row = self._row(match[1]) if match else None
        # An unknown id takes as long as a known one; hashes are compared, never the secret itself.
        if not hmac.compare_digest(row.hash if row else _NO_HASH, _hash(secret)) or row is None:
            raise TokenUnknown("there is no such token")
        token = Token.from_row(row)
        if token.revoked_at or (token.expires_at and token.expires_at <= self._now()):
            raise TokenExpired("the token expired or was revoked: make another one")
        return token

    def revoke(self, token_id: str, account_id: str | None = None) -> Token:
        """Revoke a token and return it; revoking it again changes nothing.

        Raises:
            TokenUnknown: there is none (of that account).
        """
        self._get(token_id, account_id)
        with self._database.write() as connection:
            connection.execute(
                update(tokens)
                .where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
                .values(revoked_at=self._now())
            )
        return self._get(token_id)

    def list(self, account_id: str | None = None) -> tuple[Token, ...]:
        """Return the tokens (of an account), the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(oldest_first(tokens, account_id))
            return tuple(Token.from_row(row) for row in rows)

    def _get(self, token_id: str, account_id: str | None = None) -> Token:
        row = self._row(token_id, account_id)
        if row is None:
            raise TokenUnknown(f"there is no token {token_id}")
        return Token.from_row(row)

    def _row(self, token_id: str, account_id: str | None = None) -> Row[Any] | None:
        query = select(tokens).where(*matching(tokens, token_id, account_id))
        with self._database.read_statement() as connection:
            return connection.execute(query).first()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
