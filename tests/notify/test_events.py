"""Kinds of notifications by channel, and the events of webhooks."""

from __future__ import annotations

from fsfax.notify.events import BY_MAIL, BY_SMS, EVENTS, TEST_EVENT, NotificationKind


def test_each_kind_is_an_event_of_webhooks() -> None:
    assert set(EVENTS) == {
        *("fax.out.completed", "fax.out.failed", "fax.out.cancelled", "fax.out.uncertain"),
        *("fax.out.retrying", "fax.in.completed", "fax.in.failed"),
    }
    assert TEST_EVENT not in EVENTS, "a webhook cannot subscribe to test messages"


def test_what_is_sent_as_a_short_message_is_sent_by_mail_too() -> None:
    assert BY_SMS < BY_MAIL
    assert set(NotificationKind) - BY_MAIL == {
        NotificationKind.OUT_CANCELLED,
        NotificationKind.OUT_RETRYING,
    }
