"""How a call is made, and the plan of an attempt: stored, read again, combined with a request."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from fsfax.settings import FaxDefaults
from fsfax.values.plan import AttemptPlan, Mode

MODES = [
    Mode(t38=t38, ecm=ecm, v17=v17)
    for t38, ecm, v17 in itertools.product(("off", "on", "required"), (True, False), (True, False))
]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_stored_mode_is_read_again(mode: Mode) -> None:
    assert Mode.from_dict(json.loads(json.dumps(mode.as_dict()))) == mode


@pytest.mark.parametrize(
    ("stored", "mode"),
    [
        ({}, Mode()),
        ({"t38": "perhaps", "ecm": "no", "v17": 0}, Mode()),
        ({"t38": None, "ecm": False}, Mode(ecm=False)),
        ({"t38": "off", "v17": False, "v34": True}, Mode(t38="off", v17=False)),
    ],
)
def test_what_is_missing_or_invalid_in_a_stored_mode_is_the_default(
    stored: dict[str, Any], mode: Mode
) -> None:
    assert Mode.from_dict(stored) == mode


def test_the_mode_that_a_request_asks_for() -> None:
    fax = FaxDefaults(t38="required", ecm=False, v17=True)
    assert Mode.requested(fax) == Mode(t38="required", ecm=False, v17=True)


@pytest.mark.parametrize("requested", MODES, ids=str)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_request_is_never_overruled(mode: Mode, requested: Mode) -> None:
    made = mode.within(requested)
    if requested.t38 != "on":
        assert made.t38 == requested.t38
    else:
        assert made.t38 == mode.t38
    assert made.ecm == (mode.ecm and requested.ecm)
    assert made.v17 == (mode.v17 and requested.v17)
    assert made.within(requested) == made


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode(), "T.38"),
        (Mode(t38="off"), "audio"),
        (Mode(t38="required"), "T.38 alone"),
        (Mode(v17=False), "T.38 without V.17"),
        (Mode(t38="off", ecm=False, v17=False), "audio without V.17 and ECM"),
    ],
)
def test_a_mode_in_words(mode: Mode, words: str) -> None:
    assert str(mode) == words


def test_a_stored_plan_is_read_again() -> None:
    plan = AttemptPlan(first_page=2, last_page=5, mode=Mode(t38="off", ecm=False))
    stored = json.loads(json.dumps(plan.as_dict()))
    assert stored == {"first_page": 2, "last_page": 5, "t38": "off", "ecm": False, "v17": True}
    assert AttemptPlan.from_dict(stored | {"of_another_version": 1}) == plan


def test_a_stored_plan_without_pages_is_an_error() -> None:
    with pytest.raises(KeyError, match="last_page"):
        AttemptPlan.from_dict({"first_page": 1})
