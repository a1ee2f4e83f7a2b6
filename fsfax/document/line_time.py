"""The time that a fax takes on the line, estimated from the bytes of its pages. No I/O.

    seconds = call + pages * page + 8 * bytes * overhead / (bit/s)

``call`` is what T.30 spends once a call: tone and DIS, DCS, training and CFR before the first
page, MCF and DCN after the last. ``page`` is spent at the end of each page: carrier off, EOM or
MPS (PPS with ECM), MCF, carrier on. ``overhead`` is the framing of ECM: 256 bytes of image in an
HDLC frame of 264 with flags and stuffed bits (T.4 annex A), or the fill bits without ECM. The
figures were measured in calls between two FreeSWITCH 1.10.12: three text pages at 14,400 bit/s
took 31 to 34 s, and at 9,600 bit/s without V.17 and ECM 57 s.

The bytes are those in the file. A call with ECM may use MMR or JBIG (about as many bytes or up
to a fifth fewer), one without ECM uses MH or MR, which take two to six times as many: for MH,
estimate from an MH file.
"""

from __future__ import annotations

from collections.abc import Iterable

SPEEDS = (33600, 14400, 12000, 9600, 7200, 4800, 2400)
"""Bits a second of T.30 modems: V.34, V.17, V.29 and V.27ter."""

CALL_SECONDS = 15.0
"""``call``."""
PAGE_SECONDS = 4.0
"""``page``."""
OVERHEAD = 1.06
"""``overhead``."""


def seconds_on_line(page_bytes: Iterable[int], bits_per_second: int) -> float:
    """Return the estimated seconds from the answer to the end of the call.

    Args:
        page_bytes: number of coded bytes of each page.
        bits_per_second: transfer rate, see `SPEEDS`.

    Raises:
        ValueError: the rate is not above zero.
    """
    if bits_per_second <= 0:
        raise ValueError("the transfer rate must be above zero")
    sizes = list(page_bytes)
    return CALL_SECONDS + PAGE_SECONDS * len(sizes) + sum(sizes) * 8 * OVERHEAD / bits_per_second
