"""Retention: the documents of a faxbox's faxes are kept for as many days as it says.

The record of a fax stays, and so does what became of it; the bytes go. Only faxes that are over
are touched, and none whose news still have to be delivered, because they may go out with its pages.
Work is done in portions, each a transaction of its own, so that nobody has to wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, select, update

from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.schema import KEPT, UNDELIVERED, deliveries, faxboxes, jobs
from fsfax.log import get_logger
from fsfax.runtime.clock import Clock, utc_now
from fsfax.values.events import EventKind

_log = get_logger(__name__)

LONGEST = 36_500
"""Days: a hundred years."""

_BATCH = 20
"""Faxes of one transaction: some megabytes."""


class Retention:
    """Removes documents whose time is over.

    Args:
        database: where they are.
        clock: for tests.
        batch: faxes of one transaction.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now, batch: int = _BATCH) -> None:
        self._database = database
        self._now = clock
        self._batch = batch

    def steps(self) -> Iterator[int]:
        """Do the work in portions; yield after each of how many faxes the documents are gone.

        Raises:
            StoreError: the database cannot be used; what was done is done.
        """
        for faxbox_id, cutoff in self._due():
            while True:
                with self._database.write() as connection:
                    found = self._empty(connection, faxbox_id, cutoff)
                if found:
                    _log.info("documents_removed", faxbox=faxbox_id, faxes=found)
                    yield found
                if found < self._batch:
                    break

    def run(self) -> int:
        """Do all of it; return of how many faxes the documents are gone.

        Raises:
            StoreError: the database cannot be used; what was done is done.
        """
        return sum(self.steps())

    def _due(self) -> list[tuple[str, datetime]]:
        """Each faxbox that keeps documents for a time, and how old they may be now."""
        now = self._now()
        with self._database.read() as connection:
            boxes = connection.execute(select(faxboxes.c.id, faxboxes.c.data)).all()
        return [
            (box.id, now - timedelta(days=days))
            for box in boxes
            if (days := _days(box.data.get("retention_days")))
        ]

    def _empty(self, connection: Connection, faxbox_id: str, cutoff: datetime) -> int:
        waiting = exists().where(deliveries.c.job_id == jobs.c.id, UNDELIVERED)
        over = (
            select(jobs.c.id)
            .where(KEPT, jobs.c.faxbox_id == faxbox_id, jobs.c.finished_at <= cutoff, ~waiting)
            .order_by(jobs.c.finished_at)
            .limit(self._batch)
            .with_for_update(of=jobs, skip_locked=True)
        )
        ids = list(connection.execute(over).scalars())
        now = self._now()
        for id in ids:
            if count := documents.remove(connection, id, now):
                transitions.record_event(
                    connection, id, EventKind.DOCUMENTS_REMOVED, now, documents=count
                )
        # Not a change of the fax as anybody sees it: its revision stays.
        connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(documents_expired=True))
        return len(ids)


def _days(value: Any) -> int:
    """The days that a faxbox names; 0 = for ever, also where it names nonsense."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 1 <= value <= LONGEST else 0
