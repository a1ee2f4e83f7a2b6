"""State changes, job events, notifications and locks: the writes that other modules share.

A job changes its state only through `transition`, which checks the table of legal moves,
increments the revision, records a job event and enqueues a notification when the job is over.
Everything runs inside the caller's transaction; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from fsfax.db.schema import (
    BLOCKED,
    CLAIMABLE,
    accounts,
    attempts,
    destinations,
    job_events,
    jobs,
    outbox,
    workers,
)
from fsfax.db.states import Direction, Hold, JobState, require_move
from fsfax.errors import JobNotFound, LeaseLost
from fsfax.values.events import EventKind, NotificationKind

CHANNEL = "fsfax_jobs"
"""PostgreSQL's notification channel: there may be work, or a job to cancel."""

DEFAULT_ACCOUNT = "0" * 32
"""The account of requests that name none; it is created when it is first needed."""


NOTIFICATIONS: Mapping[tuple[Direction, JobState], NotificationKind] = {
    (Direction.OUT, JobState.COMPLETED): NotificationKind.OUT_COMPLETED,
    (Direction.OUT, JobState.FAILED): NotificationKind.OUT_FAILED,
    (Direction.OUT, JobState.CANCELLED): NotificationKind.OUT_CANCELLED,
    (Direction.IN, JobState.COMPLETED): NotificationKind.IN_COMPLETED,
    (Direction.IN, JobState.FAILED): NotificationKind.IN_FAILED,
}
"""What is notified when a job reaches a final state; an inbound fax cannot be cancelled."""


def ensure_default_account(connection: Connection, now: datetime) -> None:
    """Create the default account if it does not exist."""
    values = {
        "id": DEFAULT_ACCOUNT,
        "name": "default",
        "created_at": now,
        "served_at": now,
        "windows": [],
    }
    connection.execute(insert_for(connection)(accounts).values(values).on_conflict_do_nothing())


def insert_for(connection: Connection) -> Callable[[Table], Any]:
    """Return the INSERT construct with ON CONFLICT of the connected database."""
    return postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert


def notify_workers(connection: Connection) -> None:
    """Wake the workers when this transaction commits; on SQLite they notice the commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


def locked_row(connection: Connection, job_id: str) -> Row[Any]:
    """Return a job's row, locked until the transaction ends.

    Raises:
        JobNotFound: there is none.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).first()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return row


def require_current_worker(connection: Connection, worker_id: str) -> None:
    """Raise LeaseLost unless this worker's row still exists, and lock the row until commit.

    Raises:
        LeaseLost: the worker was replaced.
    """
    query = select(workers.c.id).where(workers.c.id == worker_id).with_for_update(key_share=True)
    if connection.execute(query).first() is None:
        raise LeaseLost("this worker was silent for too long and was replaced")


def fenced_row(connection: Connection, job_id: str, worker_id: str, token: int) -> Row[Any]:
    """Return the row of a job that this worker owns, locked.

    Raises:
        LeaseLost: another worker owns it, or none.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).first()
    if row is None or row.worker_id != worker_id or row.token != token:
        raise LeaseLost(f"job {job_id} does not belong to this worker any more")
    return row


def update_job(connection: Connection, job_id: str, now: datetime, **values: Any) -> None:
    """Change columns of a job that are not its state."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(modified_at=now, revision=jobs.c.revision + 1, **values)
    )


def transition(
    connection: Connection,
    row: Row[Any],
    new: JobState,
    now: datetime,
    *,
    why: str = "",
    notify: bool = True,
    **values: Any,
) -> None:
    """Move a job to another state and change other columns (``values``) with it.

    A job that is over loses its worker, and a notification is enqueued unless ``notify`` is False.

    Raises:
        IllegalMove: the table of states does not have that transition.
    """
    require_move(Direction(row.direction), JobState(row.state), new)
    if new.is_final:
        over = {"worker_id": None, "hold": Hold.NO, "blocked": False, "status_text": ""}
        values = over | values | {"finished_at": now}
        if notify:
            kind = NOTIFICATIONS[Direction(row.direction), new]
            enqueue_notification(connection, row, kind, now)
    update_job(connection, row.id, now, state=new, **values)
    record_event(
        connection, row.id, EventKind.STATE, now, state=new, **({"why": why} if why else {})
    )
    if row.blocked or new.is_final:
        free_number(connection, row.dial_number)


