"""Counts of jobs, workers and deliveries, for metrics and for the readiness check.

Every count is read from an index of what is *not* over (or was given up), so that it costs the same
however long the history is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text

from fsfax.db.database import Database
from fsfax.db.schema import (
    CLAIMABLE,
    DEAD,
    UNDELIVERED,
    UNEXPANDED,
    deliveries,
    jobs,
    outbox,
    workers,
)
from fsfax.db.states import Hold
from fsfax.runtime.clock import Clock, utc_now

# Both directions are named because the index begins with the direction.
_WAITING = "direction IN ('in', 'out') AND removed_at IS NULL AND state"
_LIVE = text(f"{_WAITING} IN ('attaching_files', 'pending', 'processing')")
_PENDING = text(f"{_WAITING} = 'pending'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts at one moment.

    jobs: those that are not over, by direction and state.
    uncertain: jobs that are held for an operator's decision.
    queue_age: seconds since the oldest job that can be called became due; 0 without one.
    workers: workers whose lease holds. notifications: rows of the outbox without deliveries yet.
    deliveries: those that are open, by channel; delivery_age: seconds since the oldest of them
        was created. dead_letters: those that were given up.
    """

    jobs: Mapping[tuple[str, str], int]
    uncertain: int
    queue_age: float
    workers: int
    notifications: int
    deliveries: Mapping[str, int]
    delivery_age: float
    dead_letters: int


def read_overview(database: Database, clock: Clock = utc_now) -> Overview:
    """Return the counts, read in one transaction.

    Raises:
        StoreError: the database cannot be used.
    """
    now = clock()
    with database.read() as connection:

        def count(table: Any, *where: Any) -> int:
            query = select(func.count()).select_from(table).where(*where)
            return int(connection.execute(query).scalar_one())

        states = connection.execute(
            select(jobs.c.direction, jobs.c.state, func.count())
            .where(_LIVE)
            .group_by(jobs.c.direction, jobs.c.state)
        )
        oldest: datetime | None = connection.execute(
            select(jobs.c.due_at).where(CLAIMABLE).order_by(jobs.c.due_at).limit(1)
        ).scalar()
        by_channel = connection.execute(
            select(deliveries.c.channel, func.count(), func.min(deliveries.c.created_at))
            .where(UNDELIVERED)
            .group_by(deliveries.c.channel)
        ).all()
        first: datetime | None = min((at for _, _, at in by_channel), default=None)
        return Overview(
            jobs={(direction, state): number for direction, state, number in states},
            uncertain=count(jobs, _PENDING, jobs.c.hold == Hold.UNCERTAIN),
            queue_age=_age(oldest, now),
            workers=count(workers, workers.c.lease_until > now),
            notifications=count(outbox, UNEXPANDED),
            deliveries={channel: number for channel, number, _ in by_channel},
            delivery_age=_age(first, now),
            dead_letters=count(deliveries, DEAD),
        )


def _age(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at.astimezone(UTC)).total_seconds()) if at else 0.0
