"""Deliveries: one notification for one recipient, from the outbox to the dead letters, as rows.

A notification is expanded into deliveries in one commit, and marked as expanded in the same one: a
crash before it changes nothing, a crash after it loses nothing. A dispatcher claims a delivery by
moving its due time into the future, by the length of a lease that the dispatcher extends while it
works. The lease of a dispatcher that died expires, and another dispatcher tries again.

The notifications of one fax are delivered to one recipient in order: a delivery can be claimed
only when none before it (same fax, channel and address) is still open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from sqlalchemy import Connection, Row, Select, delete, func, select, text, update

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.schema import (
    DEAD,
    UNDELIVERED,
    UNEXPANDED,
    deliveries,
    faxboxes,
    jobs,
    outbox,
    webhooks,
)
from fsfax.errors import DeliveryNotFound, IllegalMove
from fsfax.notify.events import DeliveryChannel, NotificationKind
from fsfax.notify.targets import DeliveryTarget, WebhookSubscription, targets
from fsfax.runtime.clock import Clock, utc_now

State = Literal["open", "done", "dead"]

_BATCH = 50
"""Notifications that are expanded in one transaction."""

_EXPANSION_LOCK = 0x6673666E
"""PostgreSQL's advisory lock for that: two dispatchers at once could change the order."""

