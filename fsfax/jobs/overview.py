"""How the jobs stand, all together: for metrics and for a readiness check.

Every number here is read from an index of what is *not* over, so that it costs the same however
long the history is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text

from fsfax.jobs.database import Database
from fsfax.jobs.schema import CLAIMABLE, UNDELIVERED, UNTOLD, deliveries, jobs, outbox, workers
from fsfax.jobs.states import Hold
from fsfax.jobs.store import Clock, utc_now

_LIVE = text("state IN ('attaching_files', 'pending', 'processing') AND removed_at IS NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How the jobs stand.

    jobs: those that are not over, by direction and state.
    uncertain: those that wait for a person.
    queue_age: seconds since the oldest job that could be called fell due; 0 if none could.
    workers: workers that are alive. news: rows of the outbox that nobody has carried out.
    """

    jobs: Mapping[tuple[str, str], int]
    uncertain: int
    queue_age: float
    workers: int
    news: int


def look(database: Database, clock: Clock = utc_now) -> Overview:
    """Ask the database.

    Raises:
        StoreError: it cannot be used.
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
        return Overview(
            jobs={(direction, state): number for direction, state, number in states},
            uncertain=count(
                jobs,
                text("state = 'pending' AND removed_at IS NULL"),
                jobs.c.hold == Hold.UNCERTAIN,
            ),
            queue_age=max(0.0, (now - oldest.astimezone(UTC)).total_seconds()) if oldest else 0.0,
            workers=count(workers, workers.c.alive_until > now),
            news=count(outbox, UNTOLD) + count(deliveries, UNDELIVERED),
        )
