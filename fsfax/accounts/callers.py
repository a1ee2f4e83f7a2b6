"""Callers: which of them may send faxes to a faxbox, by its two lists. Pure.

    callers.allow   if it has entries, only the callers that match one may send
    callers.block   callers that match an entry may not send, even if ``allow`` matches them, too

An entry is a caller pattern: a number in any spelling (``+353 1 555 0100``), the beginning of
numbers (``+3531*``), a SIP name, ``anonymous`` for callers that withhold their number, or ``*`` for
every caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fsfax.accounts.numbers import number_key, plain_number, stored_number
from fsfax.errors import InvalidRequest
from fsfax.values.numbers import without_separators

ANONYMOUS = "anonymous"
ANY_CALLER = "*"

_WITHHELD = frozenset(
    {"", ANONYMOUS, "unknown", "private", "restricted", "unavailable", "withheld", "asserted"}
)
"""Caller numbers that gateways signal when the caller withholds his."""
_ZEROS = re.compile(r"0+\Z")
"""FreeSWITCH's default caller number is 0000000000 (``default_caller_id_number``)."""
_BEGINNING = re.compile(r"\+?[0-9#]{1,32}\*\Z|\+\*\Z")


def normalized_caller_pattern(pattern: str) -> str:
    """Return a caller pattern as it is stored.

    Raises:
        InvalidRequest: it is not a caller pattern.
    """
    word = pattern.strip()
    if word.lower() == ANONYMOUS:
        return ANONYMOUS
    beginning = without_separators(word)
    if beginning == ANY_CALLER or _BEGINNING.match(beginning):
        return beginning
    if "*" in word:
        raise InvalidRequest(f"{pattern[:60]!r} is no caller: a * stands at the end, as in +3531*")
    try:
        return stored_number(word)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"{pattern[:60]!r} is no caller: use a number, the beginning of one (+3531*), a name,"
            f" {ANONYMOUS} or {ANY_CALLER}"
        ) from error


def is_anonymous(caller: str) -> bool:
    """Return whether a caller withholds its number."""
    plain = plain_number(caller)
    return plain.lower() in _WITHHELD or bool(_ZEROS.match(plain))


def matches(pattern: str, caller: str) -> bool:
    """Return whether a caller pattern matches a caller; an invalid pattern matches none."""
    try:
        pattern = normalized_caller_pattern(pattern)
    except InvalidRequest:
        return False
    if pattern == ANY_CALLER:
        return True
    if is_anonymous(caller):
        return pattern == ANONYMOUS
    if not pattern.endswith("*"):
        return pattern != ANONYMOUS and number_key(pattern) == number_key(caller)
    beginning = pattern.removesuffix("*")
    if plain_number(caller).startswith(beginning):
        return True
    # `number_key` removes an international prefix only from a whole number. The beginning of one
    # is shorter; in a list of callers, a leading 00 can only be that prefix.
    bare = beginning.removeprefix("+")
    if bare.startswith("00") and bare[2:3] not in ("", "0"):
        bare = bare[2:]
    return number_key(caller).startswith(bare)


def may_send(caller: str, *, allow: Iterable[str] = (), block: Iterable[str] = ()) -> bool:
    """Return whether the two lists of a faxbox let a caller send faxes to it."""
    if any(matches(pattern, caller) for pattern in block):
        return False
    allowed = tuple(allow)
    return not allowed or any(matches(pattern, caller) for pattern in allowed)
