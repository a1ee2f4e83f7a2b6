"""The classes of endings: stable names, and which of them say something about the number."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from fsfax.values.outcome import Doubt, Meaning, Outcome


def test_the_stable_names_and_what_they_say_about_the_number() -> None:
    assert {outcome.value: outcome.is_about_the_number for outcome in Outcome} == {
        "delivered": True,
        "busy": True,
        "no_answer": True,
        "not_a_fax": True,
        "line_trouble": True,
        "incompatible": True,
        "bad_document": False,
        "refused": True,
        "bad_number": True,
        "local_trouble": False,
        "cancelled": False,
        "unknown": False,
    }


def test_the_stable_names_of_doubt() -> None:
    assert [doubt.value for doubt in Doubt] == ["none", "last_page", "any"]


def test_a_meaning_leaves_no_doubt_unless_it_says_so() -> None:
    meaning = Meaning("Busy.", Outcome.BUSY, retry=True)
    assert meaning.doubt is Doubt.NONE
    with pytest.raises(FrozenInstanceError):
        meaning.retry = False  # type: ignore[misc]
