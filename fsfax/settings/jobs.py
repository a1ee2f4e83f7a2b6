"""Sections ``jobs`` and ``inbound`` of the settings: durable jobs, retries, inbound faxes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, field_validator

from fsfax.settings.base import Seconds, Section


class RetryRule(Section):
    """Whether and when a fax is retried after one outcome.

    The first attempt with this outcome is followed by a pause of ``delay``, each further one in a
    row by a pause ``factor`` times as long, up to ``max_delay``; every pause varies by the
    fraction ``jitter``.
    """

    retry: bool = True
    delay: Seconds = 300.0
    factor: float = Field(default=1.0, ge=1, le=10)
    max_delay: Seconds = 3600.0
    jitter: float = Field(
        default=0.2, ge=0, le=1, description="spreads the retries of faxes that failed together"
    )
    max_tries: int | None = Field(
        default=None,
        ge=1,
        description="give up after so many in a row, whatever the fax's `retries` permits",
    )
    counts: bool = Field(default=True, description="whether the attempt counts against `retries`")


_NEVER = RetryRule(retry=False)


RETRIES: Mapping[str, RetryRule] = MappingProxyType(
    {
        "delivered": _NEVER,
        # The line is in use: a page takes a minute, a call several.
        "busy": RetryRule(delay=90, factor=2, max_delay=900),
        # Switched off, out of paper, or an absent person: a retry within minutes does not help.
        "no_answer": RetryRule(delay=600, factor=2, max_delay=3600),
        # A person answered: the second call may meet the machine, a third one is a nuisance.
        "not_a_fax": RetryRule(delay=300, factor=2, max_delay=3600, max_tries=2),
        # The next call is made in another way; the far machine needs a moment to reset.
        "line_trouble": RetryRule(delay=60, factor=2, max_delay=900),
        "incompatible": RetryRule(delay=60),
        "bad_document": _NEVER,
        "refused": _NEVER,
        "bad_number": _NEVER,
        # A gateway is down or full: the called party was not involved, so it does not count.
        # The pauses add up to four and a half hours.
        "local_trouble": RetryRule(delay=15, factor=2, max_delay=900, max_tries=24, counts=False),
        "cancelled": _NEVER,
        # Only where `jobs.uncertain` says so.
        "unknown": RetryRule(delay=300, factor=2, max_delay=3600),
    }
)
"""The default rule of each outcome (`fsfax.values.outcome.Outcome`), changed by `jobs.retry`."""


class JobsSettings(Section):
    """How workers process durable jobs."""

    lease: Seconds = Field(
        default=30.0, description="silence after which a worker's jobs are taken over"
    )
    poll: Seconds = Field(
        default=1.0, description="how often SQLite is queried for work of other processes"
    )
    drain: Seconds = Field(
        default=60.0,
        description="time for running calls to end at a stop; then they are handed over",
    )
    calls: int = Field(
        default=0, ge=0, description="simultaneous calls of one worker; 0 = no limit"
    )
    account_calls: int = Field(
        default=10, ge=0, description="simultaneous calls of one account; 0 = no limit"
    )
    prepare: int = Field(
        default=2, ge=1, description="documents fetched and converted simultaneously"
    )
    receive: bool = Field(default=True, description="receive inbound faxes as well")
    uncertain: Literal["hold", "retry"] = Field(
        default="hold",
        description="what is done with a job if the fate of its call cannot be proved",
    )
    uncertain_after: Seconds = Field(
        default=600.0, description="how long FreeSWITCH is queried for the fate of a call"
    )
    history_half_life: float = Field(
        default=30.0,
        gt=0,
        le=3650,
        description="days after which a call in the history counts half",
    )
    retry: Mapping[str, RetryRule] = Field(
        default_factory=dict,
        validate_default=True,
        description="rule of each outcome; fields that a rule omits have their default",
    )

    @field_validator("retry", mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Merge given rules into the defaults: ``retry.busy.delay`` alone can be set."""
        if not isinstance(given, Mapping):
            return given
        if unknown := ", ".join(sorted(map(str, given.keys() - RETRIES.keys()))):
            raise ValueError(f"not an outcome: {unknown}; the outcomes are {', '.join(RETRIES)}")
        rules: dict[str, Any] = dict(RETRIES)
        for name, rule in given.items():
            partial = isinstance(rule, Mapping)
            rules[str(name)] = RETRIES[name].model_dump() | dict(rule) if partial else rule
        return rules

    @field_validator("retry")
    @classmethod
    def _require_end(cls, rules: Mapping[str, RetryRule]) -> Mapping[str, RetryRule]:
        """Raise ValueError for rules that would dial for ever, or after delivery."""
        for name in ("delivered", "cancelled"):
            if rules[name].retry:
                raise ValueError(f"{name}.retry must be false: such a fax is never retried")
        for name, rule in rules.items():
            if rule.counts:
                continue
            # With two such outcomes in turn, neither row would reach its max_tries.
            if name != "local_trouble":
                raise ValueError(f"{name}.counts must be true: only local_trouble may be false")
            if rule.max_tries is None:
                raise ValueError(
                    f"{name}.max_tries is required where {name}.counts is false:"
                    " retries would never end"
                )
        return rules


class InboundSettings(Section):
    """Account and faxbox of inbound faxes to a number that belongs to no faxbox or account."""

    account: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="account of such faxes; by default the default account",
    )
    faxbox: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="faxbox of such faxes; if it was removed, the account applies",
    )
