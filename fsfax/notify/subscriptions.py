"""Webhooks of accounts: who is told of every fax, as rows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Row, delete, func, insert, select, update

from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.schema import accounts, webhooks
from fsfax.errors import AccountNotFound, InvalidRequest, WebhookNotFound
from fsfax.notify.events import EVENTS
from fsfax.notify.signature import new_secret, require_secret
from fsfax.notify.targets import normal_url
from fsfax.runtime.clock import Clock, utc_now

MOST = 20
"""Webhooks of an account."""

Form = Literal["json", "form"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook. ``events``: types of messages that it wants, none = all; ``form`` of its body."""

    id: str
    account_id: str
    url: str
    secret: str
    form: Form
    events: tuple[str, ...]
    enabled: bool
    created_at: datetime
    modified_at: datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make a webhook of a row of the table."""
        values = {name: getattr(row, name) for name in cls.__dataclass_fields__}
        return cls(**values | {"events": tuple(row.events)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the secret."""
        return {name: value for name, value in plain_fields(self).items() if name != "secret"}


class Webhooks:
    """The webhooks of a database.

    Args:
        database: where they are.
        clock: for tests.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    def create(
        self,
        account_id: str,
        url: str,
        *,
        form: Form = "json",
        events: Sequence[str] = (),
        secret: str | None = None,
        enabled: bool = True,
    ) -> Webhook:
        """Make a webhook; without a secret one is made.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: URL, events, form or secret are none; the account has too many.
        """
        id, now = uuid.uuid4().hex, self._now()
        values = _checked({"url": url, "form": form, "events": events, "secret": secret})
        values |= {"id": id, "account_id": account_id, "enabled": enabled}
        with self._database.write() as connection:
            known = select(accounts.c.id).where(accounts.c.id == account_id).with_for_update()
            if connection.execute(known).first() is None:
                raise AccountNotFound(f"there is no account {account_id}")
            count = select(func.count()).where(webhooks.c.account_id == account_id)
            if connection.execute(count).scalar_one() >= MOST:
                raise InvalidRequest(f"an account has at most {MOST} webhooks: remove one")
            connection.execute(insert(webhooks).values(created_at=now, modified_at=now, **values))
        return self.get(id)

    def get(self, webhook_id: str, account_id: str | None = None) -> Webhook:
        """Return a webhook.

        Raises:
            WebhookNotFound: there is none (of that account).
        """
        query = select(webhooks).where(webhooks.c.id == webhook_id)
        if account_id is not None:
            query = query.where(webhooks.c.account_id == account_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise WebhookNotFound(f"there is no webhook {webhook_id}")
        return Webhook.from_row(row)

    def list(self, account_id: str | None = None) -> tuple[Webhook, ...]:
        """Return the webhooks (of an account), the oldest first."""
        query = select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)
        if account_id is not None:
            query = query.where(webhooks.c.account_id == account_id)
        with self._database.read() as connection:
            return tuple(Webhook.from_row(row) for row in connection.execute(query))

    def change(
        self, webhook_id: str, changes: Mapping[str, Any], account_id: str | None = None
    ) -> Webhook:
        """Change url, form, events, enabled or secret; a secret of None is made anew.

        Raises:
            WebhookNotFound: there is none (of that account).
            InvalidRequest: as `create`.
        """
        values = _checked(changes)
        with self._database.write() as connection:
            statement = update(webhooks).where(webhooks.c.id == webhook_id)
            if account_id is not None:
                statement = statement.where(webhooks.c.account_id == account_id)
            changed = connection.execute(statement.values(modified_at=self._now(), **values))
            if not changed.rowcount:
                raise WebhookNotFound(f"there is no webhook {webhook_id}")
        return self.get(webhook_id)

    def remove(self, webhook_id: str, account_id: str | None = None) -> None:
        """Remove a webhook; what was still to be told to it is given up.

        Raises:
            WebhookNotFound: there is none (of that account).
        """
        statement = delete(webhooks).where(webhooks.c.id == webhook_id)
        if account_id is not None:
            statement = statement.where(webhooks.c.account_id == account_id)
        with self._database.write() as connection:
            if not connection.execute(statement).rowcount:
                raise WebhookNotFound(f"there is no webhook {webhook_id}")


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(changes)
    if "url" in values:
        values["url"] = normal_url(values["url"])
    if "secret" in values:
        given = values["secret"]
        values["secret"] = new_secret() if given is None else require_secret(given)
    if "events" in values:
        values["events"] = list(dict.fromkeys(values["events"]))
        if unknown := [event for event in values["events"] if event not in EVENTS]:
            raise InvalidRequest(f"no event: {unknown[0]!r}; there are {', '.join(EVENTS)}")
    if values.get("form", "json") not in ("json", "form"):
        raise InvalidRequest("the form of a webhook's body is json or form")
    return values
