"""Faxes, results and steps of a call as the API shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from fsfax.api import fax_view
from fsfax.db.records import JobEvent
from fsfax.db.states import Direction
from fsfax.values.events import EventKind
from fsfax.values.results import GatewayAttempt
from tests.jobs.results import DELIVERED


def test_names_of_nodes_and_gateways_are_not_shown() -> None:
    failed = GatewayAttempt(node="secret", gateway="secret", call_id="x", cause="NO_ROUTE")
    result = replace(DELIVERED, node="secret", gateway="secret", failed_gateways=(failed,))
    assert "secret" not in str(fax_view.tx_result(result))


def test_a_result_has_both_sets_of_names() -> None:
    result = replace(DELIVERED, fax_speed=14400, t38_status="negotiated", pages_total=3)
    shown = fax_view.tx_result(result)
    assert shown["fax_speed"] == shown["transfer_rate"] == 14400
    assert shown["pages_sent"] == shown["transferred_pages"] == shown["total_pages"] == 3
    assert shown["t38_used"] is True


def test_zeros_before_the_first_attempt_ended() -> None:
    shown = fax_view.tx_result(None)
    assert (shown["success"], shown["pages_sent"], shown["error_message"]) == (False, 0, "")


AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def noted(kind: EventKind, **data: Any) -> JobEvent:
    return JobEvent(id=1, job_id="1", call_id="", at=AT, kind=kind, data=data)


@pytest.mark.parametrize(
    ("direction", "event", "text"),
    [
        (Direction.OUT, None, "preparing"),
        (Direction.OUT, noted(EventKind.DIALLING), "preparing"),
        (Direction.OUT, noted(EventKind.ANSWERED), "negotiating"),
        (Direction.OUT, noted(EventKind.FAX_STARTED), "negotiating"),
        (Direction.OUT, noted(EventKind.NEGOTIATED, rate=9600), "Fax negotiated at 9600"),
        (Direction.OUT, noted(EventKind.PAGE_DONE, page=2), "Sent Page 2 of 5"),
        (Direction.IN, None, "New Fax from 100"),
        (Direction.IN, noted(EventKind.NEGOTIATED, rate=9600), "fax negotiated at 9600"),
        (Direction.IN, noted(EventKind.PAGE_DONE, page=2), "Received  Page 2"),
    ],
)
def test_the_step_of_a_call_in_the_words_of_kazoo(
    direction: Direction, event: JobEvent | None, text: str
) -> None:
    job: Any = SimpleNamespace(direction=direction, from_number="100", pages_total=5)
    assert fax_view.live_text(job, event) == text
