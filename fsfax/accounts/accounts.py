"""Accounts: owners of faxes, with limits on their calls and with called numbers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, delete, exc, insert, select, update

from fsfax.accounts.numbers import number_key, stored_number
from fsfax.accounts.windows import require_windows
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.rows import oldest_first, value_from_row
from fsfax.db.schema import accounts, inbound_numbers
from fsfax.db.transitions import insert_for
from fsfax.errors import AccountNotFound, AddressTaken, InvalidRequest
from fsfax.runtime.clock import Clock, utc_now

_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An owner of faxes.

    max_calls: calls at once; 0 = the setting ``jobs.account_calls``.
    windows: times of day in which it may call, see `fsfax.accounts.windows`; none = always.
    numbers: called numbers whose faxes arrive in its inbox.
    """

    id: str
    name: str
    created_at: datetime
    max_calls: int
    windows: tuple[Mapping[str, Any], ...]
    numbers: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Row[Any], numbers: Sequence[str]) -> Self:
        """Return the account of a row of the table."""
        return value_from_row(cls, row, windows=tuple(row.windows), numbers=tuple(sorted(numbers)))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


class Accounts:
    """The accounts of a database.

    Args:
        database: the database that stores them.
        clock: for tests.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    def create(
        self,
        name: str,
        *,
        account_id: str | None = None,
        max_calls: int = 0,
        windows: Sequence[Mapping[str, Any]] = (),
        numbers: Sequence[str] = (),
    ) -> Account:
        """Store a new account and return it; faxes to its ``numbers`` arrive in its inbox.

        Raises:
            InvalidRequest: an id that is not 32 hex digits, or is taken; an invalid window or
                number.
            AddressTaken: a number belongs to another account.
        """
        id = account_id or uuid.uuid4().hex
        if not _ID.match(id):
            raise InvalidRequest(f"{id!r} is not an account id: 32 hex digits, lower case")
        require_windows(windows)
        now = self._now()
        values = {"id": id, "name": name, "max_calls": max_calls, "windows": _plain(windows)}
        try:
            with self._database.write() as connection:
                connection.execute(insert(accounts).values(created_at=now, served_at=now, **values))
                assign_numbers(connection, id, None, numbers)
        except exc.IntegrityError as error:
            raise InvalidRequest(f"there is an account {id} already") from error
        return self.get(id)

    def get(self, account_id: str) -> Account:
        """Return an account.

        Raises:
            AccountNotFound: there is none.
        """
        with self._database.read() as connection:
            row = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
            if row is None:
                raise AccountNotFound(f"there is no account {account_id}")
            query = select(inbound_numbers.c.shown)
            own = connection.execute(query.where(inbound_numbers.c.account_id == account_id))
            return Account.from_row(row, list(own.scalars()))

    def list(self) -> tuple[Account, ...]:
        """Return all accounts, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(oldest_first(accounts)).all()
            numbers: dict[str, list[str]] = {}
            for number in connection.execute(select(inbound_numbers)):
                numbers.setdefault(number.account_id, []).append(number.shown)
            return tuple(Account.from_row(row, numbers.get(row.id, ())) for row in rows)

    def change(
        self,
        account_id: str,
        *,
        name: str | None = None,
        max_calls: int | None = None,
        windows: Sequence[Mapping[str, Any]] | None = None,
        numbers: Sequence[str] | None = None,
    ) -> Account:
        """Change what is given; ``numbers`` replaces all numbers that belong to no faxbox.

        Raises:
            AccountNotFound: there is none.
            InvalidRequest: an invalid window or number.
            AddressTaken: a number belongs to another account.
        """
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = name
        if max_calls is not None:
            values["max_calls"] = max_calls
        if windows is not None:
            require_windows(windows)
            values["windows"] = _plain(windows)
        with self._database.write() as connection:
            if values:
                connection.execute(
                    update(accounts).where(accounts.c.id == account_id).values(**values)
                )
            if numbers is not None:
                connection.execute(
                    delete(inbound_numbers).where(
                        inbound_numbers.c.account_id == account_id,
                        inbound_numbers.c.faxbox_id.is_(None),
                    )
                )
                assign_numbers(connection, account_id, None, numbers)
        return self.get(account_id)


def require_account(connection: Connection, account_id: str, *, lock: bool = False) -> None:
    """Raise unless an account exists; ``lock`` locks its row until the commit.

    Raises:
        AccountNotFound: there is none.
    """
    query = select(accounts.c.id).where(accounts.c.id == account_id)
    if connection.execute(query.with_for_update() if lock else query).first() is None:
        raise AccountNotFound(f"there is no account {account_id}")


def assign_numbers(
    connection: Connection, account_id: str, faxbox_id: str | None, numbers: Sequence[str]
) -> None:
    """Assign called numbers to an account, or to a faxbox of it.

    A number of the account itself may be assigned to its faxbox.

    Raises:
        InvalidRequest: one is not a called number.
        AddressTaken: a number, perhaps in another spelling, belongs to another account or faxbox.
    """
    for shown in dict.fromkeys(map(stored_number, numbers)):
        number = number_key(shown)
        owner = connection.execute(
            select(inbound_numbers).where(inbound_numbers.c.number == number)
        ).first()
        if owner is not None and (
            owner.account_id != account_id or owner.faxbox_id not in (None, faxbox_id)
        ):
            raise AddressTaken(f"the number {shown} belongs to another account or faxbox")
        if owner is None:
            own = {"number": number, "account_id": account_id, "faxbox_id": faxbox_id}
            inserted = connection.execute(
                insert_for(connection)(inbound_numbers)
                .values(shown=shown, **own)
                .on_conflict_do_nothing()
            )
            if not inserted.rowcount:  # another client assigned it since the query above
                raise AddressTaken(f"the number {shown} belongs to another account or faxbox")
        elif faxbox_id is not None:
            connection.execute(
                update(inbound_numbers)
                .where(inbound_numbers.c.number == number)
                .values(faxbox_id=faxbox_id, shown=shown)
            )


def _plain(windows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(window) for window in windows]
