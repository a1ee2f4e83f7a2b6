"""Retention: a faxbox's documents are removed after its ``retention_days``.

The record of a fax and its result stay; the bytes are removed. Only finished faxes are touched, and
none with an undelivered notification, because its pages may go out with it.
The work is done in batches, each in a transaction of its own, so that no other transaction has to
wait for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select, update

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.schema import KEPT, UNDELIVERED, deliveries, faxboxes, jobs
from fsfax.log import get_logger
from fsfax.runtime.clock import Clock, utc_now
from fsfax.values.events import EventKind

_log = get_logger(__name__)

_BATCH = 20
"""Faxes of one transaction: some megabytes."""


class Retention:
    """Removes the documents of faxboxes that are older than their retention.

    Args:
        database: the database that stores them.
        clock: for tests.
        batch: faxes of one transaction.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now, batch: int = _BATCH) -> None:
        self._database = database
        self._now = clock
        self._batch = batch

    def steps(self) -> Iterator[int]:
        """Remove documents in batches; yield the number of faxes after each.

        Raises:
            StoreError: the database cannot be used; batches that were yielded are committed.
        """
        for faxbox_id, cutoff in self._due():
            while True:
                with self._database.write() as connection:
                    found = self._remove_batch(connection, faxbox_id, cutoff)
                if found:
                    _log.info("documents_removed", faxbox=faxbox_id, faxes=found)
                    yield found
                if found < self._batch:
                    break

    def run(self) -> int:
        """Remove all documents that are due; return the number of faxes.

        Raises:
            StoreError: the database cannot be used; what was removed before is committed.
        """
        return sum(self.steps())

    def _due(self) -> list[tuple[str, datetime]]:
        """Return each faxbox with a retention, and the time before which its faxes finished."""
        now = self._now()
        with self._database.read() as connection:
            rows = connection.execute(select(faxboxes.c.id, faxboxes.c.data)).all()
        configs = [(row.id, FaxboxConfig.from_stored(row.data, faxbox=row.id)) for row in rows]
        return [
            (id, now - timedelta(days=config.retention_days))
            for id, config in configs
            if config.retention_days
        ]

    def _remove_batch(self, connection: Connection, faxbox_id: str, cutoff: datetime) -> int:
        undelivered = exists().where(deliveries.c.job_id == jobs.c.id, UNDELIVERED)
        finished = (
            select(jobs.c.id)
            .where(KEPT, jobs.c.faxbox_id == faxbox_id, jobs.c.finished_at <= cutoff, ~undelivered)
            .order_by(jobs.c.finished_at)
            .limit(self._batch)
            .with_for_update(of=jobs, skip_locked=True)
        )
        ids = list(connection.execute(finished).scalars())
        now = self._now()
        for id in ids:
            if count := documents.remove(connection, id, now):
                transitions.record_event(
                    connection, id, EventKind.DOCUMENTS_REMOVED, now, documents=count
                )
        # The revision stays: nothing changes in the fax as the API shows it.
        connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(documents_expired=True))
        return len(ids)
