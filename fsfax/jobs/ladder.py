"""The ladder: how the next call is made, chosen from what failed in the calls before. Pure.

Three parts can be left out of a fax call, and each of them costs something:

* **T.38.** FreeSWITCH falls back to audio by itself when the re-INVITE is refused (488). Some far
  ends and gateways accept it and then lose the call, or the UDPTL packets; no fallback follows.
* **V.17**, the modems above 9,600 bit/s. T.30 steps down by itself when the training fails, but
  not when the training succeeds and the pages are lost, and a relay may fail with V.17 only.
  Measured over T.38: three pages in 34 s, without V.17 and ECM in 57 s.
* **ECM** (T.30 Annex A). Without it a damaged page is printed damaged, and MMR and JBIG, which
  need it, are lost: two to six times the bytes. So it goes last.

The rungs, from the top:

    T.38, V.17, ECM → T.38, ECM → audio, V.17, ECM → audio, ECM → audio → T.38

The last one, T.38 without ECM, is no step of the ordinary way down: a page that fails under T.38
has most often lost packets, and without ECM nothing repairs that. It serves far ends whose ECM is
broken while their T.38 works, and requests that forbid audio.

A move only removes parts: what was left out once stays out for the rest of the job. What the caller
requested is never overruled: "off", "required", or a request without ECM or V.17 removes the rungs
that do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from fsfax.values.outcome import Outcome
from fsfax.values.plan import T38, Mode
from fsfax.values.results import T38Status, TxResult

V17_SPEED = 9600
"""Bits per second; only V.17 is faster (V.29 ends here)."""


RUNGS: tuple[Mode, ...] = (
    Mode("on", ecm=True, v17=True),
    Mode("on", ecm=True, v17=False),
    Mode("off", ecm=True, v17=True),
    Mode("off", ecm=True, v17=False),
    Mode("off", ecm=False, v17=False),
    Mode("on", ecm=False, v17=False),
)
"""The modes, the best first."""


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """A mode, and the reasons for it as plain sentences."""

    mode: Mode
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What an operator fixed for a number; None = not fixed.

    give_up: do not try this number again after a failure.
    """

    t38: T38 | None = None
    ecm: bool | None = None
    v17: bool | None = None
    give_up: bool = False

    def applied(self, mode: Mode) -> Mode:
        """Return the mode with the pinned values."""
        return Mode(
            t38=mode.t38 if self.t38 is None else self.t38,
            ecm=mode.ecm if self.ecm is None else self.ecm,
            v17=mode.v17 if self.v17 is None else self.v17,
        )


_NO_PINS = Pins()


