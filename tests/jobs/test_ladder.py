"""How the next call is made, chosen from what failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine import t30
from fsfax.jobs.ladder import (
    RUNGS,
    FaultyPart,
    ModeChoice,
    PastAttempt,
    Pins,
    faulty_part,
    first_mode,
    met_fax,
    next_mode,
)
from fsfax.values.outcome import Outcome
from fsfax.values.plan import Mode
from tests.jobs.results import result

BEST = Mode("on", ecm=True, v17=True)
T38_SLOW = Mode("on", ecm=True, v17=False)
AUDIO = Mode("off", ecm=True, v17=True)
AUDIO_SLOW = Mode("off", ecm=True, v17=False)
AUDIO_POOR = Mode("off", ecm=False, v17=False)
T38_POOR = Mode("on", ecm=False, v17=False)


def failed(mode: Mode = BEST, code: int | None = None, **changes: Any) -> PastAttempt:
    """A call that ended with a code, over T.38 if the mode allows it."""
    values: dict[str, Any] = {
        "outcome": t30.meaning(code).outcome if code is not None else Outcome.LINE_TROUBLE,
        "result_code": code,
        "t38_status": "off" if mode.t38 == "off" else "negotiated",
        "speed": 14400 if mode.v17 else 9600,
    }
    return PastAttempt(mode=mode, **values | changes)


def after(*history: PastAttempt, requested: Mode = BEST, pins: Pins | None = None) -> Mode | None:
    choice = next_mode(history, requested, pins or Pins())
    return choice.mode if choice else None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # Training: T.38 keeps going, V.17 goes.
        (failed(BEST, 6, speed=0), T38_SLOW),
        (failed(BEST, 14, speed=0), T38_SLOW),
        (failed(BEST, 20, speed=0), T38_SLOW),
        (failed(AUDIO, 20, speed=0), AUDIO_SLOW),
        # Training without V.17 under T.38: it is the relay's.
        (failed(T38_SLOW, 20, speed=0), AUDIO_SLOW),
        # Training without V.17 in audio: one more way there is.
        (failed(AUDIO_SLOW, 20, speed=0), AUDIO_POOR),
        # A page went out under T.38 and was lost: packets.
        (failed(BEST, 21), AUDIO),
        (failed(BEST, 48, pages=2), AUDIO),
        (failed(T38_SLOW, 15), AUDIO_SLOW),
        # T.38 was refused, so the page was lost in audio: too fast.
        (failed(BEST, 21, t38_status="refused"), T38_SLOW),
        (failed(AUDIO, 21), AUDIO_SLOW),
        # Lost in audio at 9,600 bit/s: slower does not help, without repetition it may get by.
        (failed(AUDIO, 48, speed=9600), AUDIO_POOR),
        (failed(AUDIO_SLOW, 48), AUDIO_POOR),
        # The far end's ECM is broken; T.38 is not.
        (failed(BEST, 16), T38_POOR),
        (failed(BEST, 22), T38_POOR),
        # The far end's ECM is broken; T.38 was refused.
        (failed(BEST, 16, t38_status="refused"), AUDIO_POOR),
        (failed(AUDIO, 22), AUDIO_POOR),
        # Nothing left.
        (failed(AUDIO_POOR, 48), None),
        # Silence after the re-INVITE.
        (failed(BEST, 2, speed=0), AUDIO),
        (failed(BEST, 3, speed=0, t38_status="requested"), AUDIO),
        (failed(BEST, 17, speed=0), AUDIO),
        (failed(BEST, 49, speed=0, t38_status="requested"), AUDIO),
        # The watchdog of the negotiation: no code.
        (failed(BEST, None, outcome=Outcome.NOT_A_FAX, t38_status="requested"), AUDIO),
        # Silence, and T.38 was not even asked for: a person, a mailbox.
        (failed(BEST, 2, speed=0, t38_status="off"), BEST),
        # The call broke off in the middle: the first time that may be chance.
        (failed(BEST, 49, pages=1), BEST),
        (failed(AUDIO, 49), AUDIO),
        # Nothing in common by way of T.38.
        (failed(BEST, 8, speed=0), AUDIO),
        # Nothing in common in audio; nor can any mode change size and resolution.
        (failed(BEST, 8, speed=0, t38_status="refused"), None),
        (failed(AUDIO, 8, speed=0), None),
        (failed(BEST, 9, speed=0), None),
        (failed(BEST, 11, speed=0), None),
        (failed(BEST, 12, speed=0), None),
        # The mode had no part in it.
        (failed(T38_SLOW, 486, outcome=Outcome.BUSY, t38_status="off"), T38_SLOW),
        (failed(BEST, None, outcome=Outcome.NO_ANSWER, t38_status="off"), BEST),
        (failed(BEST, 404, outcome=Outcome.BAD_NUMBER, t38_status="off"), BEST),
        (failed(BEST, 503, outcome=Outcome.LOCAL_TROUBLE, t38_status="off"), BEST),
        (failed(BEST, None, outcome=Outcome.UNKNOWN), BEST),
    ],
)
def test_what_follows_what_failed(step: PastAttempt, expected: Mode | None) -> None:
    assert after(step) == expected


def test_a_second_break_is_attributed_to_the_mode() -> None:
    broken = failed(BEST, 49, pages=1)
    assert after(broken, broken) == AUDIO
    # A busy number in between changes nothing.
    busy = failed(BEST, 486, outcome=Outcome.BUSY, t38_status="off")
    assert after(broken, busy, broken) == AUDIO
    # In audio it cannot be determined which part it was: one rung down.
    assert after(failed(AUDIO, 49), failed(AUDIO, 49)) == AUDIO_SLOW


def test_a_call_that_was_not_answered_says_nothing_of_the_mode() -> None:
    dead = failed(BEST, 480, outcome=Outcome.LINE_TROUBLE, t38_status="off", speed=0)
    assert after(dead, dead, dead) == BEST


def test_the_ladder_from_top_to_bottom() -> None:
    history = [failed(BEST, 20, speed=0)]
    way = []
    while mode := after(*history):
        way.append(mode)
        history.append(failed(mode, 48))
    assert way == [T38_SLOW, AUDIO_SLOW, AUDIO_POOR]


@pytest.mark.parametrize(
    ("requested", "step", "expected"),
    [
        # Audio is forbidden: slower T.38, then T.38 without ECM.
        (Mode("required"), failed(Mode("required"), 21), Mode("required", v17=False)),
        (
            Mode("required", v17=False),
            failed(Mode("required", v17=False), 21),
            Mode("required", ecm=False, v17=False),
        ),
        # T.38 did not come about, and nothing else is allowed.
        (
            Mode("required"),
            failed(Mode("required"), None, outcome=Outcome.INCOMPATIBLE, speed=0),
            None,
        ),
        # Audio alone.
        (Mode("off"), failed(AUDIO, 21), AUDIO_SLOW),
        # Without ECM from the start: V.17 goes before T.38 does.
        (
            Mode("on", ecm=False),
            failed(Mode("on", ecm=False), 20, speed=0),
            Mode("on", ecm=False, v17=False),
        ),
        (Mode("on", ecm=False), failed(Mode("on", ecm=False), 21), Mode("off", ecm=False)),
        # The request was changed meanwhile: what is forbidden now is left out.
        (Mode("off", v17=False), failed(BEST, 486, outcome=Outcome.BUSY), AUDIO_SLOW),
    ],
)
def test_a_request_is_never_overruled(
    requested: Mode, step: PastAttempt, expected: Mode | None
) -> None:
    assert after(step, requested=requested) == expected


@pytest.mark.parametrize(
    ("pins", "requested", "step", "expected"),
    [
        # Pinned between two calls: it holds for the next one.
        (Pins(t38="off"), BEST, failed(BEST, 486, outcome=Outcome.BUSY), AUDIO),
        # ECM stays, whatever fails.
        (Pins(ecm=True), BEST, failed(AUDIO, 16), None),
        (Pins(ecm=True), BEST, failed(AUDIO, 21), AUDIO_SLOW),
        # Pinned to T.38 alone: slower, but T.38.
        (Pins(t38="required"), BEST, failed(Mode("required"), 21), Mode("required", v17=False)),
        # That pin was taken away: audio is allowed again.
        (Pins(), BEST, failed(Mode("required"), 21), AUDIO),
        (Pins(), BEST, failed(Mode("required"), 486, outcome=Outcome.BUSY), BEST),
        # The request is stronger than the pin.
        (Pins(t38="on", ecm=True), AUDIO_POOR, failed(AUDIO_POOR, 49), AUDIO_POOR),
    ],
)
def test_pins_bind_the_ladder(
    pins: Pins, requested: Mode, step: PastAttempt, expected: Mode | None
) -> None:
    assert after(step, requested=requested, pins=pins) == expected


def test_reasons_are_readable_sentences() -> None:
    choice = next_mode([failed(BEST, 21)], BEST)
    assert choice is not None
    assert choice.why == ("In the last call a page was not confirmed: the next one uses audio.",)
    choice = next_mode([failed(BEST, 49, pages=3)], BEST)
    assert choice is not None
    assert choice.why == ("The last call confirmed pages before it broke off: T.38 again.",)


def test_the_first_call_needs_no_history() -> None:
    with pytest.raises(ValueError, match="first_mode"):
        next_mode([], BEST)
    assert first_mode(BEST).mode == BEST
    assert first_mode(T38_SLOW, ModeChoice(AUDIO, ("because",))) == ModeChoice(
        AUDIO_SLOW, ("because",)
    )
    assert first_mode(Mode("required"), ModeChoice(AUDIO)).mode == Mode("required")


modes = st.builds(
    Mode, t38=st.sampled_from(["off", "on", "required"]), ecm=st.booleans(), v17=st.booleans()
)
endings = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from([one for one in Outcome if one is not Outcome.DELIVERED]),
        "result_code": st.none() | st.sampled_from([*t30.CODES, 404, 486, 503]),
        "t38_status": st.sampled_from(["off", "requested", "negotiated", "refused"]),
        "pages": st.integers(0, 5),
        "speed": st.sampled_from([0, 2400, 9600, 12000, 14400]),
        "ecm_used": st.booleans(),
    }
)


all_pins = st.builds(
    Pins,
    t38=st.none() | st.sampled_from(["off", "on", "required"]),
    ecm=st.none() | st.booleans(),
    v17=st.none() | st.booleans(),
)


@given(modes, modes, all_pins | st.just(Pins()), st.lists(endings, min_size=1, max_size=12))
def test_a_mode_that_failed_is_not_used_again(
    requested: Mode, advised: Mode, pins: Pins, ended: list[dict[str, Any]]
) -> None:
    # Experience alone never requires T.38.
    advised = replace(advised, t38="on") if advised.t38 == "required" else advised
    mode = first_mode(requested, ModeChoice(pins.applied(advised))).mode
    history: list[PastAttempt] = []
    for ending in ended:
        assert mode == mode.within(requested) == pins.applied(mode).within(requested)
        history.append(PastAttempt(mode=mode, **ending))
        laid = faulty_part(history[-1], history[:-1])
        choice = next_mode(history, requested, pins)
        if laid is None:
            # Nothing speaks against the mode: it stays.
            assert choice is None or choice.mode == mode
        elif choice is not None:
            guilty = [s.mode for n, s in enumerate(history) if faulty_part(s, history[:n])]
            assert choice.mode not in guilty
            # Only taken away, never brought back; and what is blamed is gone.
            assert choice.mode.ecm <= mode.ecm
            assert choice.mode.v17 <= mode.v17
            assert mode.t38 != "off" or choice.mode.t38 == "off"
            assert laid[0] is not FaultyPart.T38 or choice.mode.t38 != "on"
            assert laid[0] is not FaultyPart.V17 or not choice.mode.v17
            assert laid[0] is not FaultyPart.ECM or not choice.mode.ecm
        if choice is None:
            break
        mode = choice.mode
    guilty = [s.mode for n, s in enumerate(history) if faulty_part(s, history[:n])]
    assert len(guilty) == len(set(guilty)) <= len(RUNGS)


@given(modes)
def test_a_mode_survives_the_database(mode: Mode) -> None:
    assert Mode.from_dict(mode.as_dict() | {"first_page": 1}) == mode


@pytest.mark.parametrize(
    "data",
    [{}, {"t38": "never"}, {"t38": ["on"]}, {"ecm": "yes", "v17": 0}],
)
def test_an_invalid_stored_mode_is_the_best_one(data: dict[str, Any]) -> None:
    assert Mode.from_dict(data) == Mode()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Nothing was heard.
        ({"result_code": 2}, False),
        ({"result_code": 49}, False),
        ({"result_code": 486}, False),
        # Only a fax machine says this.
        ({"result_code": 12}, True),
        ({"result_code": 20}, True),
        ({"remote_station_id": "+49 30 1"}, True),
        ({"fax_speed": 9600}, True),
        ({"confirmed": 1}, True),
    ],
)
def test_which_endings_prove_a_fax_machine(changes: dict[str, Any], expected: bool) -> None:
    ended = result(Outcome.LINE_TROUBLE, **changes)
    assert met_fax(ended) is expected
    assert PastAttempt.of(BEST, ended).ever_fax is expected


def test_a_past_attempt_is_made_of_a_result() -> None:
    ended = result(
        Outcome.LINE_TROUBLE,
        confirmed=2,
        result_code=21,
        t38_status="negotiated",
        fax_speed=14400,
        fax_error_correction=True,
    )
    step = failed(BEST, 21, pages=2, ecm_used=True)
    assert PastAttempt.of(BEST, ended) == replace(step, ever_fax=True)
