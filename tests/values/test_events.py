"""The names of events and notifications: stored and shown to clients, so they never change."""

from __future__ import annotations

import pytest

from fsfax.values.events import EventKind, NotificationKind


def test_the_stored_names_of_events() -> None:
    assert {kind.value for kind in EventKind} == {
        "state",
        "held",
        "released",
        "postponed",
        "forwarded",
        "not_forwarded",
        "documents_removed",
        "prepared",
        "dialling",
        "created",
        "ringing",
        "answered",
        "parked",
        "fax_started",
        "negotiated",
        "page_done",
        "fax_finished",
        "fax_stopped",
        "originate_reply",
        "hung_up",
        "events_missed",
    }


@pytest.mark.parametrize(
    ("kind", "stored", "event", "is_inbound"),
    [
        (NotificationKind.OUT_COMPLETED, "fax_out_completed", "fax.out.completed", False),
        (NotificationKind.OUT_FAILED, "fax_out_failed", "fax.out.failed", False),
        (NotificationKind.OUT_CANCELLED, "fax_out_cancelled", "fax.out.cancelled", False),
        (NotificationKind.OUT_UNCERTAIN, "fax_out_uncertain", "fax.out.uncertain", False),
        (NotificationKind.OUT_RETRYING, "fax_out_retrying", "fax.out.retrying", False),
        (NotificationKind.IN_COMPLETED, "fax_in_completed", "fax.in.completed", True),
        (NotificationKind.IN_FAILED, "fax_in_failed", "fax.in.failed", True),
    ],
)
def test_the_names_and_direction_of_a_notification(
    kind: NotificationKind, stored: str, event: str, is_inbound: bool
) -> None:
    assert NotificationKind(stored) is kind
    assert kind.event == event
    assert kind.is_inbound is is_inbound


def test_every_notification_is_in_the_table_above() -> None:
    assert len(NotificationKind) == 7
