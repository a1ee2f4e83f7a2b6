"""The stand-in for FreeSWITCH: an ESL server whose calls run on SpanDSP's T.30/T.38 engine.

Modules, in the order of their imports:

    serve         the stand-in in the foreground, for ``fsfax softswitch``
    switch        `Softswitch`: the stand-in as one object
    server        the event socket: connections, authentication, subscriptions, filters
    commands      the API commands
    calls         originate, the called side's dialplan, calls from outside
    applications  dialplan applications: answer, txfax, rxfax, park …
    fax           the fax of a call: two channels on a line, its phases as events
    core          channels in the table, key stores, events, hangup and its reports
    channel       one channel: states, variables, event headers
    line          a telephone line with two fax terminals, or one
    terminal      one fax terminal: a T.30 engine of SpanDSP
    spandsp       Debian's libspandsp2 through ctypes
    events        events as FreeSWITCH makes them; subscriptions and filters
    stores        ``db`` and ``hash``
    causes        hangup causes and their Q.850 numbers
    numbers       the magic numbers
"""

from __future__ import annotations

from fsfax.softswitch.core import CallRecord
from fsfax.softswitch.numbers import NUMBERS, Behaviour, number_of
from fsfax.softswitch.serve import serve
from fsfax.softswitch.switch import Softswitch

__all__ = ["NUMBERS", "Behaviour", "CallRecord", "Softswitch", "number_of", "serve"]
