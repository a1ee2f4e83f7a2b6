"""What there is news of, and who wants to hear which of it. Pure."""

from __future__ import annotations

from enum import StrEnum

from fsfax.values.events import NotificationKind

__all__ = ["BY_MAIL", "BY_SMS", "EVENTS", "TEST_EVENT", "DeliveryChannel", "NotificationKind"]

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
