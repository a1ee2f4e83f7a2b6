"""Webhooks of an account, and what was told to whom, as models."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from fsfax.accounts.notification_config import Secret, WebhookUrl
from fsfax.api.models import ACCOUNT_ID, ClosedModel, Fax, ListQuery, OpenModel
from fsfax.notify.events import EVENTS, DeliveryChannel

NOTIFICATION_ID = r"^msg_[0-9a-f]{32}$"

Event = StrEnum("Event", {event.replace(".", "_"): event for event in EVENTS})  # type: ignore[misc]


class WebhookBody(ClosedModel):
    """A webhook: a program that is told of every fax of an account."""

    url: WebhookUrl
    form: Literal["json", "form"] = Field("json", description="Of the body of messages.")
    events: list[Event] = Field(
        [], max_length=len(EVENTS), description="Types of messages; none = all."
    )
    enabled: bool = True
    secret: Secret | None = Field(
        None, description="What messages are signed with; made if it is left out."
    )


class WebhookChange(ClosedModel):
    """Fields of a webhook that change; a secret of null is made anew."""

    url: WebhookUrl | None = None
    form: Literal["json", "form"] | None = None
    events: list[Event] | None = Field(None, max_length=len(EVENTS))
    enabled: bool | None = None
    secret: Secret | None = None


class WebhookRequest(OpenModel):
    """The body of a request that makes a webhook."""

    data: WebhookBody


class WebhookPatch(OpenModel):
    """The body of a request that changes a webhook."""

    data: WebhookChange


class WebhookAction(OpenModel):
    """Try a webhook out: it gets a message that tells nothing."""

    action: Literal["test"]


class WebhookShown(OpenModel):
    """A webhook; its secret is shown when it is made, and never again."""

    id: str = Field(pattern=ACCOUNT_ID)
    url: str
    form: Literal["json", "form"]
    events: list[str]
    enabled: bool
    created: int
    secret: str | None = None


class WebhookTried(OpenModel):
    """What came of a test."""

    delivered: bool
    problem: str


class NotificationQuery(ListQuery):
    """Parameters of the list of notifications."""

    state: Literal["open", "done", "dead"] | None = Field(
        None, description="open: still to be delivered; dead: given up."
    )
    fax_id: str | None = Field(None, description="Only those about this fax.")


class NotificationAction(OpenModel):
    """Deliver a notification again, under the same id."""

    action: Literal["repeat"]


class Notification(OpenModel):
    """What one recipient was, or is to be, told."""

    id: str = Field(pattern=NOTIFICATION_ID)
    fax_id: str
    event: str
    channel: DeliveryChannel
    target: str
    status: Literal["open", "done", "dead"]
    tries: int
    problem: str
    created: int


class MessageLinks(OpenModel):
    """Where the API has the fax."""

    fax: str
    attachment: str | None = Field(None, description="Its document; of a fax that is over.")


class MessageData(OpenModel):
    """What a message tells."""

    account_id: str = Field(pattern=ACCOUNT_ID)
    faxbox_id: str | None
    fax: Fax = Field(description="As the API shows it at the time of sending.")
    links: MessageLinks
    reason: str | None = Field(None, description="Of fax.out.retrying and fax.out.uncertain.")
    next_attempt_at: str | None = Field(None, description="ISO 8601; of fax.out.retrying.")


class Message(OpenModel):
    """What a webhook gets: signed, at least once, in order for each fax, under an id that stays."""

    type: Event
    timestamp: str = Field(description="ISO 8601: when it happened.")
    data: MessageData
