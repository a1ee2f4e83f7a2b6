"""The watchdogs of a call: how long each stage may take. Pure.

FreeSWITCH does not end every stage by itself: a profile without a timer never sends
anything, and a peer that stops sending UDPTL holds the channel for up to ten minutes after a
good result. Each stage therefore has a limit of ours, counted from the last step forward.
"""

from __future__ import annotations

from enum import StrEnum

from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Interruption
from fsfax.settings import CallTimeouts

_ANSWER_GRACE = 5.0
"""Seconds on top of the answer limit: FreeSWITCH's own ``originate_timeout`` comes first."""


class Stage(StrEnum):
    """Where a call is."""

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
"""A stage and the pages confirmed in it: the clock starts again whenever it changes."""


def step(transcript: Transcript) -> StageProgress:
    """Return where the call is."""
    if transcript.is_over:
        provable = transcript.result or not transcript.is_answered
        return (Stage.OVER if provable else Stage.SETTLING), 0
    if transcript.result or transcript.stopped:
        return Stage.LINGERING, 0
    if transcript.negotiated or transcript.pages:
        return Stage.SENDING, len(transcript.pages)
    return (Stage.NEGOTIATING if transcript.is_answered else Stage.DIALLING), 0


def limit(stage: Stage, timeouts: CallTimeouts) -> float:
    """Return how many seconds a step of this stage may take; 0 when the call is over."""
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
"""Why a call is ended when the limit of its stage has passed (lingering has a result already)."""
