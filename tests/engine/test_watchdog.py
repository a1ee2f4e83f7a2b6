"""The stages of a call and their time limits."""

from __future__ import annotations

import pytest

from fsfax.engine.observations import FaxStopped, OriginateReply
from fsfax.engine.transcript import Transcript
from fsfax.engine.watchdog import INTERRUPTIONS, Stage, limit, stage_progress
from fsfax.settings import CallTimeouts
from tests.engine.observed import ANSWERED, CLEARED, NEGOTIATED, page, phase_e, seen


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        (seen(), (Stage.DIALLING, 0)),
        (seen(ANSWERED), (Stage.NEGOTIATING, 0)),
        (seen(ANSWERED, NEGOTIATED), (Stage.SENDING, 0)),
        (seen(ANSWERED, NEGOTIATED, page(1)), (Stage.SENDING, 1)),
        (seen(ANSWERED, NEGOTIATED, phase_e(0, 1)), (Stage.LINGERING, 0)),
        (seen(ANSWERED, FaxStopped(at=1, response="no file")), (Stage.LINGERING, 0)),
        (seen(ANSWERED, CLEARED), (Stage.SETTLING, 0)),
        (seen(ANSWERED, phase_e(0, 1), CLEARED), (Stage.OVER, 0)),
        (seen(OriginateReply(at=1, cause="USER_BUSY")), (Stage.OVER, 0)),
    ],
)
def test_stages(transcript: Transcript, expected: tuple[Stage, int]) -> None:
    assert stage_progress(transcript) == expected
    assert limit(expected[0], CallTimeouts()) >= 0


TIMEOUTS = CallTimeouts(answer=60, negotiation=90, page=120, linger=10, result=5)


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [
        (Stage.DIALLING, 65.0),  # FreeSWITCH's originate_timeout of 60 s ends first
        (Stage.NEGOTIATING, 90.0),
        (Stage.SENDING, 120.0),
        (Stage.LINGERING, 10.0),
        (Stage.SETTLING, 5.0),
        (Stage.OVER, 0.0),
    ],
)
def test_the_limit_of_a_stage(stage: Stage, seconds: float) -> None:
    assert limit(stage, TIMEOUTS) == seconds


def test_a_stage_that_times_out_ends_the_call_unless_the_fax_is_over() -> None:
    assert INTERRUPTIONS.keys() == {Stage.DIALLING, Stage.NEGOTIATING, Stage.SENDING}