_DELETED = 1000
"""Deliveries that are deleted in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notification for one recipient.

    id: known to the recipient, the same in every attempt. number: the order of deliveries.
    target: a mail address, a phone number or a URL. data: what is needed to send it, secrets too.
    details: what is in the notification besides the fax. happened_at: when the fax changed.
    due_at: the next attempt; during an attempt the end of the dispatcher's lease.
    tries: attempts so far. problem: why the last one failed.
    """

    id: str
    number: int
    job_id: str
    account_id: str
    kind: str
    channel: DeliveryChannel
    target: str
    data: Mapping[str, Any]
    details: Mapping[str, Any]
    happened_at: datetime
    created_at: datetime
    due_at: datetime
    tries: int
    problem: str
    done_at: datetime | None
    dead_at: datetime | None

    @property
    def state(self) -> State:
        """The state: open, done (delivered) or dead (given up)."""
        return "done" if self.done_at else "dead" if self.dead_at else "open"

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the delivery of a row of the table, joined with its notification."""
        return cls(
            id=row.message_id,
            number=row.id,
            channel=DeliveryChannel(row.channel),
            details=row.details,
            happened_at=row.happened_at,
            **{
                name: getattr(row, name)
                for name in (
                    "job_id",
                    "account_id",
                    "kind",
                    "target",
                    "data",
                    "created_at",
                    "due_at",
                    "tries",
                    "problem",
                    "done_at",
                    "dead_at",
                )
            },
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the delivery as plain JSON values for its account, without secrets."""
        hidden = ("data", "details", "number", "happened_at")
        shown = {name: value for name, value in plain_fields(self).items() if name not in hidden}
        return shown | {"state": self.state}


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """A page of a list; ``next_start``: the start of the next page, None at the end."""

    deliveries: tuple[Delivery, ...]
    next_start: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Pending work; ``unexpanded``: whether there are notifications without deliveries;
    ``channels``: those with due deliveries."""

    unexpanded: bool
    channels: tuple[DeliveryChannel, ...]


_WITH_NOTIFICATION = select(
    deliveries, outbox.c.data.label("details"), outbox.c.created_at.label("happened_at")
).join(outbox, outbox.c.id == deliveries.c.outbox_id)


class Deliveries:
    """The deliveries of a database.

    Args:
        database: the database.
        lease: seconds that a claimed delivery belongs to its dispatcher.
        clock: for tests.
    """

    def __init__(self, database: Database, *, lease: float = 60.0, clock: Clock = utc_now) -> None:
        self._database = database
        self._lease = timedelta(seconds=lease)
        self._now = clock

    # --- for dispatchers ----------------------------------------------------------------------

    def waiting(self) -> Waiting:
        """Return pending work without taking locks."""
        unexpanded = select(outbox.c.id).where(UNEXPANDED).limit(1)
        due = select(deliveries.c.id).where(UNDELIVERED, deliveries.c.due_at <= self._now())
        with self._database.read() as connection:

            def exists(query: Select[Any]) -> bool:
                return connection.execute(query.limit(1)).first() is not None

            is_pending = exists(unexpanded)
            channels = tuple(
                channel
                for channel in DeliveryChannel
                if exists(due.where(deliveries.c.channel == channel))
            )
        return Waiting(is_pending, channels)

    def expand(self, limit: int) -> int:
        """Make the deliveries of notifications, each for at most ``limit`` recipients.

        Returns the number of notifications. Of several dispatchers at once only one expands, the
        others return 0; nothing is expanded twice.
        """
        with self._database.write() as connection:
            if not _lock_expansion(connection):
                return 0
            notifications = connection.execute(
                select(outbox).where(UNEXPANDED).order_by(outbox.c.id).limit(_BATCH)
            ).all()
            now = self._now()
            rows = [row for each in notifications for row in _rows(connection, each, now, limit)]
            if rows:
                insert = transitions.insert_for(connection)(deliveries).on_conflict_do_nothing()
                connection.execute(insert, rows)
                transitions.notify_workers(connection)
            if notifications:
                expanded = outbox.c.id.in_([each.id for each in notifications])
                connection.execute(update(outbox).where(expanded).values(done_at=now))
        return len(notifications)

    def claim(
        self, channel: DeliveryChannel, count: int, *, without: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        """Claim due deliveries and count the attempt.

        Args:
            channel: of the deliveries.
            count: how many at most.
            without: prefixes of addresses to leave out.
        """
        before = deliveries.alias("before")
        is_first = ~(
            select(before.c.id)
            .where(
                before.c.done_at.is_(None),
                before.c.dead_at.is_(None),
                before.c.job_id == deliveries.c.job_id,
                before.c.channel == deliveries.c.channel,
                before.c.target == deliveries.c.target,
                before.c.id < deliveries.c.id,
            )
            .exists()
        )
        query = (
            select(deliveries.c.id)
            .where(
                deliveries.c.done_at.is_(None),
                deliveries.c.dead_at.is_(None),
                deliveries.c.due_at <= self._now(),
                deliveries.c.channel == channel,
                is_first,
                *(~deliveries.c.target.startswith(start, autoescape=True) for start in without),
            )
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(count)
            .with_for_update(skip_locked=True, of=deliveries)
        )
        with self._database.write() as connection:
            ids = list(connection.execute(query).scalars())
            if not ids:
                return ()
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(due_at=self._now() + self._lease, tries=deliveries.c.tries + 1, problem="")
            )
            claimed = _WITH_NOTIFICATION.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)
            return tuple(Delivery.from_row(row) for row in connection.execute(claimed))

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next open delivery is due after a time, None if there is none."""
        next_one = select(func.min(deliveries.c.due_at)).where(
            UNDELIVERED, deliveries.c.due_at > after
        )
        with self._database.read() as connection:
            found = [
                connection.execute(next_one.where(deliveries.c.channel == channel)).scalar()
                for channel in DeliveryChannel
            ]
        return min((due for due in found if due), default=None)

    def extend(self, held: Collection[Delivery]) -> None:
        """Extend the leases of deliveries that are under way."""
        if not held:
            return
        with self._database.write() as connection:
            for delivery in held:
                connection.execute(_of(delivery).values(due_at=self._now() + self._lease))

    def release(self, held: Collection[Delivery]) -> None:
        """Make deliveries that were cut off due at once, for another dispatcher."""
        with self._database.write() as connection:
            for delivery in held:
                again = {"due_at": self._now(), "problem": "cut off: the dispatcher was stopped"}
                connection.execute(_of(delivery).values(**again))
            transitions.notify_workers(connection)

    def delivered(self, delivery: Delivery) -> bool:
        """Mark as delivered; return False if the lease was lost."""
        return self._settle(delivery, done_at=self._now(), problem="")

    def postpone(self, delivery: Delivery, problem: str, delay: float) -> bool:
        """Make due again after ``delay`` seconds; return False if the lease was lost."""
        due_at = self._now() + timedelta(seconds=delay)
        return self._settle(delivery, due_at=due_at, problem=problem)

    def give_up(self, delivery: Delivery, problem: str) -> bool:
        """Mark as a dead letter; return False if the lease was lost."""
        return self._settle(delivery, dead_at=self._now(), problem=problem)

    def disable_webhook(self, webhook_id: str) -> None:
        """Disable a webhook whose receiver answered 410 Gone."""
        with self._database.write() as connection:
            changed = {"enabled": False, "modified_at": self._now()}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(changed))

    def apply_retention(self, older_than: timedelta) -> int:
        """Delete old deliveries that were delivered, and notifications without deliveries.

        Returns the number of rows deleted, at most 1,000 of each kind.
        """
        before = self._now() - older_than
        old = select(deliveries.c.id).where(deliveries.c.done_at < before).limit(_DELETED)
        left = select(deliveries.c.id).where(deliveries.c.outbox_id == outbox.c.id).exists()
        expanded = select(outbox.c.id).where(outbox.c.done_at < before, ~left).limit(_DELETED)
        with self._database.write() as connection:
            old_rows = connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))
            rest = connection.execute(delete(outbox).where(outbox.c.id.in_(expanded)))
        return old_rows.rowcount + rest.rowcount

    def _settle(self, delivery: Delivery, **values: Any) -> bool:
        following = select(deliveries.c.id).where(
            UNDELIVERED,
            deliveries.c.job_id == delivery.job_id,
            deliveries.c.channel == delivery.channel,
            deliveries.c.target == delivery.target,
            deliveries.c.id > delivery.number,
        )
        with self._database.write() as connection:
            settled = bool(connection.execute(_of(delivery).values(**values)).rowcount)
            if settled and connection.execute(following.limit(1)).first() is not None:
                transitions.notify_workers(connection)  # any dispatcher may send the next one
        return settled

    # --- for the API and the command ----------------------------------------------------------

    def get(self, delivery_id: str, account_id: str | None = None) -> Delivery:
        """Return a delivery.

        Raises:
            DeliveryNotFound: there is no such delivery (of that account).
        """
        with self._database.read() as connection:
            return Delivery.from_row(_find(connection, delivery_id, account_id))

    def list(
        self,
        account_id: str | None = None,
        *,
        state: State | None = None,
        job_id: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        start: str | None = None,
        limit: int = 50,
        ascending: bool = False,
    ) -> DeliveryList:
        """Return deliveries, the newest first; ``start``: the ``next_start`` of the page before.

        Raises:
            DeliveryNotFound: ``start`` is not the id of a delivery.
        """
        query = _WITH_NOTIFICATION
        if account_id is not None:
            query = query.where(deliveries.c.account_id == account_id)
        if job_id is not None:
            query = query.where(deliveries.c.job_id == job_id)
        query = _in_state(query, state)
        if created_from is not None:
            query = query.where(deliveries.c.created_at >= created_from)
        if created_to is not None:
            query = query.where(deliveries.c.created_at <= created_to)
        with self._database.read() as connection:
            if start is not None:
                last = _find(connection, start, account_id).id
                column = deliveries.c.id
                query = query.where(column > last if ascending else column < last)
            order = deliveries.c.id if ascending else deliveries.c.id.desc()
            rows = connection.execute(query.order_by(order).limit(limit + 1)).all()
        found = tuple(Delivery.from_row(row) for row in rows[:limit])
        return DeliveryList(found, found[-1].id if len(rows) > limit else None)

    def repeat(self, delivery_id: str, account_id: str | None = None) -> Delivery:
        """Send a delivery again: a dead or done one from the first attempt, an open one at once.

        Raises:
            DeliveryNotFound: there is no such delivery (of that account).
            IllegalMove: an attempt is under way, or the first one has not begun.
        """
        with self._database.write() as connection:
            row = _find(connection, delivery_id, account_id)
            again: dict[str, Any] = {"due_at": self._now()}
            if row.done_at or row.dead_at:
                again |= {"tries": 0, "done_at": None, "dead_at": None}
            elif not row.problem:
                raise IllegalMove(f"{delivery_id} is being delivered")
            connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**again))
            transitions.notify_workers(connection)
        return self.get(delivery_id)

    def repeat_dead(self, account_id: str | None = None) -> int:
        """Send all dead letters (of an account) again; return how many there were."""
        again = update(deliveries).where(DEAD)
        if account_id is not None:
            again = again.where(deliveries.c.account_id == account_id)
        with self._database.write() as connection:
            changed = connection.execute(again.values(due_at=self._now(), tries=0, dead_at=None))
            transitions.notify_workers(connection)
        return changed.rowcount


