"""What is remembered of a number, and how that decides the first call to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine import t30
from fsfax.errors import InvalidRequest
from fsfax.jobs.destination import (
    DAY,
    HALF_LIFE,
    MAX_LAST,
    DestinationHistory,
    Weights,
    advise,
    clear,
    explain,
    learn,
    pin,
)
from fsfax.jobs.ladder import Pins, first_mode
from fsfax.values.outcome import Outcome
from fsfax.values.plan import Mode
from fsfax.values.results import TxResult
from tests.jobs.results import result

NUMBER = "+4930123456"
NOW = 1_795_435_200.0
BEST = Mode()
AUDIO = Mode("off")
FRESH = DestinationHistory(number=NUMBER)


def delivered(**changes: Any) -> TxResult:
    values: dict[str, Any] = {
        "t38_status": "negotiated",
        "fax_speed": 14400,
        "fax_error_correction": True,
    }
    return result(Outcome.DELIVERED, confirmed=3, **values | changes)


def lost(code: int, **changes: Any) -> TxResult:
    values: dict[str, Any] = {"t38_status": "negotiated", "fax_speed": 14400, "result_code": code}
    return result(t30.meaning(code).outcome, **values | changes)


def taught(
    *results: TxResult, mode: Mode = BEST, history: DestinationHistory = FRESH
) -> DestinationHistory:
    for ended in results:
        history = learn(history, ended, mode, NOW)
    return history


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        # Nothing is known: the best way.
        ([], BEST),
        # It worked.
        ([delivered()], BEST),
        # T.38 lost a page, so audio is first next time.
        ([lost(21)], AUDIO),
        # The far end refused T.38; the call went on in audio and was delivered.
        ([delivered(t38_status="refused")], AUDIO),
        # It worked more often than not.
        ([delivered(), delivered(), lost(21)], BEST),
        # It worked once, then failed twice.
        ([delivered(), lost(21), lost(21)], AUDIO),
        # As often as not: the better way has the benefit of the doubt.
        ([delivered(), lost(21)], BEST),
        # Pages got through before T.38 lost one: a failure all the same.
        ([lost(21, confirmed=2)], AUDIO),
        # The training failed: without V.17.
        ([lost(20, fax_speed=0)], Mode("on", v17=False)),
        # The far end's ECM is broken.
        ([lost(16)], Mode("on", ecm=False)),
        # Two failures of different kinds.
        ([lost(20, fax_speed=0), lost(21)], Mode("off", v17=False)),
        # No answer, busy, a person: nothing against the mode.
        ([result(Outcome.BUSY), result(Outcome.NO_ANSWER), result(Outcome.NOT_A_FAX)], BEST),
        # The call broke off in the middle: once that is chance, twice it is not.
        ([lost(49, confirmed=1)], BEST),
        ([lost(49, confirmed=1), lost(49, confirmed=1)], AUDIO),
        # Our own trouble says nothing of the number.
        ([lost(47)], BEST),
        ([result(Outcome.UNKNOWN, t38_status="requested")], BEST),
    ],
)
def test_experience_decides_the_first_call(results: list[TxResult], expected: Mode) -> None:
    assert advise(taught(*results), BEST, NOW).mode == expected


def test_what_a_call_adds_to_the_history() -> None:
    history = taught(
        result(Outcome.BUSY, result_code=486),
        delivered(encoding="T.6", remote_station_id="+49 30 123456"),
    )
    assert (history.delivered, history.failed) == (1, 1)
    assert (history.speed, history.coding, history.ever_fax) == (14400, "T.6", True)
    assert history.station_id == "+49 30 123456"
    assert [(end.outcome, end.code, end.pages) for end in history.last] == [
        ("busy", 486, 0),
        ("delivered", None, 3),
    ]
    # A later call that learnt less takes nothing away.
    later = taught(result(Outcome.BUSY), history=history)
    assert (later.speed, later.coding, later.ever_fax) == (14400, "T.6", True)


@pytest.mark.parametrize(
    "outcome",
    [Outcome.LOCAL_TROUBLE, Outcome.CANCELLED, Outcome.BAD_DOCUMENT, Outcome.UNKNOWN],
)
def test_an_ending_on_our_side_counts_only_by_its_pages(outcome: Outcome) -> None:
    assert taught(result(outcome)) == FRESH
    history = taught(
        result(outcome, confirmed=2, t38_status="negotiated", fax_speed=14400), history=FRESH
    )
    assert (history.delivered, history.failed, history.last) == (0, 0, ())
    assert history.ever_fax
    assert history.t38.good == history.v17.good == 1


def test_only_the_last_endings_are_kept() -> None:
    history = FRESH
    for number in range(3 * MAX_LAST):
        history = learn(history, result(Outcome.BUSY), BEST, NOW + number)
    assert [ending.at - NOW for ending in history.last] == list(range(2 * MAX_LAST, 3 * MAX_LAST))
    assert history.failed == 3 * MAX_LAST


class TestFading:
    def test_a_single_failure_holds_for_one_half_life(self) -> None:
        history = taught(lost(21))
        assert advise(history, BEST, NOW + 29.9 * DAY).mode == AUDIO
        assert advise(history, BEST, NOW + 30.1 * DAY).mode == BEST

    def test_the_half_life_is_a_setting(self) -> None:
        history = learn(FRESH, lost(21), BEST, NOW, DAY)
        assert advise(history, BEST, NOW + 0.9 * DAY, DAY).mode == AUDIO
        assert advise(history, BEST, NOW + 1.1 * DAY, DAY).mode == BEST

    def test_what_is_new_outweighs_what_is_old(self) -> None:
        history = taught(delivered(), delivered(), delivered())
        history = learn(history, lost(21), BEST, NOW + 4 * HALF_LIFE)
        assert advise(history, BEST, NOW + 4 * HALF_LIFE).mode == AUDIO

    def test_breaks_that_lie_far_apart_are_chance(self) -> None:
        history = taught(lost(49, confirmed=1))
        history = learn(history, lost(49, confirmed=1), BEST, NOW + 2 * DAY)
        assert advise(history, BEST, NOW + 2 * DAY).mode == BEST

    def test_a_clock_that_went_back_does_not_stop_the_fading(self) -> None:
        history = learn(taught(lost(21)), result(Outcome.BUSY), BEST, NOW - 100 * DAY)
        assert history.t38 == Weights(bad=1, at=NOW)
        history = learn(history, lost(21), BEST, NOW - 100 * DAY)
        assert history.t38 == Weights(bad=2, at=NOW - 100 * DAY)


CODES = st.sampled_from([0, 2, 6, 8, 16, 17, 20, 21, 22, 48, 49, 404, 486])
calls = st.lists(
    st.tuples(
        st.builds(
            lambda code, t38, pages, speed: (
                delivered(t38_status=t38, fax_speed=speed)
                if code == 0
                else result(
                    t30.meaning(code).outcome,
                    result_code=code,
                    confirmed=pages,
                    t38_status=t38,
                    fax_speed=speed,
                )
            ),
            CODES,
            st.sampled_from(["off", "requested", "negotiated", "refused"]),
            st.integers(0, 3),
            st.sampled_from([0, 9600, 14400]),
        ),
        st.builds(Mode, t38=st.sampled_from(["off", "on"]), ecm=st.booleans(), v17=st.booleans()),
        st.floats(0, 40 * DAY),
    ),
    max_size=15,
)


def remembered(lived: list[tuple[TxResult, Mode, float]]) -> tuple[DestinationHistory, float]:
    history, now = FRESH, NOW
    for ended, mode, passed in lived:
        now += passed
        history = learn(history, ended, mode, now)
    return history, now


def cost(mode: Mode) -> tuple[bool, bool, bool]:
    return mode.t38 == "off", not mode.ecm, not mode.v17


@given(calls, st.floats(0, 200 * DAY), st.floats(0, 200 * DAY))
def test_experience_only_fades(
    lived: list[tuple[TxResult, Mode, float]], first: float, second: float
) -> None:
    history, now = remembered(lived)
    sooner, later = sorted((now + first, now + second))
    before, after = advise(history, BEST, sooner).mode, advise(history, BEST, later).mode
    # What is left out later was left out sooner as well.
    assert all(a <= b for a, b in zip(cost(after), cost(before), strict=True))
    assert advise(history, BEST, now + 20 * HALF_LIFE).mode == BEST
    for weights in (history.t38, history.v17, history.ecm):
        assert weights.faded(later).good <= weights.faded(sooner).good
        assert weights.faded(later).bad <= weights.faded(sooner).bad


@given(calls, st.sampled_from([lost(21), lost(20), lost(16), lost(21, confirmed=1)]))
def test_a_further_failure_never_raises_the_advice(
    lived: list[tuple[TxResult, Mode, float]], ended: TxResult
) -> None:
    history, now = remembered(lived)
    before = advise(history, BEST, now).mode
    after = advise(learn(history, replace(ended, pages_sent=0), BEST, now), BEST, now).mode
    assert all(a >= b for a, b in zip(cost(after), cost(before), strict=True))


pins = st.builds(
    Pins,
    t38=st.none() | st.sampled_from(["off", "on", "required"]),
    ecm=st.none() | st.booleans(),
    v17=st.none() | st.booleans(),
    give_up=st.booleans(),
)
requests = st.builds(
    Mode, t38=st.sampled_from(["off", "on", "required"]), ecm=st.booleans(), v17=st.booleans()
)


@given(calls, pins, requests)
def test_the_request_comes_first_then_the_pins(
    lived: list[tuple[TxResult, Mode, float]], pinned: Pins, requested: Mode
) -> None:
    history, now = remembered(lived)
    choice = advise(replace(history, pins=pinned), requested, now)
    assert (
        choice.mode
        == choice.mode.within(requested)
        == pinned.applied(choice.mode).within(requested)
    )
    assert first_mode(requested, choice) == choice
    assert choice.why
    assert all(choice.why)


@given(calls, pins)
def test_a_history_survives_the_database(
    lived: list[tuple[TxResult, Mode, float]], pinned: Pins
) -> None:
    history = replace(remembered(lived)[0], pins=pinned)
    text = json.dumps(history.as_dict(), allow_nan=False)
    assert DestinationHistory.from_dict(NUMBER, json.loads(text)) == history


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["good", "bad", "at", "t38", "mode", "x"]), inner)
    ),
    max_leaves=8,
)
KEYS = [*FRESH.as_dict(), "unheard of"]
an_ending = st.fixed_dictionaries(
    {"outcome": st.sampled_from(["busy", "delivered"]) | anything},
    optional=dict.fromkeys(["at", "code", "pages", "mode"], anything),
)


@given(
    st.dictionaries(st.sampled_from(KEYS), anything)
    | st.fixed_dictionaries({"last": st.lists(an_ending, max_size=15)})
    | anything
)
def test_any_stored_json_can_be_read_and_explained(data: Any) -> None:
    history = DestinationHistory.from_dict(NUMBER, data)
    assert len(history.last) <= MAX_LAST
    assert all(line.isprintable() for line in explain(history, BEST, NOW))
    learnt = learn(history, lost(21), BEST, NOW)
    text = json.dumps(learnt.as_dict(), allow_nan=False)
    assert DestinationHistory.from_dict(NUMBER, json.loads(text)) == learnt


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # Another version's key.
        ({"colour": "blue", "speed": 9600}, replace(FRESH, speed=9600)),
        # Wrong types: as if they were not there, and the pins are still obeyed.
        ({"t38": "bad", "last": {}, "pins": {"ecm": False}}, replace(FRESH, pins=Pins(ecm=False))),
        ({"t38": {"good": True, "bad": "9", "at": None}}, FRESH),
        ({"pins": {"t38": "maybe", "ecm": 1, "give_up": "yes"}}, FRESH),
        # Out of bounds.
        ({"failed": -3, "speed": float("nan"), "v17": {"bad": float("inf")}}, FRESH),
        ({"delivered": 10**400}, replace(FRESH, delivered=10**9)),
        ({"last": [{"outcome": "invented"}, 7, None]}, FRESH),
        ([], FRESH),
        (None, FRESH),
    ],
)
def test_valid_parts_of_a_stored_history_are_read(data: Any, expected: DestinationHistory) -> None:
    assert DestinationHistory.from_dict(NUMBER, data) == expected


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (" +49 30 12 ", "+49 30 12"),
        # A line break would forge a line of the explanation, an escape the terminal's colours.
        ("A\r\nB\x1b[31m\x00", "A B [31m"),
        # Right-to-left override.
        ("gnp\u202e.exe", "gnp.exe"),
        ("x" * 500, "x" * 19 + "…"),
        ("\n\n", ""),
    ],
)
def test_texts_of_the_far_end_are_bounded_and_printable(said: str, kept: str) -> None:
    history = taught(delivered(remote_station_id=said, encoding=said))
    assert history.station_id == history.coding == kept


class TestPins:
    def test_what_is_not_named_stays(self) -> None:
        history = pin(pin(FRESH, t38="off", give_up=True), ecm=False)
        assert history.pins == Pins(t38="off", ecm=False, give_up=True)
        assert pin(history, t38=None).pins == Pins(ecm=False, give_up=True)
        assert pin(history, give_up=False).pins == Pins(t38="off", ecm=False)
        assert pin(history) == history

    def test_pins_come_before_experience(self) -> None:
        history = pin(taught(lost(21), lost(16)), t38="on", ecm=True)
        assert advise(history, BEST, NOW).mode == BEST

    def test_the_request_comes_before_pins(self) -> None:
        choice = advise(pin(FRESH, t38="required"), AUDIO, NOW)
        assert choice.mode == AUDIO
        assert choice.why == ("T.38: required, pinned, but the job asks for something else.",)

    @pytest.mark.parametrize(
        "wrong", [{"t38": "no"}, {"t38": True}, {"ecm": "off"}, {"v17": 1}, {"give_up": None}]
    )
    def test_an_invalid_pin_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidRequest, match=f"{next(iter(wrong))} cannot be pinned to"):
            pin(FRESH, **wrong)

    def test_clearing_forgets_the_experience_and_keeps_the_pins(self) -> None:
        history = pin(taught(lost(21)), v17=False)
        assert clear(history) == replace(FRESH, pins=Pins(v17=False))
        assert clear(history, pins=True) == FRESH


def test_the_explanation_is_readable() -> None:
    history = taught(
        delivered(t38_status="refused", encoding="T.6", remote_station_id="+49 30 123456"),
        result(Outcome.BUSY, result_code=486),
    )
    history = pin(history, v17=False, give_up=True)
    assert explain(history, BEST, NOW) == [
        "+4930123456: 1 delivered, 1 failed.",
        'A fax machine was met there, it calls itself "+49 30 123456".',
        "Last speed: 14400 bit/s, coding T.6.",
        "2026-11-23 12:00 UTC: delivered, 3 confirmed, by T.38.",
        "2026-11-23 12:00 UTC: busy (code 486), by T.38.",
        "Pinned by an operator: not tried again after a failure.",
        "The next first call would use audio without V.17:",
        "  T.38: off, it failed at this number.",
        "  V.17: off, pinned by an operator.",
        "  ECM: on, it worked at this number.",
    ]
    assert explain(FRESH, BEST, NOW) == [
        "+4930123456: 0 delivered, 0 failed.",
        "The next first call would use T.38:",
        "  Nothing that is known of this number speaks against the best way.",
    ]
    strange = taught(result(Outcome.NOT_A_FAX, result_code=2))
    assert "No fax machine was ever met there." in explain(strange, BEST, NOW)
