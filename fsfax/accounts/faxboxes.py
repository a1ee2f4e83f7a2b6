"""Faxboxes: what the faxes to and from one number have in common.

A faxbox has called numbers (faxes to them arrive in it) and a mail domain of its own: a mail to
``NUMBER@<domain>`` becomes a fax. The rest is its configuration (`fsfax.accounts.faxbox_config`).
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, delete, exc, insert, or_, select, update

from fsfax.accounts.accounts import assign_numbers, require_account
from fsfax.accounts.faxbox_config import FaxboxBody, FaxboxConfig
from fsfax.accounts.numbers import number_key
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.rows import matching, oldest_first, value_from_row
from fsfax.db.schema import faxboxes, inbound_numbers
from fsfax.errors import AddressTaken, FaxboxNotFound, InvalidRequest
from fsfax.runtime.clock import Clock, utc_now

DOMAIN = "fax.invalid"
"""Mail domains are made under this one where the settings name none; no mail is delivered there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faxbox:
    """A faxbox.

    numbers: called numbers that are its own.
    smtp_email_address: the mail domain that was made for it; custom_smtp_email_address: one that
        a client chose.
    """

    id: str
    account_id: str
    name: str
    config: FaxboxConfig
    numbers: tuple[str, ...]
    smtp_email_address: str
    custom_smtp_email_address: str | None
    created_at: datetime
    modified_at: datetime
    revision: int

    @classmethod
    def from_row(cls, row: Row[Any], numbers: Sequence[str]) -> Self:
        """Return the faxbox of a row of the table."""
        return value_from_row(
            cls,
            row,
            config=FaxboxConfig.from_stored(row.data, faxbox=row.id),
            numbers=tuple(sorted(numbers)),
            smtp_email_address=row.smtp_address,
            custom_smtp_email_address=row.custom_address,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the configuration is ``data``."""
        values = plain_fields(self)
        del values["config"]
        return values | {"data": self.config.as_dict()}

    def given(self) -> dict[str, Any]:
        """Return the fields that `Faxboxes.create` makes the same faxbox of."""
        own: dict[str, Any] = {"name": self.name, "numbers": list(self.numbers)}
        if self.custom_smtp_email_address:
            own["custom_smtp_email_address"] = self.custom_smtp_email_address
        return {**self.config.as_dict(), **own}


class Faxboxes:
    """The faxboxes of a database.

    Args:
        database: the database that stores them.
        clock: for tests.
        domain: the mail domain under which those of new faxboxes are made.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now, domain: str = DOMAIN) -> None:
        self._database = database
        self._now = clock
        self._domain = domain

    def create(self, account_id: str, data: Mapping[str, Any]) -> Faxbox:
        """Store a new faxbox and return it.

        Args:
            account_id: the account that owns it.
            data: the fields of `fsfax.accounts.faxbox_config.FaxboxBody`; ``name`` is required,
                unknown fields are stored as they are.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: a field breaks a rule, which the message names, or it would forward
                faxes to itself.
            AddressTaken: a number or an address belongs to another account or faxbox.
        """
        body = FaxboxBody.validated(data)
        id, now = uuid.uuid4().hex, self._now()
        with self._database.write() as connection:
            require_account(connection, account_id)
            values = _columns(body) | {
                "id": id,
                "account_id": account_id,
                "smtp_address": f"{secrets.token_hex(4)}.{self._domain}",
                "created_at": now,
                "modified_at": now,
            }
            self._store(connection, insert(faxboxes).values(**values), body)
            assign_numbers(connection, account_id, id, body.numbers)
        return self.get(id)

    def get(self, faxbox_id: str, account_id: str | None = None) -> Faxbox:
        """Return a faxbox.

        Raises:
            FaxboxNotFound: there is none (of that account).
        """
        with self._database.read() as connection:
            return _with_numbers(connection, _find(connection, faxbox_id, account_id))

    def list(self, account_id: str | None = None) -> tuple[Faxbox, ...]:
        """Return the faxboxes (of an account), the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(oldest_first(faxboxes, account_id)).all()
            return tuple(_with_numbers(connection, row) for row in rows)

    def replace(
        self, faxbox_id: str, data: Mapping[str, Any], account_id: str | None = None
    ) -> Faxbox:
        """Replace all fields; id and mail domain stay.

        Raises:
            FaxboxNotFound, InvalidRequest, AddressTaken: as `get` and `create`.
        """
        body = FaxboxBody.validated(data)
        with self._database.write() as connection:
            self._update(connection, _find(connection, faxbox_id, account_id), body)
        return self.get(faxbox_id)

    def change(
        self, faxbox_id: str, data: Mapping[str, Any], account_id: str | None = None
    ) -> Faxbox:
        """Change the fields that are given; None removes a field.

        Raises:
            FaxboxNotFound, InvalidRequest, AddressTaken: as `get` and `create`.
        """
        with self._database.write() as connection:
            row = _find(connection, faxbox_id, account_id)
            merged = changed_fields(_with_numbers(connection, row), data)
            self._update(connection, row, FaxboxBody.validated(merged))
        return self.get(faxbox_id)

    def remove(self, faxbox_id: str, account_id: str | None = None) -> None:
        """Remove a faxbox; its faxes and numbers stay with the account.

        Raises:
            FaxboxNotFound: there is none (of that account).
        """
        with self._database.write() as connection:
            row = _find(connection, faxbox_id, account_id)
            _free_numbers(connection, row.id)
            connection.execute(delete(faxboxes).where(faxboxes.c.id == row.id))

    def by_address(self, domain: str) -> Faxbox | None:
        """Return the faxbox of a mail domain, made or chosen; None if no faxbox has it."""
        wanted = domain.lower()
        where = or_(faxboxes.c.smtp_address == wanted, faxboxes.c.custom_address == wanted)
        with self._database.read() as connection:
            row = connection.execute(select(faxboxes).where(where)).first()
            return _with_numbers(connection, row) if row else None

    def by_number(self, number: str) -> Faxbox | None:
        """Return the faxbox of a called number in any spelling; None if no faxbox has it."""
        query = (
            select(faxboxes)
            .join(inbound_numbers, inbound_numbers.c.faxbox_id == faxboxes.c.id)
            .where(inbound_numbers.c.number == number_key(number))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return _with_numbers(connection, row) if row else None

    def _update(self, connection: Connection, row: Row[Any], body: FaxboxBody) -> None:
        values = _columns(body) | {"modified_at": self._now(), "revision": row.revision + 1}
        statement = update(faxboxes).where(faxboxes.c.id == row.id).values(**values)
        self._store(connection, statement, body)
        _free_numbers(connection, row.id)
        assign_numbers(connection, row.account_id, row.id, body.numbers)

    @staticmethod
    def _store(connection: Connection, statement: Any, body: FaxboxBody) -> None:
        try:
            with connection.begin_nested():
                connection.execute(statement)
        except exc.IntegrityError as error:
            address = body.custom_smtp_email_address
            raise AddressTaken(f"{address}: email address must be unique") from error


def changed_fields(faxbox: Faxbox, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a faxbox with changes over them; None removes a field."""
    merged = {**faxbox.given(), **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _columns(body: FaxboxBody) -> dict[str, Any]:
    target = body.forward_to
    if target and number_key(target) in map(number_key, body.numbers):
        raise InvalidRequest(f"forward_to: {target} is a number of this faxbox itself")
    custom = body.custom_smtp_email_address
    return {
        "name": body.name,
        "data": body.stored_config(),
        "custom_address": custom.lower() if custom else None,
    }


def _find(connection: Connection, faxbox_id: str, account_id: str | None) -> Row[Any]:
    query = select(faxboxes).where(*matching(faxboxes, faxbox_id, account_id))
    row = connection.execute(query).first()
    if row is None:
        raise FaxboxNotFound(f"there is no faxbox {faxbox_id}")
    return row


def _with_numbers(connection: Connection, row: Row[Any]) -> Faxbox:
    query = select(inbound_numbers.c.shown).where(inbound_numbers.c.faxbox_id == row.id)
    return Faxbox.from_row(row, list(connection.execute(query).scalars()))


def _free_numbers(connection: Connection, faxbox_id: str) -> None:
    connection.execute(
        update(inbound_numbers)
        .where(inbound_numbers.c.faxbox_id == faxbox_id)
        .values(faxbox_id=None)
    )
