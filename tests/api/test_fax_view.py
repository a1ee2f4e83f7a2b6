"""A result as the API shows it."""

from __future__ import annotations

from dataclasses import replace

from fsfax.api import fax_view
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
