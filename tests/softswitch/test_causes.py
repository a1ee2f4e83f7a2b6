"""Hangup causes: Q.850 numbers, and the causes that commands name."""

from __future__ import annotations

import pytest

from fsfax.engine.causes import CAUSES
from fsfax.softswitch.causes import Q850, cause_named
from fsfax.softswitch.numbers import NUMBERS


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("USER_BUSY", "USER_BUSY"),
        (" user_busy\n", "USER_BUSY"),
        ("", "NORMAL_CLEARING"),
        ("17", "NORMAL_CLEARING"),
        ("NO_SUCH_CAUSE", "NORMAL_CLEARING"),
    ],
)
def test_a_command_names_a_cause_in_any_case(text: str, cause: str) -> None:
    assert cause_named(text) == cause


def test_the_cause_in_place_of_an_unknown_one_can_be_chosen() -> None:
    assert cause_named("nonsense", "MANAGER_REQUEST") == "MANAGER_REQUEST"
    assert cause_named("CALL_REJECTED", "MANAGER_REQUEST") == "CALL_REJECTED"


def test_the_engine_and_the_magic_numbers_use_causes_that_have_a_number() -> None:
    assert Q850.keys() <= CAUSES.keys()
    assert {what.cause for what in NUMBERS.values() if what.cause} <= Q850.keys()
    assert (Q850["NORMAL_CLEARING"], Q850["USER_BUSY"], Q850["NO_ANSWER"]) == (16, 17, 19)
    assert len(set(Q850.values())) == len(Q850)
