"""Accounts: whose faxes they are, when and how many at once they may call, their numbers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, delete, exc, insert, select, update

from fsfax.accounts.numbers import kept_number, number_key
from fsfax.accounts.windows import require_windows
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.schema import accounts, inbound_numbers
from fsfax.db.transitions import insert_for
from fsfax.errors import AccountNotFound, AddressTaken, InvalidRequest
from fsfax.runtime.clock import Clock, utc_now

_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose faxes they are.

    max_calls: calls at once; 0 = the setting ``jobs.account_calls``.
    windows: when it may call, see `fsfax.accounts.windows`; none = always.
    numbers: called numbers whose faxes come into its inbox.
    """

    id: str
    name: str
    created_at: datetime
    max_calls: int
    windows: tuple[Mapping[str, Any], ...]
    numbers: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Row[Any], numbers: Sequence[str]) -> Self:
        """Make an account of a row of the table."""
        return cls(
            id=row.id,
            name=row.name,
            created_at=row.created_at,
            max_calls=row.max_calls,
            windows=tuple(row.windows),
            numbers=tuple(sorted(numbers)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


class Accounts:
    """The accounts of a database.

    Args:
        database: where they are.
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
        """Make an account; faxes to its ``numbers`` come into its inbox.

        Raises:
            InvalidRequest: an id that is not 32 hex digits, or is taken; windows that make no
                sense; a number that is none.
            AddressTaken: a number is another account's.
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
                own_numbers(connection, id, None, numbers)
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
            mine = connection.execute(query.where(inbound_numbers.c.account_id == account_id))
            return Account.from_row(row, list(mine.scalars()))

    def list(self) -> tuple[Account, ...]:
        """Return all accounts, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(accounts).order_by(accounts.c.created_at, accounts.c.id)
            ).all()
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
        """Change what is given; ``numbers`` replaces all of them that are no faxbox's.

        Raises:
            AccountNotFound: there is none.
            InvalidRequest: windows that make no sense; a number that is none.
            AddressTaken: a number is another account's.
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
                own_numbers(connection, account_id, None, numbers)
        return self.get(account_id)


def _plain(windows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(window) for window in windows]


def own_numbers(
    connection: Connection, account_id: str, faxbox_id: str | None, numbers: Sequence[str]
) -> None:
    """Give called numbers to an account, or to a faxbox of it; one that is the account's may go
    over to its faxbox.

    Raises:
        InvalidRequest: one is no number.
        AddressTaken: a number is somebody else's, perhaps in another way of writing.
    """
    for shown in dict.fromkeys(map(kept_number, numbers)):
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
            made = connection.execute(
                insert_for(connection)(inbound_numbers)
                .values(shown=shown, **own)
                .on_conflict_do_nothing()
            )
            if not made.rowcount:  # somebody else entered it in the same moment
                raise AddressTaken(f"the number {shown} belongs to another account or faxbox")
        elif faxbox_id is not None:
            connection.execute(
                update(inbound_numbers)
                .where(inbound_numbers.c.number == number)
                .values(faxbox_id=faxbox_id, shown=shown)
            )
