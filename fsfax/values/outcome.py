"""The vocabulary of endings: what kind of ending a call had, and what that allows.

T.30 completion codes (`fsfax.engine.t30`) and hangup causes (`fsfax.engine.causes`) both map
into these few classes, so that a person gets one plain sentence and a program one word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The class of an ending. The values are stable: programs and exit codes depend on them."""

    DELIVERED = "delivered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_A_FAX = "not_a_fax"
    """Somebody answered, but no fax machine spoke."""
    LINE_TROUBLE = "line_trouble"
    """The line, the network or the far machine broke off or garbled what was sent."""
    INCOMPATIBLE = "incompatible"
    """The two machines have no way in common."""
    BAD_DOCUMENT = "bad_document"
    REFUSED = "refused"
    """The far end, or the network in its name, does not want this call."""
    BAD_NUMBER = "bad_number"
    """The number does not exist, is incomplete or has changed."""
    LOCAL_TROUBLE = "local_trouble"
    """Our side: FreeSWITCH, its gateway, its configuration or its files."""
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """What became of the call cannot be proved."""

    @property
    def is_about_the_number(self) -> bool:
        """The ending says something about the called number, not only about our own side."""
        return self not in _NOT_ABOUT_THE_NUMBER


_NOT_ABOUT_THE_NUMBER = frozenset(
    {Outcome.BAD_DOCUMENT, Outcome.LOCAL_TROUBLE, Outcome.CANCELLED, Outcome.UNKNOWN}
)


class Doubt(StrEnum):
    """May a page beyond the confirmed ones have been delivered by this call?"""

    NONE = "none"
    """No: every page that arrived is confirmed, or none was sent."""
    LAST_PAGE = "last_page"
    """The page after the last confirmed one may have been taken without our hearing of it."""
    ANY = "any"
    """Nothing is known: any page may have arrived."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means: ``message`` in plain words, its class, and what to do about it.

    ``retry``: another try of the same document to the same number may succeed without
    somebody mending something first. ``doubt`` is meant for a call on which a page has gone
    out; before the first page there is never a doubt.
    """

    message: str
    outcome: Outcome
    retry: bool
    doubt: Doubt = Doubt.NONE
