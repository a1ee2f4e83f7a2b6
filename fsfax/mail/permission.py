"""Permission: may this sender send faxes from that faxbox? Pure.

A faxbox has a list. An entry is one of three:

* an address, ``ann@example.com``: that one, whatever the case of its letters;
* a domain, ``@example.com`` or ``*@example.com``: every address of it, but not of its subdomains;
* anything else is a pattern, which may match anywhere in the address, as in the original.

The original takes addresses for patterns, too: there ``ann@example.com`` lets in
``ann@example.com.evil.example``. Patterns are RE2's: they cost time in proportion to the length of
the address, whatever somebody writes.
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

_MEMORY = 1 << 20
"""Bytes that one compiled pattern may use."""


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """Whether a sender is let in; ``broken``: patterns of the list that let nobody in."""

    allowed: bool
    broken: tuple[str, ...] = ()


def judge(sender: str, entries: Iterable[str], *, when_empty: bool = False) -> PermissionDecision:
    """Judge a sender's address by a faxbox's list.

    Args:
        sender: the address of the SMTP envelope; "" is never let in.
        entries: the list.
        when_empty: what an empty list means.
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
    """A compiled pattern, None for one that is broken."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False  # to standard error, that is
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError):
        return None