def record_event(
    connection: Connection,
    job_id: str,
    kind: EventKind,
    now: datetime,
    call_id: str = "",
    /,
    **data: Any,
) -> None:
    """Append an event to a job's history; ``data`` is stored as JSON.

    ``call_id`` is the Unique-ID of the call on which it was observed: of an inbound fax its call,
    of an outbound one the attempt's id, which is the Unique-ID of the attempt's first call. It is
    "" for what happened to the job itself.
    """
    connection.execute(
        insert(job_events).values(job_id=job_id, call_id=call_id, at=now, kind=kind, data=data)
    )


def enqueue_notification(
    connection: Connection, row: Row[Any], kind: NotificationKind, now: datetime, **data: Any
) -> None:
    """Insert a notification; ``data`` is what cannot be read from the job when it is sent."""
    connection.execute(
        insert(outbox).values(
            job_id=row.id,
            account_id=row.account_id,
            kind=kind,
            data=data,
            created_at=now,
        )
    )
    notify_workers(connection)


def number_is_busy(connection: Connection, dial_number: str) -> bool:
    """Return whether an attempt to that number is open."""
    query = select(attempts.c.id).where(
        attempts.c.dial_number == dial_number, attempts.c.ended_at.is_(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def free_number(connection: Connection, dial_number: str) -> None:
    """Unblock the next job that waits for a number, if no attempt to that number is open.

    Only one: every claim would have to block the others again, one after the other.
    """
    if not dial_number or number_is_busy(connection, dial_number):
        return
    following = (
        select(jobs.c.id)
        .where(BLOCKED, jobs.c.dial_number == dial_number)
        .order_by(jobs.c.priority.desc(), jobs.c.due_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job_id = connection.execute(following).scalar()
    if job_id is not None:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(blocked=False))
        notify_workers(connection)


_FREE_NUMBERS = text(
    # A loose index scan: it costs one lookup per number, however many jobs wait for each.
    "WITH RECURSIVE waited_for (called) AS ("
    " SELECT min(dial_number) FROM jobs WHERE blocked"
    " UNION ALL SELECT (SELECT min(dial_number) FROM jobs WHERE blocked AND dial_number > called)"
    " FROM waited_for WHERE called IS NOT NULL)"
    " SELECT called FROM waited_for WHERE called IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM attempts WHERE dial_number = called AND ended_at IS NULL)"
)


def free_all_numbers(connection: Connection) -> int:
    """Unblock every job whose number is free, which repairs what `free_number` missed.

    Returns the number of jobs.
    """
    free = list(connection.execute(_FREE_NUMBERS).scalars())
    if not free:
        return 0
    freed = connection.execute(
        update(jobs).where(BLOCKED, jobs.c.dial_number.in_(free)).values(blocked=False)
    )
    return freed.rowcount


def block_number(connection: Connection, dial_number: str, now: datetime) -> None:
    """Block every due job to a number with an open attempt, until that attempt is settled."""
    due = (
        select(jobs.c.id)
        .where(CLAIMABLE, jobs.c.dial_number == dial_number, jobs.c.due_at <= now)
        .with_for_update(skip_locked=True)
    )
    connection.execute(update(jobs).where(jobs.c.id.in_(due)).values(blocked=True))


def destination_history(connection: Connection, dial_number: str) -> Mapping[str, Any]:
    """Return the stored history of a number, {} if there is none."""
    found = connection.execute(
        select(destinations.c.history).where(destinations.c.number == dial_number)
    ).scalar()
    return found or {}


def store_destination_history(
    connection: Connection, dial_number: str, history: Mapping[str, Any], now: datetime
) -> None:
    """Replace the stored history of a number."""
    values = {"number": dial_number, "history": dict(history), "modified_at": now}
    connection.execute(
        insert_for(connection)(destinations)
        .values(values)
        .on_conflict_do_update(
            index_elements=["number"],
            set_={"history": values["history"], "modified_at": now},
        )
    )
