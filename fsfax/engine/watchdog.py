"""The watchdogs of a call: how long each stage may take. Pure.

FreeSWITCH does not end every stage by itself: a profile without a timer never sends
anything, and a peer that stops sending UDPTL holds the channel for up to ten minutes after a
good result. Each stage therefore has a limit here, counted from the last progress.
"""

from __future__ import annotations

from enum import StrEnum

from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Interruption
from fsfax.settings import CallTimeouts

_ANSWER_GRACE = 5.0
"""Seconds on top of the answer limit, so that FreeSWITCH's ``originate_timeout`` ends first."""


class Stage(StrEnum):
    """How far a call has come."""

    DIALLING = "dialling"
    NEGOTIATING = "negotiating"
    SENDING = "sending"
    """Phase C or D, in either direction."""
    LINGERING = "lingering"
    """The fax is over, the channel is not."""
    SETTLING = "settling"
    """The channel is gone and a result event may still be on its way."""
    OVER = "over"


StageProgress = tuple[Stage, int]
"""A stage and the number of pages confirmed in it: a change restarts the clock."""


def stage_progress(transcript: Transcript) -> StageProgress:
    """Return the stage of the call, and the pages confirmed in it."""
    if transcript.is_over:
        provable = transcript.result or not transcript.is_answered
        return (Stage.OVER if provable else Stage.SETTLING), 0
    if transcript.result or transcript.stopped:
        return Stage.LINGERING, 0
    if transcript.negotiated or transcript.pages:
        return Stage.SENDING, len(transcript.pages)
    return (Stage.NEGOTIATING if transcript.is_answered else Stage.DIALLING), 0


def limit(stage: Stage, timeouts: CallTimeouts) -> float:
    """Return how many seconds this stage may take without progress; 0 when the call is over."""
    return {
        Stage.DIALLING: timeouts.answer + _ANSWER_GRACE,
        Stage.NEGOTIATING: timeouts.negotiation,
        Stage.SENDING: timeouts.page,
        Stage.LINGERING: timeouts.linger,
        Stage.SETTLING: timeouts.result,
        Stage.OVER: 0.0,
    }[stage]


INTERRUPTIONS = {
    Stage.DIALLING: Interruption.ANSWER_TIMEOUT,
    Stage.NEGOTIATING: Interruption.NEGOTIATION_TIMEOUT,
    Stage.SENDING: Interruption.PAGE_TIMEOUT,
}
"""Why a call is ended when its stage takes too long (a lingering call has its result already)."""