class FaultyPart(StrEnum):
    """The part of the mode that a failure is attributed to."""

    T38 = "t38"
    V17 = "v17"
    ECM = "ecm"
    MODE = "mode"
    """Some part of the mode; which one cannot be determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """A settled attempt: how it was made and how it ended.

    result_code: SpanDSP's T.30 completion code, the SIP status of a call that was not answered,
        or None.
    pages: pages that this call confirmed. speed: bits per second, 0 if nothing was agreed.
    ecm_used: error correction was agreed. ever_fax: a fax machine was met.
    """

    mode: Mode
    outcome: Outcome
    result_code: int | None = None
    t38_status: T38Status = "off"
    pages: int = 0
    speed: int = 0
    ecm_used: bool = False
    ever_fax: bool = False

    @classmethod
    def of(cls, mode: Mode, result: TxResult) -> Self:
        """Return the attempt that ended with this result."""
        return cls(
            mode=mode,
            outcome=result.outcome,
            result_code=result.result_code,
            t38_status=result.t38_status,
            pages=result.pages_sent,
            speed=result.fax_speed,
            ecm_used=result.fax_error_correction,
            ever_fax=met_fax(result),
        )


# Codes of SpanDSP (fsfax.engine.t30) that a sender can only end with after it decoded a frame of
# T.30, which neither a person nor a voice mailbox sends.
_FAX_SPOKE = frozenset({8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 48})
_TRAINING = {
    6: "no speed could be trained",
    14: "the training was answered wrongly",
    20: "the training was not answered",
}
_ECM_PROTOCOL = {
    16: "error-corrected pages were confirmed wrongly",
    22: "the far end was never ready for the next error-corrected part",
}
_PAGE_LOST = {
    15: "the far end hung up after a page",
    18: "a page was answered without sense",
    21: "a page was not confirmed",
    48: "a page was repeated without success",
}
_BEFORE_DIS = frozenset({1, 5, 13, 17, 19})
"""Ends before anything was agreed: if T.38 was asked for, the switch to it may be the reason."""
_NOTHING_IN_COMMON = 8
_DROPPED = 49
_SIP = 100
"""Codes from here on are SIP statuses: the call was not answered, so the mode was not tested."""


def met_fax(result: TxResult) -> bool:
    """Return whether a fax machine answered this call."""
    return bool(
        result.success
        or result.pages_sent
        or result.fax_speed
        or result.remote_station_id
        or result.result_code in _FAX_SPOKE
    )


def faulty_part(
    attempt: PastAttempt, before: Sequence[PastAttempt] = ()
) -> tuple[FaultyPart, str] | None:
    """Return the part of the mode that an attempt's failure is attributed to, and the reason.

    Returns None if the mode had no part in it (busy, no answer, a wrong number), or if the call
    broke off for the first time in this mode, which may be chance. ``before``: earlier attempts.
    """
    code, in_play = attempt.result_code, attempt.t38_status != "off"
    match attempt.outcome:
        case Outcome.LINE_TROUBLE if code in _TRAINING and attempt.mode.v17:
            return FaultyPart.V17, _TRAINING[code]
        case Outcome.LINE_TROUBLE if code in _TRAINING:
            return FaultyPart.T38 if in_play else FaultyPart.MODE, _TRAINING[code]
        case Outcome.LINE_TROUBLE if code in _ECM_PROTOCOL and attempt.mode.ecm:
            return FaultyPart.ECM, _ECM_PROTOCOL[code]
        case Outcome.LINE_TROUBLE if code in _PAGE_LOST:
            return _faulty_after_page(attempt), _PAGE_LOST[code]
        case Outcome.LINE_TROUBLE:
            return _faulty_after_break(attempt, before)
        case Outcome.NOT_A_FAX if in_play:
            return FaultyPart.T38, "no fax was received any more after T.38 was asked for"
        case Outcome.INCOMPATIBLE if _is_t38_gap(attempt):
            return FaultyPart.T38, "the machines had nothing in common by way of T.38"
    return None


def _faulty_after_page(attempt: PastAttempt) -> FaultyPart:
    """Return the part at fault if a page was sent and not confirmed."""
    if attempt.t38_status == "negotiated":
        return FaultyPart.T38
    if attempt.mode.v17 and (attempt.speed > V17_SPEED or not attempt.mode.ecm):
        return FaultyPart.V17
    return FaultyPart.ECM if attempt.mode.ecm else FaultyPart.MODE


def _faulty_after_break(
    attempt: PastAttempt, before: Sequence[PastAttempt]
) -> tuple[FaultyPart, str] | None:
    """Return the part at fault if the call ended where no rule of T.30 ends it."""
    code, in_play = attempt.result_code, attempt.t38_status != "off"
    if code is not None and code >= _SIP:
        return None
    if in_play and code in _BEFORE_DIS:
        return FaultyPart.T38, "the machines did not find each other after T.38 was asked for"
    if in_play and code == _DROPPED and not attempt.pages:
        return FaultyPart.T38, "the call broke off soon after T.38 was asked for"
    if any(one.mode == attempt.mode and one.outcome is Outcome.LINE_TROUBLE for one in before):
        return FaultyPart.T38 if in_play else FaultyPart.MODE, "the call broke off again"
    return None


def _is_t38_gap(attempt: PastAttempt) -> bool:
    """Return whether T.38 may be why the machines had nothing in common.

    A T.38 gateway removes from the DIS what it cannot relay (ITU-T T.38); audio does not.
    """
    if attempt.result_code == _NOTHING_IN_COMMON:
        return attempt.t38_status in ("requested", "negotiated")
    return attempt.mode.t38 == "required" and attempt.result_code is None


def first_mode(requested: Mode, advice: ModeChoice | None = None) -> ModeChoice:
    """Return how the first call is made: as experience advises, within what was requested.

    Args:
        requested: what the caller asked for; what it forbids stays forbidden.
        advice: from `fsfax.jobs.destination.advise`.
    """
    if advice is None:
        return ModeChoice(
            requested, ("Nothing is known of this number: the best way is tried first.",)
        )
    return replace(advice, mode=advice.mode.within(requested))


def next_mode(
    history: Sequence[PastAttempt], requested: Mode, pins: Pins = _NO_PINS
) -> ModeChoice | None:
    """Return how the next call is made; None if every mode that is allowed has failed.

    Args:
        history: the attempts of the job so far, the first one first; not empty.
        requested: what the caller asked for.
        pins: what an operator fixed; they rank below the request and above the ladder.

    Raises:
        ValueError: the history is empty.
    """
    if not history:
        raise ValueError("the first call has no history: see first_mode")
    last = history[-1]
    start = _start(last, requested, pins)
    found = faulty_part(last, history[:-1])
    if found is None:
        if last.outcome is Outcome.INCOMPATIBLE:
            return None  # no mode changes what the far end cannot do
        return ModeChoice(start, (_same_again(last, start),))
    part, reason = found
    failed = {
        attempt.mode.within(requested)
        for number, attempt in enumerate(history)
        if faulty_part(attempt, history[:number])
    }
    for mode in _below(start, part, last, requested, pins):
        if mode not in failed:
            return ModeChoice(mode, (f"In the last call {reason}: the next one uses {mode}.",))
    return None


def _start(last: PastAttempt, requested: Mode, pins: Pins) -> Mode:
    """Return the mode to move on from: the last one, with the present request and pins."""
    mode = last.mode
    if mode.t38 == "required":
        mode = replace(mode, t38="on")  # stays "required" only if it still is
    return pins.applied(mode).within(requested)


def _below(
    start: Mode, part: FaultyPart, last: PastAttempt, requested: Mode, pins: Pins
) -> list[Mode]:
    """Return the modes without the part at fault that add nothing again, the best first."""
    found: list[Mode] = []
    for rung in RUNGS:
        mode = pins.applied(rung).within(requested)
        brings_back = (
            mode.ecm > start.ecm
            or mode.v17 > start.v17
            or (mode.t38 != "off" and start.t38 == "off")
        )
        keeps_faulty_part = {
            FaultyPart.T38: mode.t38 == "on",
            FaultyPart.V17: mode.v17,
            FaultyPart.ECM: mode.ecm,
            FaultyPart.MODE: False,
        }[part]
        if not brings_back and not keeps_faulty_part and mode not in found:
            found.append(mode)
    if part is FaultyPart.T38 and start.t38 == "required" and not last.speed:
        return []  # T.38 did not even start, which a slower modem does not change
    if part is FaultyPart.ECM and last.t38_status == "negotiated":
        found.sort(key=lambda mode: mode.t38 == "off")  # T.38 itself worked: keep it
    return found


def _same_again(last: PastAttempt, mode: Mode) -> str:
    if last.pages:
        return f"The last call confirmed pages before it broke off: {mode} again."
    return f"The last call is no evidence against {mode}."
