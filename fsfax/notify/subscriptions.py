"""Webhooks: URLs of an account that are notified of every fax."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Row, delete, func, insert, select, update

from fsfax.accounts.accounts import require_account
from fsfax.db.database import Database
from fsfax.db.records import plain_fields
from fsfax.db.rows import matching, oldest_first, value_from_row
from fsfax.db.schema import webhooks
from fsfax.egress.target import normal_url
from fsfax.errors import InvalidRequest, WebhookNotFound
from fsfax.notify.events import EVENTS
from fsfax.runtime.clock import Clock, utc_now
from fsfax.values.webhook_secret import new_secret, require_secret

MAX_WEBHOOKS = 20
"""Webhooks of one account, at most."""

Form = Literal["json", "form"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook.

    form: the format of message bodies. events: types of messages that are sent to it; none = all.
    """

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
        """Return the webhook of a row of the table."""
        return value_from_row(cls, row, events=tuple(row.events))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the secret."""
        return {name: value for name, value in plain_fields(self).items() if name != "secret"}


class Webhooks:
    """The webhooks of a database.

    Args:
        database: the database that stores them.
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
        """Store a new webhook and return it; without a secret it gets a new one.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: URL, events, form or secret are invalid; the account has too many.
        """
        id, now = uuid.uuid4().hex, self._now()
        values = _checked({"url": url, "form": form, "events": events, "secret": secret})
        values |= {"id": id, "account_id": account_id, "enabled": enabled}
        with self._database.write() as connection:
            require_account(connection, account_id, lock=True)
            count = select(func.count()).where(webhooks.c.account_id == account_id)
            if connection.execute(count).scalar_one() >= MAX_WEBHOOKS:
                raise InvalidRequest(f"an account has at most {MAX_WEBHOOKS} webhooks: remove one")
            connection.execute(insert(webhooks).values(created_at=now, modified_at=now, **values))
        return self.get(id)

    def get(self, webhook_id: str, account_id: str | None = None) -> Webhook:
        """Return a webhook.

        Raises:
            WebhookNotFound: there is none (of that account).
        """
        query = select(webhooks).where(*matching(webhooks, webhook_id, account_id))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise WebhookNotFound(f"there is no webhook {webhook_id}")
        return Webhook.from_row(row)

    def list(self, account_id: str | None = None) -> tuple[Webhook, ...]:
        """Return the webhooks (of an account), the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(oldest_first(webhooks, account_id))
            return tuple(Webhook.from_row(row) for row in rows)

    def change(
        self, webhook_id: str, changes: Mapping[str, Any], account_id: str | None = None
    ) -> Webhook:
        """Change url, form, events, enabled or secret; a secret of None becomes a new one.

        Raises:
            WebhookNotFound: there is none (of that account).
            InvalidRequest: as `create`.
        """
        values = _checked(changes)
        with self._database.write() as connection:
            statement = update(webhooks).where(*matching(webhooks, webhook_id, account_id))
            changed = connection.execute(statement.values(modified_at=self._now(), **values))
            if not changed.rowcount:
                raise WebhookNotFound(f"there is no webhook {webhook_id}")
        return self.get(webhook_id)

    def remove(self, webhook_id: str, account_id: str | None = None) -> None:
        """Remove a webhook; its pending notifications are given up.

        Raises:
            WebhookNotFound: there is none (of that account).
        """
        statement = delete(webhooks).where(*matching(webhooks, webhook_id, account_id))
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
            raise InvalidRequest(f"unknown event {unknown[0]!r}; there are {', '.join(EVENTS)}")
    if values.get("form", "json") not in ("json", "form"):
        raise InvalidRequest("the form of a webhook's body is json or form")
    return values
