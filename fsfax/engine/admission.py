"""Admission: what the owner of a called number says about a call before its fax is taken. Pure.

The engine knows callers and called numbers, but neither lists nor accounts; whoever makes it
receive may give it an `Admit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a call is taken, and how.

    cause: FreeSWITCH's hangup cause for a caller who is refused; "" = the call is taken.
    ident: our station id on a call that is answered here; None = the settings'.
    t38: False = a call that is answered here stays in audio; None = the settings decide.
    """

    cause: str = ""
    ident: str | None = None
    t38: bool | None = None


ACCEPT = Admission()

REJECT = Admission(cause="CALL_REJECTED")
"""Q.850 cause 21; mod_sofia makes a SIP answer of it before the call is answered (603 Decline)."""

Admit = Callable[[str, str], Admission]
"""Asked with the caller's number and the called one, as they were signalled."""
