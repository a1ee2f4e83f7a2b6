"""Sections ``jobs`` and ``inbound`` of the settings: durable jobs, retries, received faxes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, field_validator

from fsfax.settings.base import Seconds, Section


class RetryRule(Section):
    """Whether and when a fax is tried again after one class of ending.

    The first try with this ending is followed by a pause of ``delay``, each further one in a row
    by one that is ``factor`` times as long, up to ``max_delay``; all of them give or take the
    fraction ``jitter``.
    """

    retry: bool = True
    delay: Seconds = 300.0
    factor: float = Field(default=1.0, ge=1, le=10)
    max_delay: Seconds = 3600.0
    jitter: float = Field(
        default=0.2, ge=0, le=1, description="keeps faxes that failed together from coming together"
    )
    max_tries: int | None = Field(
        default=None, ge=1, description="give up after so many in a row, whatever `retries` says"
    )
    counts: bool = Field(default=True, description="a try with this ending uses up a try")


_NEVER = RetryRule(retry=False)


RETRIES: Mapping[str, RetryRule] = MappingProxyType(
    {
        "delivered": _NEVER,
        # Somebody is faxing or talking: a page takes a minute, a call some.
        "busy": RetryRule(delay=90, factor=2, max_delay=900),
        # Switched off, out of paper or a person who is away: minutes change nothing.
        "no_answer": RetryRule(delay=600, factor=2, max_delay=3600),
        # A person answered: the second call may meet the machine, a third one is a nuisance.
        "not_a_fax": RetryRule(delay=300, factor=2, max_delay=3600, max_tries=2),
        # The next call is made in another way; the far machine needs a moment to reset.
        "line_trouble": RetryRule(delay=60, factor=2, max_delay=900),
        "incompatible": RetryRule(delay=60),
        "bad_document": _NEVER,
        "refused": _NEVER,
        "bad_number": _NEVER,
        # A gateway is down or full: the called party had no part in it, so it uses up no try.
        # The pauses add up to four hours and a half.
        "local_trouble": RetryRule(delay=15, factor=2, max_delay=900, max_tries=24, counts=False),
        "cancelled": _NEVER,
        # Only where `jobs.uncertain` says so.
        "unknown": RetryRule(delay=300, factor=2, max_delay=3600),
    }
)
"""The rule for each class of ending (`fsfax.values.outcome.Outcome`) unless `jobs.retry` has it."""


class JobsSettings(Section):
    """How the durable jobs are worked on."""

    lease: Seconds = Field(
        default=30.0, description="silence after which a worker's jobs are taken over"
    )
    poll: Seconds = Field(
        default=1.0, description="how often SQLite is looked at for work of other processes"
    )
    drain: Seconds = Field(
        default=60.0, description="time for running calls at a stop before they are handed over"
    )
    calls: int = Field(default=0, ge=0, description="calls at once of one worker; 0 = no limit")
    account_calls: int = Field(
        default=10, ge=0, description="calls at once of one account; 0 = no limit"
    )
    prepare: int = Field(default=2, ge=1, description="documents fetched and converted at once")
    receive: bool = Field(default=True, description="look after incoming faxes as well")
    uncertain: Literal["hold", "retry"] = Field(
        default="hold", description="what to do when the fate of a call cannot be proved"
    )
    uncertain_after: Seconds = Field(
        default=600.0, description="how long a fate that cannot be learnt is asked for"
    )
    history_half_life: float = Field(
        default=30.0, gt=0, le=3650, description="days after which experience counts half"
    )
    retry: Mapping[str, RetryRule] = Field(
        default_factory=dict,
        validate_default=True,
        description="what to do after each class of ending; what a rule leaves out stays as it is",
    )

    @field_validator("retry", mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Lay the given rules over the defaults, so that ``retry.busy.delay`` alone can be set."""
        if not isinstance(given, Mapping):
            return given
        if unknown := ", ".join(sorted(map(str, given.keys() - RETRIES.keys()))):
            raise ValueError(f"no class of ending: {unknown}; there are {', '.join(RETRIES)}")
        rules: dict[str, Any] = dict(RETRIES)
        for name, rule in given.items():
            partial = isinstance(rule, Mapping)
            rules[str(name)] = RETRIES[name].model_dump() | dict(rule) if partial else rule
        return rules

    @field_validator("retry")
    @classmethod
    def _ends(cls, rules: Mapping[str, RetryRule]) -> Mapping[str, RetryRule]:
        """Refuse a table by which a fax would be dialled for ever, or after it arrived."""
        for name in ("delivered", "cancelled"):
            if rules[name].retry:
                raise ValueError(f"a fax that was {name} is never tried again: {name}.retry")
        for name, rule in rules.items():
            if rule.counts:
                continue
            # Two classes in turn would begin to count anew for ever.
            if name != "local_trouble":
                raise ValueError(f"only local_trouble may use up no try, not {name}")
            if rule.max_tries is None:
                raise ValueError(f"{name}: what uses up no try needs max_tries, or it never ends")
        return rules


class InboundSettings(Section):
    """Whose the faxes are that come to a number which is nobody's."""

    account: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="account that gets them; without one the default account",
    )
    faxbox: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="faxbox that gets them; where it is gone, the account above",
    )
