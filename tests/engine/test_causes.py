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
