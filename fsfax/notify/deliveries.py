"""Deliveries: what one recipient has to be told, from the news to the dead letters, as rows.

A notification becomes deliveries in one commit, and is marked as expanded in the same one: a
crash before it changes nothing, a crash after it loses nothing. A dispatcher claims a delivery by
moving its due time into the future, by the length of a lease that the dispatcher extends while it
works. The lease of a dispatcher that died expires, and another dispatcher tries again.

What is told to one recipient about one fax is told in order: a delivery can be claimed only when
none before it (same fax, channel and address) is still open.
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
"""News that become deliveries in one transaction."""

_EXPANDING = 0x6673666E
"""PostgreSQL's advisory lock of whoever does that: two at once could turn their order round."""

_FORGOTTEN = 1000
"""Deliveries that are forgotten in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something that one recipient is told.

    id: known to the recipient, the same in every try.
    target: a mail address, a phone number or a URL. data: what goes with it; secrets, too.
    due_at: the next try; while somebody tries, the time after which another one may.
    problem: why the last try failed. happened_at: when what is told did.
    """

    id: str
    number: int
    job_id: str
    account_id: str
    kind: str
    channel: DeliveryChannel
    target: str
    data: Mapping[str, Any]
    news: Mapping[str, Any]
    happened_at: datetime
    created_at: datetime
    due_at: datetime
    tries: int
    problem: str
    done_at: datetime | None
    dead_at: datetime | None

    @property
    def state(self) -> State:
        """Open, done, or dead: given up."""
        return "done" if self.done_at else "dead" if self.dead_at else "open"

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make a delivery of a row of the table and its news."""
        return cls(
            id=row.message_id,
            number=row.id,
            channel=DeliveryChannel(row.channel),
            news=row.news_data,
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
        """Return plain JSON values for the account's own eyes, without secrets."""
        hidden = ("data", "news", "number", "happened_at")
        shown = {name: value for name, value in plain_fields(self).items() if name not in hidden}
        return shown | {"state": self.state}


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """A part of a list: ``next_start`` continues it, None at its end."""

    deliveries: tuple[Delivery, ...]
    next_start: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is to do: news without deliveries, and channels with something that is due."""

    news: bool
    channels: tuple[DeliveryChannel, ...]


_WITH_NEWS = select(
    deliveries, outbox.c.data.label("news_data"), outbox.c.created_at.label("happened_at")
).join(outbox, outbox.c.id == deliveries.c.outbox_id)


class Deliveries:
    """The deliveries of a database.

    Args:
        database: where they are.
        lease: seconds that a claimed delivery belongs to its dispatcher.
        clock: for tests.
    """

    def __init__(self, database: Database, *, lease: float = 60.0, clock: Clock = utc_now) -> None:
        self._database = database
        self._lease = timedelta(seconds=lease)
        self._now = clock

    # --- for couriers -------------------------------------------------------------------------

    def waiting(self) -> Waiting:
        """Look what there is to do, without being in anybody's way."""
        untold = select(outbox.c.id).where(UNEXPANDED).limit(1)
        due = select(deliveries.c.id).where(UNDELIVERED, deliveries.c.due_at <= self._now())
        with self._database.read() as connection:

            def is_there(query: Select[Any]) -> bool:
                return connection.execute(query.limit(1)).first() is not None

            news = is_there(untold)
            channels = tuple(
                channel
                for channel in DeliveryChannel
                if is_there(due.where(deliveries.c.channel == channel))
            )
        return Waiting(news, channels)

    def expand(self, limit: int) -> int:
        """Make deliveries of news, each for at most ``limit`` recipients; return of how many.

        Several may call it; one of them does it. A second time nothing is made twice.
        """
        with self._database.write() as connection:
            if not _alone(connection):
                return 0
            news = connection.execute(
                select(outbox).where(UNEXPANDED).order_by(outbox.c.id).limit(_BATCH)
            ).all()
            now = self._now()
            rows = [row for each in news for row in _rows(connection, each, now, limit)]
            if rows:
                make = transitions.insert_for(connection)(deliveries).on_conflict_do_nothing()
                connection.execute(make, rows)
                transitions.notify_workers(connection)
            if news:
                told = outbox.c.id.in_([each.id for each in news])
                connection.execute(update(outbox).where(told).values(done_at=now))
        return len(news)

    def claim(
        self, channel: DeliveryChannel, count: int, *, without: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        """Take on deliveries that are due; their tries count from now on.

        ``without``: beginnings of addresses that are left out now.
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
            claimed = _WITH_NEWS.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)
            return tuple(Delivery.from_row(row) for row in connection.execute(claimed))

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next open delivery falls due after a time, None if none does."""
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
        """Go on owning deliveries that take longer."""
        if not held:
            return
        with self._database.write() as connection:
            for delivery in held:
                connection.execute(_of(delivery).values(due_at=self._now() + self._lease))

    def release(self, held: Collection[Delivery]) -> None:
        """Let somebody else deliver what was cut off in the middle, at once."""
        with self._database.write() as connection:
            for delivery in held:
                again = {"due_at": self._now(), "problem": "cut off in the middle"}
                connection.execute(_of(delivery).values(**again))
            transitions.notify_workers(connection)

    def delivered(self, delivery: Delivery) -> bool:
        """Write down that it was delivered; False if it was somebody else's by now."""
        return self._settle(delivery, done_at=self._now(), problem="")

    def postpone(self, delivery: Delivery, problem: str, delay: float) -> bool:
        """Try again after ``delay`` seconds; False if it was somebody else's by now."""
        due_at = self._now() + timedelta(seconds=delay)
        return self._settle(delivery, due_at=due_at, problem=problem)

    def give_up(self, delivery: Delivery, problem: str) -> bool:
        """Make it a dead letter; False if it was somebody else's by now."""
        return self._settle(delivery, dead_at=self._now(), problem=problem)

    def disable_webhook(self, webhook_id: str) -> None:
        """Tell a webhook nothing any more: its receiver says that it is gone."""
        with self._database.write() as connection:
            changed = {"enabled": False, "modified_at": self._now()}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(changed))

    def forget(self, older_than: timedelta) -> int:
        """Forget what was delivered long ago, and news that nothing is left of; return how much."""
        before = self._now() - older_than
        old = select(deliveries.c.id).where(deliveries.c.done_at < before).limit(_FORGOTTEN)
        left = select(deliveries.c.id).where(deliveries.c.outbox_id == outbox.c.id).exists()
        told = select(outbox.c.id).where(outbox.c.done_at < before, ~left).limit(_FORGOTTEN)
        with self._database.write() as connection:
            gone = connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))
            news = connection.execute(delete(outbox).where(outbox.c.id.in_(told)))
        return gone.rowcount + news.rowcount

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
                transitions.notify_workers(connection)  # somebody else may have room for it
        return settled

    # --- for everybody ------------------------------------------------------------------------

    def get(self, delivery_id: str, account_id: str | None = None) -> Delivery:
        """Return a delivery.

        Raises:
            DeliveryNotFound: there is none (of that account).
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
        """Return deliveries, the newest first; ``start`` is the ``next_start`` of a part before.

        Raises:
            DeliveryNotFound: ``start`` is none.
        """
        query = _WITH_NEWS
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
        """Deliver something again: what is dead or done from the start, what waits at once.

        Raises:
            DeliveryNotFound: there is none (of that account).
            IllegalMove: somebody tries it right now, or it has not been tried yet.
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
        """Deliver all dead letters (of an account) again; return how many there were."""
        again = update(deliveries).where(DEAD)
        if account_id is not None:
            again = again.where(deliveries.c.account_id == account_id)
        with self._database.write() as connection:
            changed = connection.execute(again.values(due_at=self._now(), tries=0, dead_at=None))
            transitions.notify_workers(connection)
        return changed.rowcount


