"""Magic numbers: how the stand-in's telephone network behaves, by the number that is dialled.

The last seven digits decide, so prefixes and a leading "+" do not matter. Every number that
is not in the table is a fax that answers, accepts T.38 and receives all pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Party = Literal["fax", "voice", "silence", "parked", "hangs_up"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to a call.

    cause: the call is refused with this hangup cause; "" = it is not refused.
    sip_status: the SIP answer of the refusal, 0 = none.
    ring: seconds of ringing before the answer or refusal; None = it rings for ever.
    party: what answers. "parked" waits for an ESL client to take the call over, "hangs_up" hangs
        up after a second.
    t38, ecm, v17: whether the called fax supports it.
    drop_in_page: the called side hangs up in the middle of this page; 0 = never.
    stall_in_page: the called side falls silent in the middle of this page; 0 = never.
    packet_loss: share of T.38 packets that are lost, 0 to 1.
    lingers: the called side never hangs up after the fax.
    """

    name: str
    summary: str
    cause: str = ""
    sip_status: int = 0
    ring: float | None = 0.0
    party: Party = "fax"
    t38: bool = True
    ecm: bool = True
    v17: bool = True
    drop_in_page: int = 0
    stall_in_page: int = 0
    packet_loss: float = 0.0
    lingers: bool = False


PLAIN = Behaviour("fax", "answers and receives every page: T.38, V.17, ECM")

SLOW_ANSWER = 20.0
"""Seconds of the line until the slow answer."""

NUMBERS: dict[str, Behaviour] = {
    "5550100": PLAIN,
    "5550101": Behaviour("busy", "USER_BUSY (486)", "USER_BUSY", 486),
    "5550102": Behaviour("no_answer", "rings and is never answered: NO_ANSWER", ring=None),
    "5550103": Behaviour("unallocated", "UNALLOCATED_NUMBER (404)", "UNALLOCATED_NUMBER", 404),
    "5550104": Behaviour("no_route", "NO_ROUTE_DESTINATION (404)", "NO_ROUTE_DESTINATION", 404),
    "5550105": Behaviour("rejected", "CALL_REJECTED (603)", "CALL_REJECTED", 603),
    "5550106": Behaviour(
        "congestion",
        "the gateway has no free line: NORMAL_CIRCUIT_CONGESTION (503), for fail-over",
        "NORMAL_CIRCUIT_CONGESTION",
        503,
    ),
    "5550107": Behaviour("slow_answer", f"rings {SLOW_ANSWER:g} s, then a fax", ring=SLOW_ANSWER),
    "5550110": Behaviour("voice", "a person talks: result code 2 after 60 s", party="voice"),
    "5550111": Behaviour("silence", "answers, silent: result code 2 after 60 s", party="silence"),
    "5550112": Behaviour(
        "takeover",
        "parked with fsfax_takeover=true until an ESL client answers it and runs rxfax",
        party="parked",
    ),
    "5550113": Behaviour(
        "hangs_up", "answers and hangs up before any fax: result code 49", party="hangs_up"
    ),
    "5550120": Behaviour("no_ecm", "a fax without error correction", ecm=False),
    "5550121": Behaviour("no_v17", "a fax without V.17: 9,600 bit/s", v17=False),
    "5550122": Behaviour("t38_refused", "refuses T.38 (488): the fax goes in audio", t38=False),
    "5550123": Behaviour(
        "packet_loss",
        "1 % of the T.38 packets are lost: delivered, with repetitions",
        packet_loss=0.01,
    ),
    "5550125": Behaviour(
        "heavy_loss", "3 % of the T.38 packets are lost: the fax fails", packet_loss=0.03
    ),
    "5550124": Behaviour(
        "linger",
        "receives every page, then never hangs up: the channel stays until uuid_kill",
        lingers=True,
    ),
    **{
        f"555013{page}": Behaviour(
            f"drop_in_page_{page}", f"hangs up in page {page}: result code 49", drop_in_page=page
        )
        for page in (1, 2, 3, 4, 5)
    },
    **{
        f"555014{page}": Behaviour(
            f"stall_in_page_{page}", f"falls silent in page {page}", stall_in_page=page
        )
        for page in (1, 2, 3)
    },
}


def behaviour(number: str) -> Behaviour:
    """Return what happens to a call to ``number``; characters other than digits are ignored."""
    digits = "".join(c for c in number if c.isascii() and c.isdigit())
    return NUMBERS.get(digits[-7:], PLAIN)


def table() -> str:
    """Return the magic numbers as text, one a line: number, name, behaviour."""
    width = max(len(b.name) for b in NUMBERS.values())
    lines = [f"{number}  {b.name:<{width}}  {b.summary}" for number, b in NUMBERS.items()]
    return "\n".join([*lines, "Every other number answers as the first one does."])


def number_of(name: str) -> str:
    """Return the number of the behaviour called ``name``.

    Raises:
        KeyError: there is no behaviour of that name.
    """
    return next((n for n, b in NUMBERS.items() if b.name == name), "") or _missing(name)


def _missing(name: str) -> str:
    known = ", ".join(b.name for b in NUMBERS.values())
    raise KeyError(f"no magic number behaves as {name!r}; choose one of: {known}")
