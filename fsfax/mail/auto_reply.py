"""Origin: did a person send this mail, or a machine that would answer the answer? Pure.

A report goes back to whoever sent a mail. If that is an autoresponder or a mailing list, its
answer comes here again: a loop in which each round costs a telephone call. So such mails are
refused (RFC 3834, section 2). Mails that a program sends by itself (an invoice from the books, a
scan from a copier) answer nothing; the settings may let them in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_HOPS = 100
"""Received fields of a mail that goes round (RFC 5321, 6.3)."""

Header = Callable[[str], Sequence[str]]
"""The values of the header fields of a name, as lines."""


def objection(header: Header, *, automatic: bool) -> str:
    """Return why a mail must not be answered, "" if it may.

    Args:
        header: of the mail.
        automatic: let in what a program sent by itself.
    """
    if len(header("received")) >= MOST_HOPS:
        return f"this mail goes round: it has {MOST_HOPS} Received fields"
    for value in header("auto-submitted"):
        word = _word(value)
        if word in ("", "no") or (automatic and word == "auto-generated"):
            continue
        return f"mails of programs are not faxed (Auto-Submitted: {word[:40]})"
    for value in header("precedence"):
        word = _word(value)
        if word in ("list", "junk", "auto_reply") or (word == "bulk" and not automatic):
            return f"mails to many are not faxed (Precedence: {word})"
    if header("list-id") or header("list-post"):
        return "mails of mailing lists are not faxed (List-Id)"
    return ""


def _word(value: str) -> str:
    """The keyword, without the parameters and comments that may follow it (RFC 3834, 5)."""
    return value.partition(";")[0].partition("(")[0].strip().lower()
