"""The SMTP log: every mail that was sent to be faxed, accepted or refused, and its result."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, insert, literal, select, tuple_

from fsfax.db.database import Database
from fsfax.db.records import cursor, plain_fields
from fsfax.db.rows import matching, value_from_row
from fsfax.db.schema import mails
from fsfax.errors import InvalidRequest, JobNotFound
from fsfax.runtime.clock import Clock, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRecord:
    """A mail.

    errors: why it, or a part of it, was refused. job_ids: the faxes that were made of it.
    """

    id: str
    account_id: str | None
    faxbox_id: str | None
    created_at: datetime
    from_address: str
    to_address: str
    errors: tuple[str, ...]
    job_ids: tuple[str, ...]
    data: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the record of a row of the table."""
        return value_from_row(cls, row, errors=tuple(row.errors), job_ids=tuple(row.job_ids))

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return plain_fields(self)


class SmtpLog:
    """The SMTP log of a database.

    Args:
        database: the database that stores them.
        clock: for tests.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    def add(
        self,
        *,
        from_address: str,
        to_address: str,
        account_id: str | None = None,
        faxbox_id: str | None = None,
        errors: Sequence[str] = (),
        job_ids: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
    ) -> MailRecord:
        """Store the record of a mail and return it; ``data`` has further facts (JSON)."""
        with self._database.write() as connection:
            id = insert_record(
                connection,
                self._now(),
                from_address=from_address,
                to_address=to_address,
                account_id=account_id,
                faxbox_id=faxbox_id,
                errors=errors,
                job_ids=job_ids,
                data=data,
            )
        return self.get(id)

    def get(self, record_id: str, account_id: str | None = None) -> MailRecord:
        """Return an entry.

        Raises:
            JobNotFound: there is no such entry (of that account).
        """
        query = select(mails).where(*matching(mails, record_id, account_id))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise JobNotFound(f"there is no mail {record_id}")
        return MailRecord.from_row(row)

    def list(
        self,
        account_id: str,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        start: str | None = None,
        limit: int = 50,
        ascending: bool = False,
    ) -> tuple[tuple[MailRecord, ...], str | None]:
        """Return an account's mails, the newest first, and the start of the next page or None.

        Raises:
            InvalidRequest: ``start`` is not the start of a page that this method returned.
        """
        query = select(mails).where(mails.c.account_id == account_id)
        if created_from is not None:
            query = query.where(mails.c.created_at >= created_from)
        if created_to is not None:
            query = query.where(mails.c.created_at <= created_to)
        position = tuple_(mails.c.created_at, mails.c.id)
        if start is not None:
            at, id = _cursor(start)
            after = tuple_(literal(at, mails.c.created_at.type), literal(id))
            query = query.where(position > after if ascending else position < after)
        order = [c if ascending else c.desc() for c in (mails.c.created_at, mails.c.id)]
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*order).limit(limit + 1)).all()
        found = tuple(MailRecord.from_row(row) for row in rows[:limit])
        if len(rows) <= limit:
            return found, None
        return found, cursor(found[-1])


def insert_record(
    connection: Connection,
    now: datetime,
    *,
    from_address: str,
    to_address: str,
    account_id: str | None = None,
    faxbox_id: str | None = None,
    errors: Sequence[str] = (),
    job_ids: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> str:
    """Store the record of a mail inside the caller's transaction; return its id."""
    id = f"{now:%Y%m}-{uuid.uuid4().hex}"
    connection.execute(
        insert(mails).values(
            id=id,
            account_id=account_id,
            faxbox_id=faxbox_id,
            created_at=now,
            from_address=from_address,
            to_address=to_address,
            errors=list(errors),
            job_ids=list(job_ids),
            data=dict(data or {}),
        )
    )
    return id


def _cursor(start: str) -> tuple[datetime, str]:
    at, _, id = start.partition("/")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), id
    except ValueError as error:
        raise InvalidRequest(f"{start!r} is not the next_start of a list") from error