def _alone(connection: Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return True  # a SQLite writer is
    lock = text("SELECT pg_try_advisory_xact_lock(:lock)").bindparams(lock=_EXPANDING)
    return bool(connection.execute(lock).scalar())


def _rows(
    connection: Connection, news: Row[Any], now: datetime, limit: int
) -> list[dict[str, Any]]:
    """The deliveries of a piece of news."""
    try:
        kind = NotificationKind(news.kind)
    except ValueError:
        return []  # of a newer fsfax that ran here
    job = connection.execute(
        select(jobs.c.fields, jobs.c.faxbox_id, faxboxes.c.data.label("config"))
        .outerjoin(faxboxes, faxboxes.c.id == jobs.c.faxbox_id)
        .where(jobs.c.id == news.job_id)
    ).one()
    config = FaxboxConfig.from_stored(job.config, faxbox=job.faxbox_id)
    enabled = select(webhooks).where(webhooks.c.account_id == news.account_id, webhooks.c.enabled)
    hooks = [
        WebhookSubscription(id=row.id, url=row.url, form=row.form, events=row.events)
        for row in connection.execute(enabled.order_by(webhooks.c.created_at, webhooks.c.id))
    ]
    return [
        {
            "outbox_id": news.id,
            "job_id": news.job_id,
            "account_id": news.account_id,
            "kind": news.kind,
            "channel": target.channel,
            "target": target.address,
            "data": dict(target.data),
            "message_id": _message_id(news, target),
            "created_at": now,
            "due_at": now,
        }
        for target in targets(kind, job.fields, config, hooks, limit)
    ]


def _message_id(news: Row[Any], target: DeliveryTarget) -> str:
    """The same for the same news and recipient; not to be guessed, since the job's id is not."""
    words = f"{news.job_id} {news.id} {news.kind} {target.channel} {target.address}"
    return "msg_" + hashlib.sha256(words.encode()).hexdigest()[:32]


def _of(delivery: Delivery) -> Any:
    """A change of a delivery, as long as this very try of it is the last one."""
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
    query = _WITH_NEWS.where(deliveries.c.message_id == delivery_id)
    if account_id is not None:
        query = query.where(deliveries.c.account_id == account_id)
    row = connection.execute(query).first()
    if row is None:
        raise DeliveryNotFound(f"there is no delivery {delivery_id}")
    return row
