"""The history of a number, and the advice for the first call to it that follows. Pure.

For each of T.38, V.17 and ECM a history has the weight of the evidence for it and against it. Both
weights halve with every half-life, so that experience fades: a part is left out only while the
weight against it is the greater one and at least `_CONVINCING`. Both weights fade alike, so their
order does not change: with time the advice can only return to what was requested.

The caller's request ranks above an operator's pins, and these above experience. `clear` removes the
experience and not the pins, which are decisions; `pin` with None removes one of them,
``clear(history, pins=True)`` all.

Station ids and codings come from the far end: they are bounded and made printable before they are
stored. Of a history that another version or another program wrote, invalid values are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from fsfax.errors import InvalidRequest
from fsfax.jobs.ladder import (
    V17_SPEED,
    FaultyPart,
    ModeChoice,
    PastAttempt,
    Pins,
    faulty_part,
    met_fax,
)
from fsfax.runtime.sanitize import one_line
from fsfax.values.outcome import Outcome
from fsfax.values.plan import T38, Mode
from fsfax.values.results import TxResult

DAY = 86400.0
HALF_LIFE = 30 * DAY
"""Seconds after which experience counts half, unless `JobsSettings.history_half_life` differs."""

MAX_LAST = 10
"""Endings that are stored one by one."""

_CONVINCING = 0.5
"""So one piece of evidence against a part holds for one half-life."""
_MOST_WEIGHT = 1000.0
_MOST_COUNT = 10**9
_MAX_WORD = 20  # a station id has 20 characters (ITU-T T.30, 5.3.6.2)
_LATEST = 253402300799.0  # the year 9999: datetime ends there


@dataclass(frozen=True, slots=True)
class Weights:
    """The evidence for a part and against it, as of ``at`` (seconds since 1970)."""

    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0

    def faded(self, now: float, half_life: float = HALF_LIFE) -> Weights:
        """Return the weights at ``now``; those with a later date (a wrong clock) do not fade."""
        share = 0.5 ** (max(0.0, now - self.at) / half_life)
        return Weights(self.good * share, self.bad * share, now)

    def with_more(self, now: float, half_life: float, *, good: bool) -> Weights:
        """Return the weights with one more piece of evidence."""
        old = self.faded(now, half_life)
        return Weights(
            min(_MOST_WEIGHT, old.good + (1.0 if good else 0.0)),
            min(_MOST_WEIGHT, old.bad + (0.0 if good else 1.0)),
            old.at,
        )

    def is_against(self, now: float, half_life: float = HALF_LIFE) -> bool:
        """Return whether the evidence is against the part at the time ``now``."""
        faded = self.faded(now, half_life)
        return faded.bad > faded.good and faded.bad >= _CONVINCING


@dataclass(frozen=True, slots=True)
class Ending:
    """How one call ended; ``at`` in seconds since 1970."""

    at: float
    outcome: str
    code: int | None
    pages: int
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationHistory:
    """What is known of a number from the calls to it.

    t38, v17, ecm: the weights of the evidence.
    ever_fax: a fax machine has answered there.
    speed: bits per second of the last call that agreed on one; coding: of the last page ("T.6").
    station_id: as the far end sent it.
    delivered, failed: calls so far. last: the last endings, the newest last.
    """

    number: str
    t38: Weights = Weights()
    v17: Weights = Weights()
    ecm: Weights = Weights()
    ever_fax: bool = False
    speed: int = 0
    coding: str = ""
    station_id: str = ""
    delivered: int = 0
    failed: int = 0
    last: tuple[Ending, ...] = ()
    pins: Pins = field(default_factory=Pins)

    def as_dict(self) -> dict[str, Any]:
        """Return the history as plain JSON values."""
        plain = asdict(self) | {"last": [asdict(ending) for ending in self.last]}
        del plain["number"]  # the key of its row
        return plain

    @classmethod
    def from_dict(cls, number: str, data: object) -> Self:
        """Return the history that `as_dict` wrote; invalid values are ignored."""
        if not isinstance(data, Mapping):
            return cls(number=number)
        return cls(
            number=number,
            t38=_weights(data.get("t38")),
            v17=_weights(data.get("v17")),
            ecm=_weights(data.get("ecm")),
            ever_fax=data.get("ever_fax") is True,
            speed=_count(data.get("speed")),
            coding=_word(data.get("coding")),
            station_id=_word(data.get("station_id")),
            delivered=_count(data.get("delivered")),
            failed=_count(data.get("failed")),
            last=_endings(data.get("last")),
            pins=_pins(data.get("pins")),
        )


def learn(
    history: DestinationHistory,
    result: TxResult,
    mode: Mode,
    now: float,
    half_life: float = HALF_LIFE,
) -> DestinationHistory:
    """Return the history after a call.

    Confirmed pages are evidence for the mode they were sent with, whatever ended the call. A
    failure is evidence against the faulty part of the mode (`fsfax.jobs.ladder.faulty_part`). An
    ending that is not about the number (`Outcome.is_about_the_number`: local trouble, a cancelled
    call, an unknown fate) is no evidence and is not recorded; without a confirmed page such a call
    leaves the history as it was.

    Args:
        history: the one before the call.
        result: how the call ended.
        mode: how it was made.
        now: seconds since 1970.
        half_life: seconds after which experience counts half.
    """
    if not (result.outcome.is_about_the_number or result.pages_sent):
        return history
    weights = {"t38": history.t38, "v17": history.v17, "ecm": history.ecm}
    for name, good in _evidence(result, mode, _recent(history, now)).items():
        weights[name] = weights[name].with_more(now, half_life, good=good)
    learnt = replace(
        history,
        t38=weights["t38"],
        v17=weights["v17"],
        ecm=weights["ecm"],
        ever_fax=history.ever_fax or met_fax(result),
        speed=_count(result.fax_speed) or history.speed,
        coding=_word(result.encoding) or history.coding,
        station_id=_word(result.remote_station_id) or history.station_id,
    )
    if not result.outcome.is_about_the_number:
        return learnt
    ending = Ending(_moment(now), result.outcome.value, result.result_code, result.pages_sent, mode)
    return replace(
        learnt,
        delivered=min(_MOST_COUNT, history.delivered + result.success),
        failed=min(_MOST_COUNT, history.failed + (not result.success)),
        last=(*history.last, ending)[-MAX_LAST:],
    )


def advise(
    history: DestinationHistory, requested: Mode, now: float, half_life: float = HALF_LIFE
) -> ModeChoice:
    """Return the mode for a first call to this number, and why: from pins, then experience."""
    pins, why = history.pins, []
    against = {
        "t38": requested.t38 == "on" and history.t38.is_against(now, half_life),
        "v17": requested.v17 and history.v17.is_against(now, half_life),
        "ecm": requested.ecm and history.ecm.is_against(now, half_life),
    }
    for name, label in _LABELS.items():
        pinned, asked = getattr(pins, name), getattr(requested, name)
        if pinned is not None:
            obeyed = getattr(pins.applied(requested).within(requested), name) == pinned
            rule = (
                "pinned by an operator" if obeyed else "pinned, but the job asks for something else"
            )
            why.append(f"{label}: {_setting(pinned)}, {rule}.")
        elif against[name]:
            why.append(f"{label}: off, it failed at this number.")
        elif asked in (False, "off", "required"):
            why.append(f"{label}: {_setting(asked)}, as requested.")
        elif getattr(history, name).faded(now, half_life).good >= _CONVINCING:
            why.append(f"{label}: {_setting(asked)}, it worked at this number.")
    experienced = Mode(
        t38="off" if against["t38"] else requested.t38,
        ecm=requested.ecm and not against["ecm"],
        v17=requested.v17 and not against["v17"],
    )
    if not why:
        why.append("Nothing that is known of this number speaks against the best way.")
    return ModeChoice(pins.applied(experienced).within(requested), tuple(why))


def explain(
    history: DestinationHistory, requested: Mode, now: float, half_life: float = HALF_LIFE
) -> list[str]:
    """Return lines of text: what is known of a number, and how it would be called next.

    Every line is printable; the station id is as the far end sent it.
    """
    lines = [f"{history.number}: {history.delivered} delivered, {history.failed} failed."]
    if history.ever_fax:
        station = f', it calls itself "{history.station_id}"' if history.station_id else ""
        lines.append(f"A fax machine was met there{station}.")
    elif history.last:
        lines.append("No fax machine was ever met there.")
    if history.speed:
        lines.append(f"Last speed: {history.speed} bit/s, coding {history.coding or 'unknown'}.")
    for ending in history.last:
        code = "" if ending.code is None else f" (code {ending.code})"
        pages = f", {ending.pages} confirmed" if ending.pages else ""
        lines.append(f"{_day(ending.at)}: {ending.outcome}{code}{pages}, by {ending.mode}.")
    if history.pins.give_up:
        lines.append("Pinned by an operator: not tried again after a failure.")
    choice = advise(history, requested, now, half_life)
    lines.append(f"The next first call would use {choice.mode}:")
    lines.extend(f"  {sentence}" for sentence in choice.why)
    return lines


class _Unchanged:
    """The type of `UNCHANGED`, which leaves a pin as it is; None removes one."""


UNCHANGED: Final = _Unchanged()


def pin(
    history: DestinationHistory,
    *,
    t38: T38 | _Unchanged | None = UNCHANGED,
    ecm: bool | _Unchanged | None = UNCHANGED,
    v17: bool | _Unchanged | None = UNCHANGED,
    give_up: bool | _Unchanged = UNCHANGED,
) -> DestinationHistory:
    """Return the history with pins set; None removes a pin, the others stay.

    Raises:
        InvalidRequest: a value is not allowed for its pin.
    """
    given = {"t38": t38, "ecm": ecm, "v17": v17, "give_up": give_up}
    changes = {name: value for name, value in given.items() if not isinstance(value, _Unchanged)}
    asked = asdict(history.pins) | changes
    pins = _pins(asked)
    if wrong := [name for name, value in asdict(pins).items() if value is not asked[name]]:
        raise InvalidRequest(
            f"{wrong[0]} cannot be pinned to {asked[wrong[0]]!r}: t38 may be off, on or required,"
            " ecm, v17 and give_up true or false; None removes a pin of the first three"
        )
    return replace(history, pins=pins)


def clear(history: DestinationHistory, *, pins: bool = False) -> DestinationHistory:
    """Return an empty history with the pins, or without them if ``pins`` is true."""
    return DestinationHistory(number=history.number, pins=Pins() if pins else history.pins)


# --- within -------------------------------------------------------------------------------------

_OUTCOMES = tuple(outcome.value for outcome in Outcome)
_LABELS = {"t38": "T.38", "v17": "V.17", "ecm": "ECM"}


def _evidence(result: TxResult, mode: Mode, before: Sequence[PastAttempt]) -> Mapping[str, bool]:
    """Return what is evidence for (True) or against (False) each part of the mode.

    Evidence against a part outweighs the pages that were sent with it.
    """
    evidence: dict[str, bool] = {}
    if result.pages_sent:
        # A call that broke off under T.38 is no evidence for T.38, which may be the reason.
        if result.t38_status == "negotiated" and result.outcome is not Outcome.LINE_TROUBLE:
            evidence["t38"] = True
        if result.fax_speed > V17_SPEED:
            evidence["v17"] = True
        if result.fax_error_correction:
            evidence["ecm"] = True
    if not result.outcome.is_about_the_number:
        return evidence
    if mode.t38 != "off" and result.t38_status == "refused":
        evidence["t38"] = False
    found = faulty_part(PastAttempt.of(mode, result), before)
    if found and found[0] is not FaultyPart.MODE:
        evidence[found[0].value] = False
    return evidence


def _recent(history: DestinationHistory, now: float) -> list[PastAttempt]:
    """Return the calls of the last day, with the values that `faulty_part` needs."""
    return [
        PastAttempt(mode=ending.mode, outcome=Outcome(ending.outcome))
        for ending in history.last
        if now - DAY <= ending.at
    ]


def _setting(value: str | bool) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


# Reading a stored history: every value is bounded, nothing raises.


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    return float(min(max(value, 0), most))


def _count(value: object) -> int:
    return int(_number(value, _MOST_COUNT))


def _moment(value: object) -> float:
    return _number(value, _LATEST)


def _word(value: object) -> str:
    return one_line(value, _MAX_WORD) if isinstance(value, str) else ""


def _weights(value: object) -> Weights:
    if not isinstance(value, Mapping):
        return Weights()
    return Weights(
        _number(value.get("good"), _MOST_WEIGHT),
        _number(value.get("bad"), _MOST_WEIGHT),
        _moment(value.get("at")),
    )


def _endings(value: object) -> tuple[Ending, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(
        Ending(
            at=_moment(item.get("at")),
            outcome=item["outcome"],
            code=None if item.get("code") is None else _count(item["code"]),
            pages=_count(item.get("pages")),
            mode=Mode.from_dict(_mapping(item.get("mode"))),
        )
        for item in value[-MAX_LAST:]
        if isinstance(item, Mapping) and item.get("outcome") in _OUTCOMES
    )


def _pins(value: object) -> Pins:
    given = _mapping(value)
    t38, ecm, v17 = given.get("t38"), given.get("ecm"), given.get("v17")
    return Pins(
        t38=t38 if t38 in ("off", "on", "required") else None,
        ecm=ecm if isinstance(ecm, bool) else None,
        v17=v17 if isinstance(v17, bool) else None,
        give_up=given.get("give_up") is True,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
