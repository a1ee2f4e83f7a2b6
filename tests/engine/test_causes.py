"""Hangup causes: each has a meaning, and only local ones allow another gateway."""

from __future__ import annotations

import pytest

from fsfax.engine.causes import CAUSES, cause
from fsfax.engine.observations import OriginateReply
from fsfax.engine.verdict import judge_sent
from fsfax.values.outcome import Outcome
from fsfax.values.results import Status
from tests.engine.observed import CALL, seen


@pytest.mark.parametrize("name", CAUSES)
def test_every_cause_has_a_meaning(name: str) -> None:
    found = cause(f" {name.lower()} [detail]")
    assert found is CAUSES[name]
    result = judge_sent(seen(OriginateReply(at=1.0, cause=name)), CALL)
    assert result.status is Status.FAILED
    assert result.outcome is found.meaning.outcome
    assert result.outcome is not Outcome.DELIVERED
    assert result.result_cause == name
    # Another gateway is allowed for trouble on our side of the called party alone.
    if found.local:
        assert result.outcome in (Outcome.LOCAL_TROUBLE, Outcome.BAD_NUMBER)


def test_an_unknown_cause_is_line_trouble() -> None:
    assert cause("").name == "NONE"
    assert cause("SOMETHING_NEW").meaning.outcome is Outcome.LINE_TROUBLE


@pytest.mark.parametrize("name", ["USER_BUSY", "NO_ANSWER", "CALL_REJECTED", "NORMAL_CLEARING"])
def test_a_call_that_reached_the_called_party_allows_no_other_gateway(name: str) -> None:
    assert not cause(name).local


@pytest.mark.parametrize("name", ["GATEWAY_DOWN", "INVALID_GATEWAY", "NORMAL_CIRCUIT_CONGESTION"])
def test_a_failure_at_the_gateway_allows_another_one(name: str) -> None:
    assert cause(name).local


def test_q850_numbers_are_unique() -> None:
    numbers = [each.q850 for each in CAUSES.values() if each.q850]
    assert len(numbers) == len(set(numbers))
    assert (cause("NORMAL_CLEARING").q850, cause("CALL_REJECTED").q850) == (16, 21)
