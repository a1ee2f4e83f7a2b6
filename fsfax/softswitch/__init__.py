"""The stand-in for FreeSWITCH: an ESL server whose calls run on SpanDSP's T.30/T.38 engine.

Modules:

    server        connections, logging in, subscriptions, filters
    commands      the api commands
    calls         originate, the called side's dialplan, calls from outside
    applications  answer, txfax, rxfax, park …
    fax           two channels meet on a line; its phases become events
    line          the line itself, on SpanDSP
    core          channels, key stores, the life and end of a channel
    numbers       the magic numbers
"""

from __future__ import annotations

from fsfax.softswitch.core import CallRecord
from fsfax.softswitch.numbers import NUMBERS, Behaviour, number_of
from fsfax.softswitch.serve import serve
from fsfax.softswitch.switch import Softswitch

__all__ = ["NUMBERS", "Behaviour", "CallRecord", "Softswitch", "number_of", "serve"]
