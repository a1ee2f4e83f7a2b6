"""Whether and when a fax is tried again. Pure: clock and randomness are parameters.

The rules, in this order:

1. A fax that arrived, or that was cancelled, is done: it is never dialled again.
2. What cannot be proved is left to policy: ``hold`` for an operator, or ``retry``. A call whose
   channel FreeSWITCH still has is held under both, for a second one would be a second live call.
3. What has to be mended first (`TxResult.retry` is False) is given up. The one exception: two
   machines that had nothing in common, as long as `fsfax.jobs.ladder` knows another way to call.
4. The table (`fsfax.settings.RetryRule`) says whether this class of ending is tried again, how
   often in a row, and after how long.
5. ``retries`` is the number of tries after the first one, as the Faxes API has it, so a job that
   may be tried again ends after ``retries`` + 1 tries that count. Tries that do not count have a
   limit of their own in the table, so every job ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fsfax.settings import RetryRule
from fsfax.values.outcome import Outcome
from fsfax.values.results import Status, TxResult

_MOST_DOUBLINGS = 64
"""Where the growth of a pause ends: far beyond every ``max_delay``, far below float's limit."""

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a job after an attempt.

    action: "done" = nothing is left to be sent, or the fax was cancelled; "retry" = dial again
        after ``delay``; "give_up" = the job has failed; "hold" = an operator has to decide.
    delay: seconds before the next try; 0 for all other actions.
    reason: why, in plain words.
    """

    action: Literal["done", "retry", "give_up", "hold"]
    delay: float = 0.0
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryHistory:
    """What is known of a job when one of its attempts has ended.

    tried: attempts counted so far, this one included if its rule counts it.
    retries: attempts allowed after the first one (Faxes API: 0 to 4).
    same: how many attempts in a row, this one included, ended with this outcome; from 1.
    progressed: this attempt confirmed at least one page that was not confirmed before.
    ever_fax: a fax machine has been met at this number before.
    rungs_left: the ladder has a way to call that has not failed yet.
    give_up: an operator asked that this number be not tried again after a failure.
    """

    tried: int
    retries: int
    same: int
    progressed: bool
    ever_fax: bool
    rungs_left: bool = False
    give_up: bool = False


def decide(
    result: TxResult,
    history: RetryHistory,
    *,
    uncertain: Literal["hold", "retry"],
    table: Mapping[str, RetryRule],
    chance: float,
) -> Decision:
    """Return what becomes of a job whose attempt ended with ``result``.

    Args:
        result: how the attempt ended.
        history: what is known of the job now.
        uncertain: what to do when the fate of a call cannot be proved.
        table: a rule for each outcome (`JobsSettings.retry`).
        chance: a random number from 0 to below 1, which spreads the pauses.
    """
    reason = _sentence(result)
    if result.success or result.status is Status.SUCCEEDED or result.outcome is Outcome.DELIVERED:
        return Decision(action="done", reason="The fax was delivered.")
    if result.outcome is Outcome.CANCELLED:
        return Decision(action="done", reason=reason)
    unknown = result.status is Status.UNCERTAIN or result.outcome is Outcome.UNKNOWN
    if unknown and (uncertain == "hold" or not result.retry):
        return Decision(action="hold", reason=f"{reason} It is held until an operator decides.")
    rule = table[Outcome.UNKNOWN if unknown else result.outcome]
    if obstacle := _obstacle(result, rule, history):
        return Decision(action="give_up", reason=f"{reason} {obstacle}")
    delay = pause(rule, 1 if history.progressed else history.same, chance)
    used = (
        f"This was try {history.tried} of at most {history.retries + 1}"
        if rule.counts
        else "No try is used up"
    )
    reason = f"{reason} {used}; the next one is in {_duration(delay)}."
    return Decision(action="retry", delay=delay, reason=reason)


def pause(rule: RetryRule, same: int, chance: float) -> float:
    """Return the seconds to wait after the ``same``-th try in a row with this ending.

    ``chance`` from 0 to 1 picks the place in the range that the jitter allows.
    """
    grown = rule.delay * rule.factor ** min(max(same, 1) - 1, _MOST_DOUBLINGS)
    spread = 1.0 - rule.jitter + 2.0 * rule.jitter * chance
    return round(min(grown, rule.max_delay) * spread, 3)


def _obstacle(result: TxResult, rule: RetryRule, history: RetryHistory) -> str:
    """Return why the fax is not tried again, "" if nothing prevents it."""
    another_way = result.outcome is Outcome.INCOMPATIBLE and history.rungs_left
    if history.give_up:
        return "An operator asked to give this number up after a failure."
    if not result.retry and not another_way:
        return "Another try would end in the same way."
    if not rule.retry:
        return "This is not tried again."
    tried, same = history.tried, history.same
    if tried > history.retries:
        return f"All {tried} tries are used up." if tried > 1 else "No other try was asked for."
    if rule.max_tries is None or same < rule.max_tries:
        return ""
    # A call that confirmed pages, or a number where a fax machine was met before, gets all the
    # tries that were asked for. A limit that is the only one has no exceptions.
    exempt = history.progressed or (result.outcome is Outcome.NOT_A_FAX and history.ever_fax)
    if rule.counts and exempt:
        return ""
    return f"It ended so {same} times in a row." if same > 1 else "Once was enough."


def _sentence(result: TxResult) -> str:
    text = result.error_message.strip() or f"The fax ended so: {result.outcome}"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _duration(seconds: float) -> str:
    """Return a duration in words, in its largest unit: "2 hours"."""
    if seconds < 2 * _MINUTE:
        amount, unit = seconds, "second"
    elif seconds < 2 * _HOUR:
        amount, unit = seconds / _MINUTE, "minute"
    else:
        amount, unit = seconds / _HOUR, "hour"
    count = max(1, round(amount))
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
