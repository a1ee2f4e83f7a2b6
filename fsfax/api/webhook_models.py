"""Webhooks, notifications and the requests to webhooks, as models."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from fsfax.accounts.notification_config import Secret, WebhookUrl
from fsfax.api.models import ACCOUNT_ID, ClosedModel, Fax, ListQuery, OpenModel
from fsfax.notify.events import EVENTS, DeliveryChannel

NOTIFICATION_ID = r"^msg_[0-9a-f]{32}$"

WebhookEvent = StrEnum("WebhookEvent", {event.replace(".", "_"): event for event in EVENTS})  # type: ignore[misc]


class WebhookBody(ClosedModel):
    """A webhook: a URL that gets a request about every fax of an account."""

    url: WebhookUrl
    form: Literal["json", "form"] = Field("json", description="Form of the body of requests.")
    events: list[WebhookEvent] = Field(
        [], max_length=len(EVENTS), description="Events that are sent; none = all."
    )
    enabled: bool = True
    secret: Secret | None = Field(
        None, description="Key of the signatures; generated if it is left out."
    )


class WebhookChange(ClosedModel):
    """Fields of a webhook that change; a secret of null generates a new one."""

    url: WebhookUrl | None = None
    form: Literal["json", "form"] | None = None
    events: list[WebhookEvent] | None = Field(None, max_length=len(EVENTS))
    enabled: bool | None = None
    secret: Secret | None = None


class WebhookRequest(OpenModel):
    """The body of a request that creates a webhook."""

    data: WebhookBody


class WebhookPatch(OpenModel):
    """The body of a request that changes a webhook."""

    data: WebhookChange


class WebhookAction(OpenModel):
    """Test a webhook: its URL gets a request without a fax."""

    action: Literal["test"]


class WebhookDetails(OpenModel):
    """A webhook; its secret is shown when it is created, and never again."""

    id: str = Field(pattern=ACCOUNT_ID)
    url: str
    form: Literal["json", "form"]
    events: list[str]
    enabled: bool
    created: int
    secret: str | None = None


class WebhookTestResult(OpenModel):
    """The result of a test."""

    delivered: bool
    problem: str


class NotificationQuery(ListQuery):
    """Parameters of the list of notifications."""

    state: Literal["open", "done", "dead"] | None = Field(
        None, description="open: not delivered yet; dead: given up."
    )
    fax_id: str | None = Field(None, description="Only notifications about this fax.")


class NotificationAction(OpenModel):
    """Deliver a notification again, under the same id."""

    action: Literal["repeat"]


class Notification(OpenModel):
    """A notification to one recipient, and its delivery."""

    id: str = Field(pattern=NOTIFICATION_ID)
    fax_id: str
    event: str
    channel: DeliveryChannel
    target: str
    status: Literal["open", "done", "dead"]
    tries: int
    problem: str
    created: int


class WebhookMessageLinks(OpenModel):
    """URLs of the fax in the API."""

    fax: str
    attachment: str | None = Field(None, description="Its document; of a final fax only.")


class WebhookMessageData(OpenModel):
    """The event's fax and details."""

    account_id: str = Field(pattern=ACCOUNT_ID)
    faxbox_id: str | None
    fax: Fax = Field(description="As the API shows it at the time of sending.")
    links: WebhookMessageLinks
    reason: str | None = Field(None, description="Of fax.out.retrying and fax.out.uncertain.")
    next_attempt_at: str | None = Field(None, description="ISO 8601; of fax.out.retrying.")


class WebhookMessage(OpenModel):
    """A request to a webhook: signed, sent at least once and in order for each fax, id stable."""

    type: WebhookEvent
    timestamp: str = Field(description="ISO 8601: when it happened.")
    data: WebhookMessageData
