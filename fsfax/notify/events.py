"""Kinds of notifications, their webhook events, and which are sent by which channel. Pure."""

from __future__ import annotations

from enum import StrEnum

from fsfax.values.events import NotificationKind

__all__ = ["BY_MAIL", "BY_SMS", "EVENTS", "TEST_EVENT", "DeliveryChannel", "NotificationKind"]

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