def _lock_expansion(connection: Connection) -> bool:
    """Return whether this transaction alone expands notifications."""
    if connection.dialect.name != "postgresql":
        return True  # SQLite has one writer at a time
    lock = text("SELECT pg_try_advisory_xact_lock(:lock)").bindparams(lock=_EXPANSION_LOCK)
    return bool(connection.execute(lock).scalar())


def _rows(
    connection: Connection, notification: Row[Any], now: datetime, limit: int
) -> list[dict[str, Any]]:
    """Return the deliveries of a notification."""
    try:
        kind = NotificationKind(notification.kind)
    except ValueError:
        return []  # of a newer version of fsfax
    job = connection.execute(
        select(jobs.c.fields, jobs.c.faxbox_id, faxboxes.c.data.label("config"))
        .outerjoin(faxboxes, faxboxes.c.id == jobs.c.faxbox_id)
        .where(jobs.c.id == notification.job_id)
    ).one()
    config = FaxboxConfig.from_stored(job.config, faxbox=job.faxbox_id)
    enabled = select(webhooks).where(
        webhooks.c.account_id == notification.account_id, webhooks.c.enabled
    )
    hooks = [
        WebhookSubscription(id=row.id, url=row.url, form=row.form, events=row.events)
        for row in connection.execute(enabled.order_by(webhooks.c.created_at, webhooks.c.id))
    ]
    return [
        {
            "outbox_id": notification.id,
            "job_id": notification.job_id,
            "account_id": notification.account_id,
            "kind": notification.kind,
            "channel": target.channel,
            "target": target.address,
            "data": dict(target.data),
            "message_id": _message_id(notification, target),
            "created_at": now,
            "due_at": now,
        }
        for target in targets(kind, job.fields, config, hooks, limit)
    ]


