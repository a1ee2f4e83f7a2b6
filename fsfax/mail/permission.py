"""Permission: whether a sender may send faxes from a faxbox. Pure.

A faxbox has a list. An entry is one of three:

* an address, ``ann@example.com``: that address, in upper or lower case;
* a domain, ``@example.com`` or ``*@example.com``: every address of it, but not of its subdomains;
* anything else is a regular expression, which may match anywhere in the address, as in Kazoo.

Kazoo treats addresses as regular expressions, too: there ``ann@example.com`` permits
``ann@example.com.evil.example``. Expressions are RE2's: matching takes time in proportion to the
length of the address, for any expression.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import re2

_ADDRESS = re.compile(r"[a-z0-9_-]+(?:[.+][a-z0-9_-]+)*@[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\Z", re.I)
_DOMAIN = re.compile(r"\*?(@[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\Z", re.I)

_MAX_PATTERN_MEMORY = 1 << 20
"""Bytes of one compiled expression."""


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """Whether a sender is permitted; ``broken``: invalid expressions in the list, which match
    no address."""

    allowed: bool
    broken: tuple[str, ...] = ()


def judge(sender: str, entries: Iterable[str], *, when_empty: bool = False) -> PermissionDecision:
    """Return whether a faxbox's list permits a sender.

    Args:
        sender: the address of the SMTP envelope; "" is never permitted.
        entries: the list.
        when_empty: whether an empty list permits every sender.
    """
    wanted = [entry.strip() for entry in entries if entry.strip()]
    if not sender:
        return PermissionDecision(False)
    if not wanted:
        return PermissionDecision(when_empty)
    folded = sender.casefold()
    broken: list[str] = []
    for entry in wanted:
        if _ADDRESS.match(entry):
            found = entry.casefold() == folded
        elif domain := _DOMAIN.match(entry):
            found = folded.endswith(domain[1].casefold()) and folded.count("@") == 1
        elif (pattern := _compiled(entry)) is None:
            broken.append(entry)
            continue
        else:
            found = pattern.search(sender) is not None
        if found:
            return PermissionDecision(True, tuple(broken))
    return PermissionDecision(False, tuple(broken))


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    """Return a compiled expression, None for one that is invalid."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False  # RE2 would write them to standard error
    options.max_mem = _MAX_PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError):
        return None
