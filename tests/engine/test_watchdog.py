"""The stages of a call and their time limits."""

from __future__ import annotations

import pytest

from fsfax.engine.observations import FaxStopped, OriginateReply
from fsfax.engine.transcript import Transcript
from fsfax.engine.watchdog import Stage, limit, step
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
    assert step(transcript) == expected
    assert limit(expected[0], CallTimeouts()) >= 0
