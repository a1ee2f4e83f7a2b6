"""Callers: who may send faxes to a faxbox, by its lists. Pure.

    callers.allow   if it names anybody, nobody else may
    callers.block   whoever it names may not, whatever the other list says

An entry is a number in any way of writing (``+353 1 555 0100``), the beginning of numbers
(``+3531*``), a name of SIP, ``anonymous`` for callers that do not say who they are, or ``*`` for
everybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fsfax.accounts.numbers import kept_number, number_key, plain_number
from fsfax.errors import InvalidRequest

ANONYMOUS = "anonymous"
EVERYBODY = "*"

_WITHHELD = frozenset(
    {"", ANONYMOUS, "unknown", "private", "restricted", "unavailable", "withheld", "asserted"}
)
"""What gateways signal for a caller who does not say who he is."""
_ZEROS = re.compile(r"0+\Z")
"""FreeSWITCH's own number for nobody is 0000000000 (``default_caller_id_number``)."""
_BEGINNING = re.compile(r"\+?[0-9#]{1,32}\*\Z|\+\*\Z")
_SEPARATORS = re.compile(r"[\s().\-/]+")


def kept_caller(entry: str) -> str:
    """Return an entry of a list as it is kept.

    Raises:
        InvalidRequest: it is none.
    """
    word = entry.strip()
    if word.lower() == ANONYMOUS:
        return ANONYMOUS
    beginning = _SEPARATORS.sub("", word)
    if beginning == EVERYBODY or _BEGINNING.match(beginning):
        return beginning
    if "*" in word:
        raise InvalidRequest(f"{entry[:60]!r} is no caller: a * stands at the end, as in +3531*")
    try:
        return kept_number(word)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"{entry[:60]!r} is no caller: use a number, the beginning of one (+3531*), a name,"
            f" {ANONYMOUS} or {EVERYBODY}"
        ) from error


def is_anonymous(caller: str) -> bool:
    """Tell whether a caller does not say who he is."""
    plain = plain_number(caller)
    return plain.lower() in _WITHHELD or bool(_ZEROS.match(plain))


def names(entry: str, caller: str) -> bool:
    """Tell whether an entry of a list means a caller."""
    try:
        entry = kept_caller(entry)
    except InvalidRequest:
        return False
    if entry == EVERYBODY:
        return True
    if is_anonymous(caller):
        return entry == ANONYMOUS
    if not entry.endswith("*"):
        return entry != ANONYMOUS and number_key(entry) == number_key(caller)
    beginning = entry.removesuffix("*")
    if plain_number(caller).startswith(beginning):
        return True
    # The beginning of a number is too short to be sure of a prefix, but in a list nothing else
    # can be meant by it.
    bare = beginning.removeprefix("+")
    if bare.startswith("00") and bare[2:3] not in ("", "0"):
        bare = bare[2:]
    return number_key(caller).startswith(bare)


def may_send(caller: str, lists: Mapping[str, Any] | None) -> bool:
    """Tell whether the lists of a faxbox (its ``callers``) let a caller send faxes to it."""
    allow, block = _entries(lists, "allow"), _entries(lists, "block")
    if any(names(entry, caller) for entry in block):
        return False
    return not allow or any(names(entry, caller) for entry in allow)


def _entries(lists: Mapping[str, Any] | None, name: str) -> Sequence[str]:
    return (lists or {}).get(name) or ()