def _message_id(notification: Row[Any], target: DeliveryTarget) -> str:
    """Return the id of a notification for a recipient, as hard to guess as the job's id."""
    key = (
        f"{notification.job_id} {notification.id} {notification.kind}"
        f" {target.channel} {target.address}"
    )
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


def _of(delivery: Delivery) -> Any:
    """Return an update of a delivery that changes it only while this attempt is the latest."""
    return update(deliveries).where(
        deliveries.c.id == delivery.number, deliveries.c.tries == delivery.tries, UNDELIVERED
    )


def _in_state(query: Select[Any], state: State | None) -> Select[Any]:
    match state:
        case "open":
            return query.where(deliveries.c.done_at.is_(None), deliveries.c.dead_at.is_(None))
        case "done":
            return query.where(deliveries.c.done_at.is_not(None))
        case "dead":
            return query.where(deliveries.c.dead_at.is_not(None))
        case None:
            return query


def _find(connection: Connection, delivery_id: str, account_id: str | None) -> Row[Any]:
    query = _WITH_NOTIFICATION.where(deliveries.c.message_id == delivery_id)
    if account_id is not None:
        query = query.where(deliveries.c.account_id == account_id)
    row = connection.execute(query).first()
    if row is None:
        raise DeliveryNotFound(f"there is no delivery {delivery_id}")
    return row
