"""Opening a document of whatever kind, and drawing its pages as coded fax strips.

This is what a worker process does; nothing here knows of processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from fsfax.document import ccitt
from fsfax.document.bilevel import Grey, Rect, bilevel
from fsfax.document.ccitt import Bits, Coding
from fsfax.document.geometry import PageSize, Paper, Placement, Resolution, header_rows
from fsfax.document.kinds import HEAD, sniff
from fsfax.document.limits import Limits, check_bytes
from fsfax.errors import DocumentNotFound


class Source(Protocol):
    """An open document: the sizes of its pages, and a way to draw them."""

    kind: str
    sizes: list[PageSize]

    def draw(self, placement: Placement) -> tuple[Grey, list[Rect]] | Bits:
        """Draw a fax page in grey with the boxes of its pictures, or as finished bits."""

    def fax_pages(self, index: int, paper: Paper, resolution: Resolution) -> list[Placement]:
        """The fax pages of a page that is one already; empty if it has to be placed."""

    def strip(self, placement: Placement, coding: Coding) -> bytes | None:
        """The coded strip of a page that can be copied as it is, white foot included."""

    def close(self) -> None:
        """Free what is held."""


def open_source(path: Path, limits: Limits) -> Source:
    """Open a document of any supported kind.

    Raises:
        DocumentError: it is missing, empty, too large, damaged, encrypted or of no known kind.
    """
    try:
        if path.is_dir():
            raise DocumentNotFound(
                f"{path} is a folder; name the document inside it", code="is_folder"
            )
        if path.exists() and not path.is_file():
            raise DocumentNotFound(f"{path} is not a regular file", code="not_a_file")
        with path.open("rb") as file:
            head = file.read(HEAD)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise DocumentNotFound(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise DocumentNotFound(
            f"{path} cannot be read: {error.strerror}; check its permissions", code="unreadable"
        ) from error
    check_bytes(size, limits)
    kind = sniff(head)
    # Imported as needed: a worker that draws PDFs has no use for the image decoders.
    if kind == "pdf":
        from fsfax.document.raster_pdf import PdfSource  # noqa: PLC0415

        return PdfSource(path, limits)
    if kind == "text":
        from fsfax.document.raster_pdf import PdfSource  # noqa: PLC0415
        from fsfax.document.raster_text import text_pdf  # noqa: PLC0415

        return PdfSource(text_pdf(path.read_bytes(), limits), limits, kind="text")
    from fsfax.document.raster_image import ImageSource  # noqa: PLC0415

    return ImageSource(path, kind, limits)


@dataclass(frozen=True, slots=True)
class Coded:
    """A fax page as a strip, and the rows that are in it."""

    strip: bytes
    rows: int


def code_page(
    source: Source, placement: Placement, resolution: Resolution, coding: Coding
) -> Coded:
    """Draw one fax page and code it as a strip, or copy the strip that is already there.

    The page is as long as the placement says, and longer where it has ink at its foot: see
    `with_white_foot`.
    """
    if (ready := source.strip(placement, coding)) is not None:
        return Coded(ready, placement.height)
    drawn = source.draw(placement)
    if isinstance(drawn, tuple):
        grey, pictures = drawn
        drawn = bilevel(grey, resolution.y_dpi, pictures)
    drawn = with_white_foot(drawn, header_rows(resolution.y_dpi))
    return Coded(ccitt.encode(drawn, placement.width, coding), len(drawn))


def with_white_foot(bits: Bits, rows: int) -> Bits:
    """The page with at least this many white rows at its end.

    The header line is printed above the page by SpanDSP, after the page was converted. T.4 and T.6
    coders read rows until there are none, so the page grows by the header's; a T.85 coder was told
    how many rows there will be, and the header pushes as many off the foot (SpanDSP 3.0.0, t4_tx.c:
    header_row_read_handler and t4_tx_start_page; t85_encode.c: yd). mod_spandsp offers T.85 with
    ECM, so that is what two FreeSWITCHes use; Debian's SpanDSP 0.0.6 has no T.85 coder.

    Whether there will be a header, and what the other end can do, is not known before the call:
    FreeSWITCH has a header in its configuration, too. A white row costs one bit.
    """
    missing = rows - white_rows_at_foot(bits, rows)
    return np.pad(bits, ((0, missing), (0, 0))) if missing else bits


def white_rows_at_foot(bits: Bits, most: int) -> int:
    """How many rows at the end of a page are white, counted up to ``most``."""
    inked = np.flatnonzero(bits[-most:].any(axis=1))
    last = int(inked[-1]) + 1 if inked.size else 0
    return min(most, len(bits)) - last
