"""Numbers: when two ways of writing one mean the same line. Pure.

A called number comes as the carrier signals it: with "+", without it, behind the prefix of
international calls, with SIP's parameters; whoever enters a number writes it with blanks. They are
compared by `number_key`. A prefix is taken off only where what follows is as long as a number of
the whole world (ITU-T E.164: at most 15 digits): 00 begins no national number of that length, and
011 is an area code in some countries, so that there more digits have to follow.

What a country's own numbers look like is not known here: "01 555 0100" is never "+353 1 555 0100".
"""

from __future__ import annotations

import re

from fsfax.errors import InvalidRequest
from fsfax.values.numbers import dialable

_SCHEME = re.compile(r"\A(?:(?:sips?|tel):\s*)+", re.IGNORECASE)
_PARAMETERS = re.compile(r"[;@?].*", re.DOTALL)
_SEPARATORS = re.compile(r"[\s().\-/]+")
_DIGITS = re.compile(r"\+?[0-9*#]+\Z")
_PREFIX = re.compile(r"\A(?:00(?=[1-9][0-9]{7,14}\Z)|011(?=[1-9][0-9]{9,14}\Z))")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")


def plain_number(number: str) -> str:
    """Return a number without what is written between digits, and without SIP's parts around it.

    What is no number (the user part of a SIP address may be a name) stays as it is.
    """
    word = _PARAMETERS.sub("", _SCHEME.sub("", number.strip())).strip()
    plain = _SEPARATORS.sub("", word)
    return plain if _DIGITS.match(plain) else word


def number_key(number: str) -> str:
    """Return what two ways of writing one number have in common, "" of nothing.

    Names are compared as they are (RFC 3261 19.1.4: user parts are case-sensitive). A key is its
    own key.
    """
    plain = plain_number(number)
    if not _DIGITS.match(plain):
        return plain
    return _PREFIX.sub("", plain.removeprefix("+"))


def kept_number(number: str) -> str:
    """Return a called number as it is kept and shown: without separators, with its "+".

    Raises:
        InvalidRequest: it is neither a number nor a name that can be called.
    """
    plain = plain_number(number)
    if _DIGITS.match(plain):
        return dialable(plain)
    if not _NAME.match(plain):
        raise InvalidRequest(
            f"{number[:60]!r} is no called number: use digits, *, # and a leading +, or the name in"
            " a SIP address"
        )
    return plain


def require_dialable(number: str) -> str:
    """Return a number as it was given if it can be dialled; "" stands for none.

    Raises:
        InvalidNumber: it cannot.
    """
    if number:
        dialable(number)
    return number
