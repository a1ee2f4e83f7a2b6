"""Numbers that can be dialled: normalised once, into a type of their own. Pure."""

from __future__ import annotations

import re
from typing import NewType

from fsfax.errors import InvalidNumber

MAX_NUMBER = 32  # E.164 has 15 digits; prefixes, carrier codes and extensions add some

_NUMBER = re.compile(rf"\+?[0-9*#]{{1,{MAX_NUMBER}}}\Z")
_SEPARATORS = re.compile(r"[\s().\-/]+")

DialNumber = NewType("DialNumber", str)
"""Digits, "*" and "#" after an optional leading "+", at most 32 of them. Made by `dialable`."""


def without_separators(number: str) -> str:
    """Return a number without the blanks, brackets, dots, hyphens and slashes in it."""
    return _SEPARATORS.sub("", number)


def dialable(number: str) -> DialNumber:
    """Return the number without the separators that people write between digits.

    Raises:
        InvalidNumber: the rest is not made of digits, "*", "#" and a leading "+".
    """
    plain = DialNumber(without_separators(number))
    if not _NUMBER.match(plain):
        raise _invalid(number)
    return plain


def require_dial_number(number: DialNumber) -> None:
    """Raise InvalidNumber unless the number can be dialled exactly as it is written.

    The type alone proves nothing at run time: code that puts a number into a command calls this.
    """
    if not _NUMBER.match(number):
        raise _invalid(number)


def _invalid(number: str) -> InvalidNumber:
    return InvalidNumber(
        f"{number[:60]!r} cannot be dialled: use digits, *, # and a leading +, at most"
        f" {MAX_NUMBER} of them"
    )
