"""Numbers: whether two spellings mean the same line. Pure.

A called number arrives as the carrier signals it: with "+", without it, after the prefix of
international calls, with SIP parameters; people enter a number with blanks. Numbers are compared
by `number_key`. A prefix is removed only where what follows has the length of an international
number (ITU-T E.164: at most 15 digits): 00 begins no national number of that length, and 011 is an
area code in some countries, so more digits have to follow it.

National numbering plans are not known here: "01 555 0100" never equals "+353 1 555 0100".
"""

from __future__ import annotations

import re
from typing import NewType

from fsfax.errors import InvalidRequest
from fsfax.values.numbers import dialable, without_separators

NumberKey = NewType("NumberKey", str)
"""What all spellings of one number have in common; for comparing only. Made by `number_key`."""

_SCHEME = re.compile(r"\A(?:(?:sips?|tel):\s*)+", re.IGNORECASE)
_PARAMETERS = re.compile(r"[;@?].*", re.DOTALL)
_DIGITS = re.compile(r"\+?[0-9*#]+\Z")
_PREFIX = re.compile(r"\A(?:00(?=[1-9][0-9]{7,14}\Z)|011(?=[1-9][0-9]{9,14}\Z))")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")


def plain_number(number: str) -> str:
    """Return a number without separators between its digits and without the SIP parts around it.

    What is not a number (the user part of a SIP address may be a name) is returned with its
    separators.
    """
    word = _PARAMETERS.sub("", _SCHEME.sub("", number.strip())).strip()
    plain = without_separators(word)
    return plain if _DIGITS.match(plain) else word


def number_key(number: str) -> NumberKey:
    """Return what all spellings of a number have in common, "" of an empty number.

    Names are compared as they are (RFC 3261 19.1.4: user parts are case-sensitive). The key of a
    key is the key itself.
    """
    plain = plain_number(number)
    if not _DIGITS.match(plain):
        return NumberKey(plain)
    return NumberKey(_PREFIX.sub("", plain.removeprefix("+")))


def stored_number(number: str) -> str:
    """Return a called number as it is stored and shown: without separators, with its "+".

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
