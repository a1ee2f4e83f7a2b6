"""Sections ``jobs`` and ``inbound``: rules of retries, the account of unknown numbers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fsfax.settings import RETRIES, InboundSettings, JobsSettings
from fsfax.values.outcome import Outcome


def test_every_outcome_has_a_rule() -> None:
    assert set(RETRIES) == {outcome.value for outcome in Outcome}
    assert JobsSettings().retry == RETRIES


def test_a_rule_that_is_given_in_part_has_the_other_defaults() -> None:
    rules = JobsSettings.model_validate({"retry": {"busy": {"delay": 5}}}).retry
    assert rules["busy"] == RETRIES["busy"].model_copy(update={"delay": 5.0})
    assert {name: rule for name, rule in rules.items() if name != "busy"} == {
        name: rule for name, rule in RETRIES.items() if name != "busy"
    }


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"bussy": {}}, "not an outcome: bussy"),
        ({"delivered": {"retry": True}}, "never retried"),
        ({"cancelled": {"retry": True}}, "never retried"),
        ({"busy": {"counts": False}}, "only local_trouble may be false"),
        ({"local_trouble": {"max_tries": None}}, "would never end"),
        ({"busy": {"delay": 0}}, "greater than 0"),
        ({"busy": {"factor": 0.5}}, "greater than or equal to 1"),
        ({"busy": {"jitter": 1.5}}, "less than or equal to 1"),
        ({"busy": {"dely": 1}}, "not permitted"),
        ("busy", "valid (mapping|dictionary)"),
    ],
)
def test_rules_that_are_refused(rules: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JobsSettings.model_validate({"retry": rules})


def test_the_pauses_of_local_trouble_add_up_to_hours() -> None:
    """A gateway may be down for four hours before a fax fails because of it."""
    rule = RETRIES["local_trouble"]
    assert rule.max_tries is not None
    pauses = [min(rule.delay * rule.factor**n, rule.max_delay) for n in range(rule.max_tries - 1)]
    assert 4 * 3600 < sum(pauses) < 5 * 3600


@pytest.mark.parametrize("id", ["", "x" * 32, "F" * 32, "0" * 31])
def test_an_account_that_is_no_id(id: str) -> None:
    assert InboundSettings(account="0" * 32, faxbox=None).account == "0" * 32
    with pytest.raises(ValidationError, match="account"):
        InboundSettings(account=id)
