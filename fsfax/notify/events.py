"""Kinds of notifications, their webhook events, and which are sent by which channel. Pure."""

from __future__ import annotations

from enum import StrEnum


class NotificationKind(StrEnum):
    """Kinds of notifications, as the outbox stores them; webhooks name them with dots."""

    OUT_COMPLETED = "fax_out_completed"
    OUT_FAILED = "fax_out_failed"
    OUT_CANCELLED = "fax_out_cancelled"
    OUT_UNCERTAIN = "fax_out_uncertain"
    """It is not known whether the fax arrived; the job is held."""
    OUT_RETRYING = "fax_out_retrying"
    """A call failed, and another one is planned."""
    IN_COMPLETED = "fax_in_completed"
    IN_FAILED = "fax_in_failed"
    """The call broke off; the pages that arrived are stored."""

    @property
    def event(self) -> str:
        """The event of webhook messages: ``fax.out.completed``."""
        return self.value.replace("_", ".")

    @property
    def is_inbound(self) -> bool:
        """Whether it is about an inbound fax."""
        return self.value.startswith("fax_in_")


TEST_EVENT = "webhook.test"
"""The event of a test message to a webhook."""

EVENTS = tuple(kind.event for kind in NotificationKind)

BY_MAIL = frozenset(NotificationKind) - {
    NotificationKind.OUT_CANCELLED,
    NotificationKind.OUT_RETRYING,
}
"""What is sent by mail: the person who cancels a fax knows it, and a retry is not an end."""

BY_SMS = frozenset(
    {
        NotificationKind.OUT_COMPLETED,
        NotificationKind.OUT_FAILED,
        NotificationKind.OUT_UNCERTAIN,
        NotificationKind.IN_COMPLETED,
    }
)


class DeliveryChannel(StrEnum):
    """Ways to send a notification."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"
