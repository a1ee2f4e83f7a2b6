"""Faxboxes: what the faxes to and from one number have in common.

A faxbox has called numbers (faxes to them come into it) and a mail domain of its own: a mail to
``NUMBER@<domain>`` becomes a fax. What else it says (`data`: caller, header, retries, who is told,
who may send mails) is kept as it was given; who makes use of it checks it. Of incoming faxes it
says:

    callers         who may send some (`fsfax.accounts.callers`)
    forward_to      a number that complete ones are sent on to (`fsfax.jobs.forward`)
    retention_days  for how long documents are kept, of both directions (`fsfax.jobs.retention`)
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, delete, exc, insert, or_, select, update

from fsfax.accounts.accounts import own_numbers
from fsfax.accounts.numbers import number_key
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.schema import accounts, faxboxes, inbound_numbers
from fsfax.errors import AccountNotFound, AddressTaken, FaxboxNotFound, InvalidRequest
from fsfax.runtime.clock import Clock, utc_now
from fsfax.values.preferences import SendPreferences

DOMAIN = "fax.invalid"
"""Under which mail domains are made where the settings name none; mail never gets there."""

RETRIES = 3
"""Retries of faxes from a faxbox that says nothing, as in the original."""

_LONGEST_NAME = 128
_COLUMNS = frozenset({"name", "numbers", "custom_smtp_email_address"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Faxbox:
    """A faxbox.

    data: everything that was given but what follows.
    numbers: called numbers that are its own.
    smtp_email_address: the mail domain that was made for it; custom_smtp_email_address: one that
        somebody chose.
    """

    id: str
    account_id: str
    name: str
    data: Mapping[str, Any]
    numbers: tuple[str, ...]
    smtp_email_address: str
    custom_smtp_email_address: str | None
    created_at: datetime
    modified_at: datetime
    revision: int

    @classmethod
    def from_row(cls, row: Row[Any], numbers: Sequence[str]) -> Self:
        """Make a faxbox of a row of the table."""
        return cls(
            id=row.id,
            account_id=row.account_id,
            name=row.name,
            data=row.data,
            numbers=tuple(sorted(numbers)),
            smtp_email_address=row.smtp_address,
            custom_smtp_email_address=row.custom_address,
            created_at=row.created_at,
            modified_at=row.modified_at,
            revision=row.revision,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)

    def given(self) -> dict[str, Any]:
        """Return it as it was given to `Faxboxes.create`."""
        own: dict[str, Any] = {"name": self.name, "numbers": list(self.numbers)}
        if self.custom_smtp_email_address:
            own["custom_smtp_email_address"] = self.custom_smtp_email_address
        return {**self.data, **own}


class Faxboxes:
    """The faxboxes of a database.

    Args:
        database: where they are.
        clock: for tests.
        domain: under which mail domains are made.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now, domain: str = DOMAIN) -> None:
        self._database = database
        self._now = clock
        self._domain = domain

    def create(self, account_id: str, data: Mapping[str, Any]) -> Faxbox:
        """Make a faxbox.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: it has no name of 1 to 128 characters, a number that is none, or would
                send faxes on to itself.
            AddressTaken: a number or an address is somebody else's.
        """
        id, now = uuid.uuid4().hex, self._now()
        own = {"id": id, "account_id": account_id, "created_at": now}
        made = {"smtp_address": f"{secrets.token_hex(4)}.{self._domain}"}
        with self._database.write() as connection:
            known = select(accounts.c.id).where(accounts.c.id == account_id)
            if connection.execute(known).first() is None:
                raise AccountNotFound(f"there is no account {account_id}")
            values = own | made | _columns(data) | {"modified_at": now}
            self._store(connection, insert(faxboxes).values(**values), data)
            own_numbers(connection, account_id, id, data.get("numbers") or ())
        return self.get(id)

    def get(self, faxbox_id: str, account_id: str | None = None) -> Faxbox:
        """Return a faxbox.

        Raises:
            FaxboxNotFound: there is none (of that account).
        """
        with self._database.read() as connection:
            return _whole(connection, _find(connection, faxbox_id, account_id))

    def list(self, account_id: str | None = None) -> tuple[Faxbox, ...]:
        """Return the faxboxes (of an account), the oldest first."""
        query = select(faxboxes).order_by(faxboxes.c.created_at, faxboxes.c.id)
        if account_id is not None:
            query = query.where(faxboxes.c.account_id == account_id)
        with self._database.read() as connection:
            return tuple(_whole(connection, row) for row in connection.execute(query).all())

    def replace(
        self, faxbox_id: str, data: Mapping[str, Any], account_id: str | None = None
    ) -> Faxbox:
        """Replace all that was given; id and mail domain stay.

        Raises:
            FaxboxNotFound, InvalidRequest, AddressTaken: as `get` and `create`.
        """
        with self._database.write() as connection:
            row = _find(connection, faxbox_id, account_id)
            self._update(connection, row, data)
        return self.get(faxbox_id)

    def change(
        self, faxbox_id: str, data: Mapping[str, Any], account_id: str | None = None
    ) -> Faxbox:
        """Change the fields that are given; None removes one.

        Raises:
            FaxboxNotFound, InvalidRequest, AddressTaken: as `get` and `create`.
        """
        with self._database.write() as connection:
            row = _find(connection, faxbox_id, account_id)
            merged = {**_whole(connection, row).given(), **data}
            kept = {name: value for name, value in merged.items() if value is not None}
            self._update(connection, row, kept)
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
        """Return the faxbox of a mail domain, made or chosen; None if there is none."""
        wanted = domain.lower()
        where = or_(faxboxes.c.smtp_address == wanted, faxboxes.c.custom_address == wanted)
        with self._database.read() as connection:
            row = connection.execute(select(faxboxes).where(where)).first()
            return _whole(connection, row) if row else None

    def by_number(self, number: str) -> Faxbox | None:
        """Return the faxbox of a called number, however it is written; None if it is none's."""
        query = (
            select(faxboxes)
            .join(inbound_numbers, inbound_numbers.c.faxbox_id == faxboxes.c.id)
            .where(inbound_numbers.c.number == number_key(number))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return _whole(connection, row) if row else None

    def _update(self, connection: Connection, row: Row[Any], data: Mapping[str, Any]) -> None:
        values = _columns(data) | {"modified_at": self._now(), "revision": row.revision + 1}
        changed = update(faxboxes).where(faxboxes.c.id == row.id).values(**values)
        self._store(connection, changed, data)
        _free_numbers(connection, row.id)
        own_numbers(connection, row.account_id, row.id, data.get("numbers") or ())

    @staticmethod
    def _store(connection: Connection, statement: Any, data: Mapping[str, Any]) -> None:
        try:
            with connection.begin_nested():
                connection.execute(statement)
        except exc.IntegrityError as error:
            address = data.get("custom_smtp_email_address")
            raise AddressTaken(f"{address}: email address must be unique") from error


def preferences_of(data: Mapping[str, Any]) -> SendPreferences:
    """Return how faxes from a faxbox that says this (`Faxbox.data`) are sent."""
    return SendPreferences(
        ident=data.get("fax_identity") or None,
        header=data.get("fax_header") or None,
        timezone=data.get("fax_timezone") or None,
        # True is what everybody does, and "auto" is what experience makes of it.
        t38="off" if (data.get("media") or {}).get("fax_option") is False else None,
    )


def _columns(data: Mapping[str, Any]) -> dict[str, Any]:
    name = data.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidRequest(f"a faxbox needs a name of 1 to {_LONGEST_NAME} characters")
    custom = data.get("custom_smtp_email_address") or None
    target = data.get("forward_to")
    if target and number_key(target) in map(number_key, data.get("numbers") or ()):
        raise InvalidRequest(f"forward_to: {target} is a number of this faxbox itself")
    return {
        "name": name,
        "data": {key: value for key, value in data.items() if key not in _COLUMNS},
        "custom_address": custom.lower() if custom else None,
    }


def _find(connection: Connection, faxbox_id: str, account_id: str | None) -> Row[Any]:
    query = select(faxboxes).where(faxboxes.c.id == faxbox_id)
    if account_id is not None:
        query = query.where(faxboxes.c.account_id == account_id)
    row = connection.execute(query).first()
    if row is None:
        raise FaxboxNotFound(f"there is no faxbox {faxbox_id}")
    return row


def _whole(connection: Connection, row: Row[Any]) -> Faxbox:
    query = select(inbound_numbers.c.shown).where(inbound_numbers.c.faxbox_id == row.id)
    return Faxbox.from_row(row, list(connection.execute(query).scalars()))


def _free_numbers(connection: Connection, faxbox_id: str) -> None:
    connection.execute(
        update(inbound_numbers)
        .where(inbound_numbers.c.faxbox_id == faxbox_id)
        .values(faxbox_id=None)
    )
