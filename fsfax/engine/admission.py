"""Admission: whether an inbound call is accepted, and how its fax is received. Pure.

The engine knows callers and called numbers, but neither lists nor accounts; the program that
calls `Engine.receive` may pass an `Admit` that knows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a call is accepted, and how.

    cause: FreeSWITCH's hangup cause for a caller who is refused; "" = the call is accepted.
    ident: our station id on a parked call that the engine answers; None = the settings'.
    t38: False = a parked call that the engine answers stays in audio; None = the settings decide.
    """

    cause: str = ""
    ident: str | None = None
    t38: bool | None = None


ACCEPT = Admission()

REJECT = Admission(cause="CALL_REJECTED")
"""Q.850 cause 21; before the call is answered mod_sofia turns it into SIP 603 Decline."""

Admit = Callable[[str, str], Admission]
"""Called with the caller's number and the called number, as they were signalled."""
