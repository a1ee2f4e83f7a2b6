"""Automatic mails: refuse those whose sender would answer a report automatically. Pure.

A transmission report is mailed to the sender of a mail. If that is an autoresponder or a mailing
list, its answer becomes the next fax: a mail loop in which each round costs a telephone call. So
such mails are refused (RFC 3834, section 2). Mails that a program sends on its own (an invoice
from an accounting system, a scan from a copier) are not answers; ``smtp.allow_automatic`` accepts
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_HOPS = 100
"""Received fields from which on a mail is taken to be in a loop (RFC 5321, 6.3)."""

Header = Callable[[str], Sequence[str]]
"""Returns the values of all header fields of a name (in lower case), one line each."""


def objection(header: Header, *, automatic: bool) -> str:
    """Return why a mail is refused as automatic, "" if it is not.

    Args:
        header: the header of the mail.
        automatic: accept mails that a program sent on its own.
    """
    if len(header("received")) >= MOST_HOPS:
        return f"mail loop: the mail has {MOST_HOPS} Received fields"
    for value in header("auto-submitted"):
        word = _word(value)
        if word in ("", "no") or (automatic and word == "auto-generated"):
            continue
        return f"automatic mails are not faxed (Auto-Submitted: {word[:40]})"
    for value in header("precedence"):
        word = _word(value)
        if word in ("list", "junk", "auto_reply") or (word == "bulk" and not automatic):
            return f"bulk mails are not faxed (Precedence: {word})"
    if header("list-id") or header("list-post"):
        return "mails of mailing lists are not faxed (List-Id)"
    return ""


def _word(value: str) -> str:
    """Return the keyword without parameters and comments (RFC 3834, 5)."""
    return value.partition(";")[0].partition("(")[0].strip().lower()
