"""Leases: workers renew theirs by heartbeats; the jobs of those that do not are taken over.

A worker is a row with the time at which its lease ends; each heartbeat extends it. A worker that
finds another one's lease expired removes that row; the database then frees all of its jobs (``ON
DELETE SET NULL``), and other workers take them over. A job's token grows with each owner, so that a
worker that was suspended while it was removed is refused when it writes
(`fsfax.db.transitions.fenced_row`).

Clocks of different machines may differ by less than the lease. A takeover that comes too early
does no harm: FreeSWITCH is asked before anything is dialled.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import duties, workers
from fsfax.errors import LeaseLost
from fsfax.log import get_logger
from fsfax.runtime.clock import Clock, utc_now

_log = get_logger(__name__)


class Leases:
    """The row of one worker: registration, heartbeat, duties.

    Args:
        database: where the jobs are.
        name: host and process, for logs.
        lease: seconds without a heartbeat after which the jobs are taken over.
        clock: for tests.
    """

    def __init__(
        self, database: Database, name: str, lease: float, *, clock: Clock = utc_now
    ) -> None:
        self.worker_id = uuid.uuid4().hex
        self._database = database
        self._name = name
        self._lease = timedelta(seconds=lease)
        self._now = clock

    def register(self) -> None:
        """Insert the worker's row.

        Raises:
            StoreError: the database cannot be used.
        """
        now = self._now()
        with self._database.write() as connection:
            connection.execute(
                insert(workers).values(
                    id=self.worker_id,
                    name=self._name,
                    started_at=now,
                    lease_until=now + self._lease,
                )
            )

    def heartbeat(self) -> datetime:
        """Renew the lease and remove workers whose lease expired; return when this one ends.

        Raises:
            LeaseLost: this worker was removed: others own its jobs.
            StoreError: the database cannot be used; the lease goes on running out.
        """
        now = self._now()
        with self._database.write() as connection:
            renewed = connection.execute(
                update(workers)
                .where(workers.c.id == self.worker_id)
                .values(lease_until=now + self._lease)
            )
            if not renewed.rowcount:
                raise LeaseLost(f"worker {self._name} was silent for too long and was replaced")
            self._expire_workers(connection, now)
        return now + self._lease

    def retire(self) -> None:
        """Remove the worker's row: other workers take its jobs over at once."""
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.id == self.worker_id))
            transitions.notify_workers(connection)

    def take_duty(self, name: str) -> bool:
        """Take a duty that one worker at a time has; return whether this worker has it.

        Raises:
            LeaseLost: this worker was replaced.
        """
        with self._database.write() as connection:
            transitions.require_current_worker(connection, self.worker_id)
            taken = connection.execute(
                update(duties)
                .where(
                    duties.c.name == name,
                    or_(duties.c.worker_id.is_(None), duties.c.worker_id == self.worker_id),
                )
                .values(worker_id=self.worker_id)
            )
            if taken.rowcount:
                return True
            if connection.execute(select(duties.c.name).where(duties.c.name == name)).first():
                return False
            new = transitions.insert_for(connection)(duties)
            inserted = connection.execute(
                new.values(name=name, worker_id=self.worker_id).on_conflict_do_nothing()
            )
            return bool(inserted.rowcount)

    def _expire_workers(self, connection: Connection, now: datetime) -> None:
        """Remove workers whose lease expired, and repair what `free_number` may have missed."""
        expired = connection.execute(
            delete(workers).where(workers.c.lease_until < now).returning(workers.c.name)
        ).scalars()
        names = list(expired)
        if names:
            _log.warning("workers_replaced", names=", ".join(names))
        if transitions.free_all_numbers(connection) or names:
            transitions.notify_workers(connection)
