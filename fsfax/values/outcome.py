"""Outcomes: how a call ended, in a few classes, and what each class allows. Pure.

T.30 completion codes (`fsfax.engine.t30`) and hangup causes (`fsfax.engine.causes`) both map to
these classes, so that a person gets one plain sentence and a program one word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended. The values are stable: programs and exit codes depend on them."""

    DELIVERED = "delivered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_A_FAX = "not_a_fax"
    """The call was answered, but no fax machine was heard."""
    LINE_TROUBLE = "line_trouble"
    """The line, the network or the far end broke off the call or garbled the signals."""
    INCOMPATIBLE = "incompatible"
    """The two fax machines have no mode in common."""
    BAD_DOCUMENT = "bad_document"
    REFUSED = "refused"
    """The far end, or the network on its behalf, rejects this call."""
    BAD_NUMBER = "bad_number"
    """The number does not exist, is incomplete or has changed."""
    LOCAL_TROUBLE = "local_trouble"
    """FreeSWITCH, its gateway, its configuration or its files failed."""
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """The outcome of the call cannot be proved."""

    @property
    def is_about_the_number(self) -> bool:
        """Whether the outcome says something about the called number, not only about our side."""
        return self not in _NOT_ABOUT_THE_NUMBER


_NOT_ABOUT_THE_NUMBER = frozenset(
    {Outcome.BAD_DOCUMENT, Outcome.LOCAL_TROUBLE, Outcome.CANCELLED, Outcome.UNKNOWN}
)


class Doubt(StrEnum):
    """Whether this call may have delivered a page beyond the confirmed ones."""

    NONE = "none"
    """No page: every page that arrived is confirmed, or none was sent."""
    LAST_PAGE = "last_page"
    """The page after the last confirmed one may have arrived, and its confirmation been lost."""
    ANY = "any"
    """Any page may have arrived."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means.

    message: the reason in plain words.
    outcome: its class.
    retry: another attempt with the same document and number may succeed although nothing is
        changed.
    doubt: for a call on which a page was sent; before the first page there is never a doubt.
    """

    message: str
    outcome: Outcome
    retry: bool
    doubt: Doubt = Doubt.NONE
