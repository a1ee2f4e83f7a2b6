"""The transcript of one call: observations in, state out. Pure.

`note` adds one observation to an immutable transcript. It accepts them in any order: FreeSWITCH
sends the fax result after CHANNEL_HANGUP, the reply to the originate before or after the hangup,
and after a lost connection some are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fsfax.engine.observations import (
    Answered,
    Created,
    Dialling,
    EventsMissed,
    FaxFinished,
    FaxStarted,
    FaxStopped,
    HungUp,
    Negotiated,
    Observation,
    OriginateReply,
    PageDone,
    Parked,
    Ringing,
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """All observations of one call so far; a field is None while there is none of its kind."""

    dialling: Dialling | None = None
    created: Created | None = None
    ringing: Ringing | None = None
    reply: OriginateReply | None = None
    answered: Answered | None = None
    parked: Parked | None = None
    started: FaxStarted | None = None
    negotiated: Negotiated | None = None
    pages: tuple[PageDone, ...] = ()
    result: FaxFinished | None = None
    stopped: FaxStopped | None = None
    hung_up: HungUp | None = None
    missed: EventsMissed | None = None

    @property
    def is_answered(self) -> bool:
        """The call was answered, as at least one observation shows."""
        return bool(
            self.answered
            or self.started
            or self.negotiated
            or self.result
            or (self.reply and not self.reply.cause)
            or (self.hung_up and self.hung_up.answered)
        )

    @property
    def may_have_sent(self) -> bool:
        """Phase B ended, or may have ended while events were missed: a page may have been sent."""
        result = self.result
        return bool(
            self.negotiated
            or self.pages
            or self.missed
            or (result and (result.pages or result.remote_station_id))
        )

    @property
    def pages_confirmed(self) -> int:
        """The number of pages of this call that phase D or phase E confirmed."""
        seen = self.pages[-1].number if self.pages else 0
        return max(seen, self.result.pages if self.result else 0)

    @property
    def is_over(self) -> bool:
        """The channel is gone, or the originate failed: no more events can follow."""
        return self.hung_up is not None or bool(self.reply and self.reply.cause)


# Of most kinds the first observation counts: repeats after a reconnect add nothing, and phase E
# comes once. A negotiation may come again after a retrain, and another gateway may be dialled:
# there the last one counts.
_FIRST: Mapping[type[Observation], str] = {
    Created: "created",
    Ringing: "ringing",
    OriginateReply: "reply",
    Answered: "answered",
    Parked: "parked",
    FaxStarted: "started",
    FaxFinished: "result",
    FaxStopped: "stopped",
    HungUp: "hung_up",
    EventsMissed: "missed",
}
_LAST: Mapping[type[Observation], str] = {Dialling: "dialling", Negotiated: "negotiated"}


def note(transcript: Transcript, observation: Observation) -> Transcript:
    """Return the transcript with one more observation.

    A page whose number is not higher than that of the last page is ignored: the number of
    confirmed pages never decreases.
    """
    if isinstance(observation, PageDone):
        last = transcript.pages[-1].number if transcript.pages else 0
        if observation.number <= last:
            return transcript
        return replace(transcript, pages=(*transcript.pages, observation))
    kind = type(observation)
    name = _LAST.get(kind) or _FIRST.get(kind)
    if name is None or (kind in _FIRST and getattr(transcript, name) is not None):
        return transcript
    seen: dict[str, Any] = {name: observation}
    return replace(transcript, **seen)
