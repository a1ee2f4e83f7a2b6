"""The transcript of a call: which observation of a kind counts, and what follows from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsfax.engine.observations import (
    Dialling,
    EventsMissed,
    FaxStarted,
    Observation,
    OriginateReply,
    Prepared,
    Ringing,
)
from fsfax.engine.transcript import Transcript, note
from tests.engine.observed import ANSWERED, CLEARED, NEGOTIATED, page, phase_e, seen


def test_pages_never_go_back() -> None:
    transcript = seen(page(2), page(1), page(2), page(0))
    assert [p.number for p in transcript.pages] == [2]


def test_of_most_kinds_the_first_observation_counts() -> None:
    first = seen(ANSWERED, CLEARED, phase_e(0, 1))
    again = note(note(first, replace(ANSWERED, at=5.0)), phase_e(49))
    assert again is first
    assert note(again, replace(CLEARED, cause="CRASH")) is first


def test_of_negotiations_and_dialled_gateways_the_last_one_counts() -> None:
    one = Dialling(at=0.0, node="a", gateway="one", call_id="1")
    two = replace(one, gateway="two", call_id="2")
    retrained = replace(NEGOTIATED, rate=4800)
    transcript = seen(one, NEGOTIATED, two, retrained)
    assert (transcript.dialling, transcript.negotiated) == (two, retrained)


def test_an_observation_before_the_call_adds_nothing() -> None:
    assert seen(Prepared(at=0.0, pages=3, bytes=100)) == Transcript()


@pytest.mark.parametrize(
    ("observation", "answered"),
    [
        (ANSWERED, True),
        (NEGOTIATED, True),
        (phase_e(2), True),
        (FaxStarted(at=1.0, path="/a.tif"), True),
        (OriginateReply(at=1.0, cause=""), True),
        (CLEARED, True),
        (Ringing(at=1.0), False),
        (OriginateReply(at=1.0, cause="NO_ANSWER"), False),
        (replace(CLEARED, answered=False), False),
        (EventsMissed(at=1.0), False),
    ],
)
def test_what_shows_that_a_call_was_answered(observation: Observation, answered: bool) -> None:
    assert seen(observation).is_answered is answered


@pytest.mark.parametrize(
    ("observations", "may_have_sent"),
    [
        ((ANSWERED,), False),
        ((ANSWERED, phase_e(2)), False),
        ((ANSWERED, phase_e(49, 1)), True),
        ((ANSWERED, replace(phase_e(49), remote_station_id="far")), True),
        ((NEGOTIATED,), True),
        ((page(1),), True),
        ((EventsMissed(at=1.0),), True),
    ],
)
def test_a_page_may_have_been_sent_once_phase_b_may_be_over(
    observations: tuple[Observation, ...], may_have_sent: bool
) -> None:
    assert seen(*observations).may_have_sent is may_have_sent


def test_pages_are_confirmed_by_phase_d_or_by_phase_e() -> None:
    assert Transcript().pages_confirmed == 0
    assert seen(page(1), page(2)).pages_confirmed == 2
    assert seen(page(1), phase_e(0, 3)).pages_confirmed == 3
    assert seen(page(2), phase_e(49, 1)).pages_confirmed == 2


def test_a_call_is_over_when_it_hung_up_or_was_not_dialled() -> None:
    assert seen(CLEARED).is_over
    assert seen(OriginateReply(at=1.0, cause="USER_BUSY")).is_over
    assert not seen(OriginateReply(at=1.0, cause="")).is_over
    assert not seen(ANSWERED, phase_e(0, 1)).is_over, "the channel may linger"
