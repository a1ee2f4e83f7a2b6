"""One fax page: drawn in grey, made black and white, padded with white rows, coded as a strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsfax.document import ccitt
from fsfax.document.bilevel import bilevel
from fsfax.document.ccitt import Bits, Coding
from fsfax.document.geometry import Placement, Resolution, header_rows
from fsfax.document.sources.source import Source


@dataclass(frozen=True, slots=True)
class EncodedPage:
    """A fax page coded as a strip, and its number of rows."""

    strip: bytes
    rows: int


def encode_page(
    source: Source, placement: Placement, resolution: Resolution, coding: Coding
) -> EncodedPage:
    """Return one fax page drawn and coded as a strip; a strip that the source has is copied.

    The page is as long as the placement says, or longer where it has ink at its foot: see
    `with_white_foot`.
    """
    if (ready := source.strip(placement, coding)) is not None:
        return EncodedPage(ready, placement.height)
    drawn = source.draw(placement)
    if isinstance(drawn, tuple):
        grey, pictures = drawn
        drawn = bilevel(grey, resolution.y_dpi, pictures)
    drawn = with_white_foot(drawn, header_rows(resolution.y_dpi))
    return EncodedPage(ccitt.encode(drawn, placement.width, coding), len(drawn))


def with_white_foot(bits: Bits, rows: int) -> Bits:
    """Return the page with at least this many white rows at its end.

    SpanDSP prints the header line above the page, after the page was converted. T.4 and T.6
    coders read rows until there are none, so the page grows by the rows of the header; a T.85
    coder is given the number of rows in advance, and the header pushes as many rows off the foot
    (SpanDSP 3.0.0, t4_tx.c: header_row_read_handler and t4_tx_start_page; t85_encode.c: yd).
    mod_spandsp offers T.85 with ECM, so two FreeSWITCHes use it; Debian's SpanDSP 0.0.6 has no
    T.85 coder.

    Whether there will be a header, and what the far end supports, is not known before the call:
    FreeSWITCH has a header in its configuration, too. A white row costs one bit.
    """
    missing = rows - white_rows_at_foot(bits, rows)
    return np.pad(bits, ((0, missing), (0, 0))) if missing else bits


def white_rows_at_foot(bits: Bits, most: int) -> int:
    """Return how many rows at the end of a page are white, counted up to ``most``."""
    inked = np.flatnonzero(bits[-most:].any(axis=1))
    last = int(inked[-1]) + 1 if inked.size else 0
    return min(most, len(bits)) - last
