"""What there is news of, and who wants to hear which of it. Pure."""

from __future__ import annotations

from enum import StrEnum


class NotificationKind(StrEnum):
    """Kinds of news, as they stand in the outbox and as webhooks name them (with dots)."""

    OUT_COMPLETED = "fax_out_completed"
    OUT_FAILED = "fax_out_failed"
    OUT_CANCELLED = "fax_out_cancelled"
    OUT_UNCERTAIN = "fax_out_uncertain"
    """Nobody knows whether it arrived; it waits for a person."""
    OUT_RETRYING = "fax_out_retrying"
    """A call failed, and another one is planned."""
    IN_COMPLETED = "fax_in_completed"
    IN_FAILED = "fax_in_failed"
    """It broke off; what came of it is kept."""

    @property
    def event(self) -> str:
        """The type of a webhook's message: ``fax.out.completed``."""
        return self.value.replace("_", ".")

    @property
    def is_inbound(self) -> bool:
        """Of a fax that came in."""
        return self.value.startswith("fax_in_")


TEST_EVENT = "webhook.test"
"""The type of the message that tries a webhook out."""

EVENTS = tuple(kind.event for kind in NotificationKind)

BY_MAIL = frozenset(NotificationKind) - {
    NotificationKind.OUT_CANCELLED,
    NotificationKind.OUT_RETRYING,
}
"""What people hear of by mail: whoever cancels a fax knows it, and a retry is no end."""

BY_SMS = frozenset(
    {
        NotificationKind.OUT_COMPLETED,
        NotificationKind.OUT_FAILED,
        NotificationKind.OUT_UNCERTAIN,
        NotificationKind.IN_COMPLETED,
    }
)


class DeliveryChannel(StrEnum):
    """Ways to tell somebody."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"
