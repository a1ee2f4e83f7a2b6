"""Paper, resolution, and the placement of a document's page on a fax page. No I/O.

ITU-T T.4 defines a fax page by its width in pels, not by its paper: 1728 pels on 215 mm, 2048 on
255 mm, 2432 on 303 mm, and 3.85, 7.7 or 15.4 lines a millimetre. A4 (210 mm) and Letter
(215.9 mm) both use the 1728 pels. So an A4 page at true size has a margin of 2.5 mm on both
sides, where a fax machine cannot print anyway, and Letter is shrunk by 0.4 %.

The rules of placement, in this order:

1. A page wider than the fax page and wider than long is turned by 90° (its top to the left, as
   landscape pages are bound), if it can then be drawn at least a tenth larger.
2. A page is drawn at its true size, never larger. A page that is too wide is shrunk to the width.
3. A page that is too long (more than Legal or B4 on 215 mm) is shrunk until it fits, down to 70 %
   of the size that the width allows. A longer one, a till roll or a banner, is cut into sheets
   that overlap by 5 mm.
4. A page ends with as many white rows as the header line has (4 mm). Missing ones are added at
   the foot when the page has been drawn, see `fsfax.document.fax_page`.
5. A page shorter than A5 landscape is padded with white to that length: short pages jam in
   some machines, and a white row costs one bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fsfax.errors import DocumentDamaged, DocumentTooLarge, InvalidRequest

ResolutionName = Literal["standard", "fine", "superfine"]
PaperName = Literal["A4", "B4", "A3"]

MM_PER_INCH = 25.4

PELS_PER_MM = 1728 / 215
"""Pels per millimetre across, at every resolution (T.4 section 2)."""

MIN_SCALE = 0.15
"""A page that would be shrunk more is refused: 10 point type would be 0.5 mm high.

A0 on A4 is 0.26.
"""

MAX_SHEETS = 12
"""A page that would be cut into more sheets than this is refused."""

HEADER_ROWS = 16
"""Rows of SpanDSP's header line at standard (t4_tx.c, header_row_read_handler)."""

SHEET_OVERLAP_MM = 5.0
"""Rule 3."""
MIN_LENGTH_MM = 148.0
"""Rule 5: the height of A5 landscape."""
TURN_GAIN = 1.1
"""Rule 1."""
SQUEEZE = 0.7
"""Rule 3."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution of T.4: pels per millimetre, and the dots per inch in the TIFF tags.

    The tags hold the rounded figures of RFC 3949 section 4.1.2 (204 by 98, 196, 391). SpanDSP
    writes the same ones and reads them as R8 standard, fine and superfine.
    """

    name: ResolutionName
    x_dpi: int
    y_dpi: int
    y_per_mm: float

    @property
    def x_per_mm(self) -> float:
        """Pels per millimetre across."""
        return PELS_PER_MM


RESOLUTIONS: dict[str, Resolution] = {
    "standard": Resolution("standard", 204, 98, 3.85),
    "fine": Resolution("fine", 204, 196, 7.7),
    "superfine": Resolution("superfine", 204, 391, 15.4),
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A width of T.4, the longest page that is sent as one, and the length of a cut sheet."""

    name: PaperName
    width: int
    max_length_mm: float
    sheet_mm: float

    @property
    def width_mm(self) -> float:
        """The width of its pels: 215 mm for A4, 254.8 mm for B4 and 302.6 mm for A3."""
        return self.width / PELS_PER_MM


PAPERS: dict[str, Paper] = {
    # 364 mm: JIS B4 and, at 355.6 mm, Legal; receivers of unlimited length are the rule.
    "A4": Paper("A4", 1728, 364.0, 297.0),
    "B4": Paper("B4", 2048, 420.0, 364.0),
    "A3": Paper("A3", 2432, 432.0, 420.0),
}


@dataclass(frozen=True, slots=True)
class PageSize:
    """The size of a page as its reader sees it (after /Rotate), in millimetres."""

    width_mm: float
    height_mm: float

    @property
    def landscape(self) -> bool:
        """Whether the page is wider than long."""
        return self.width_mm > self.height_mm


@dataclass(frozen=True, slots=True)
class Placement:
    """One fax page, and which page of the document is drawn where on it.

    The page with the index ``page``, turned clockwise by ``turn`` quarters and scaled to
    ``drawn_width`` by ``drawn_height`` pels, has its upper left corner at (``left``, ``top``) of
    a fax page of ``width`` by ``height`` pels. ``top`` is negative on the second and later sheets
    of a page that is cut. ``as_it_is`` marks a page that already is a fax page: its pels are not
    changed.
    """

    page: int
    width: int
    height: int
    left: int
    top: int
    drawn_width: int
    drawn_height: int
    turn: int
    scale: float
    sheet: int = 1
    sheets: int = 1
    as_it_is: bool = False


def header_rows(y_dpi: float) -> int:
    """Return the rows of SpanDSP's header line: 16, 32 or 64 at standard, fine or superfine."""
    return HEADER_ROWS * max(1, round(y_dpi / RESOLUTIONS["standard"].y_dpi))


def resolution_named(name: str) -> Resolution:
    """Return the resolution of this name: standard, fine or superfine.

    Raises:
        InvalidRequest: there is no such resolution.
    """
    try:
        return RESOLUTIONS[name]
    except KeyError:
        raise InvalidRequest(
            f"no resolution {name!r}: choose one of {', '.join(RESOLUTIONS)}"
        ) from None


def paper_named(name: str) -> Paper:
    """Return the paper of this name: A4 (1728 pels), B4 (2048) or A3 (2432).

    Raises:
        InvalidRequest: there is no such paper.
    """
    try:
        return PAPERS[name.upper()]
    except KeyError:
        raise InvalidRequest(f"no paper {name!r}: choose one of {', '.join(PAPERS)}") from None


def place(size: PageSize, page: int, paper: Paper, resolution: Resolution) -> list[Placement]:
    """Return the one or more fax pages that one page of a document is drawn on.

    Args:
        size: the page's size as its reader sees it.
        page: the page's index in the document, from 0, for the placements and for messages.
        paper: the fax page's width.
        resolution: the fax page's resolution.

    Raises:
        DocumentDamaged: the size is not above zero, or not finite.
        DocumentTooLarge: the page would have to be shrunk beyond legibility
            (``page_too_wide``) or cut into more than `MAX_SHEETS` sheets (``page_too_long``).
    """
    width_mm, height_mm = size.width_mm, size.height_mm
    if not (0 < width_mm < math.inf and 0 < height_mm < math.inf):
        raise DocumentDamaged(f"page {page + 1} has no size ({width_mm} by {height_mm} mm)")
    turn = 0
    if size.landscape:
        upright = min(1.0, paper.width_mm / width_mm)
        turned = min(1.0, paper.width_mm / height_mm)
        # A banner is not turned unless that makes it larger.
        if turned >= upright * TURN_GAIN:
            turn = 3
            width_mm, height_mm = height_mm, width_mm
    scale = min(1.0, paper.width_mm / width_mm)
    if height_mm * scale > paper.max_length_mm:
        squeezed = paper.max_length_mm / height_mm
        if squeezed >= SQUEEZE * scale:
            scale = squeezed
    if scale < MIN_SCALE:
        raise DocumentTooLarge(
            f"page {page + 1} is {size.width_mm:.0f} by {size.height_mm:.0f} mm: shrunk to "
            f"{scale:.0%} for a fax page it could not be read; save it on smaller paper or as "
            "several pages",
            code="page_too_wide",
        )
    drawn_width = max(1, min(paper.width, round(width_mm * scale * resolution.x_per_mm)))
    # The small constant: 99.9999999 mm are 770 rows at fine, not 769.
    drawn_height = max(1, math.floor(height_mm * scale * resolution.y_per_mm + 1e-3))
    left = (paper.width - drawn_width) // 2
    max_rows = math.floor(paper.max_length_mm * resolution.y_per_mm + 1e-3)
    if drawn_height <= max_rows + 1:
        rows = max(drawn_height, math.floor(MIN_LENGTH_MM * resolution.y_per_mm))
        return [Placement(page, paper.width, rows, left, 0, drawn_width, drawn_height, turn, scale)]

    sheet = math.floor(paper.sheet_mm * resolution.y_per_mm)
    step = sheet - math.floor(SHEET_OVERLAP_MM * resolution.y_per_mm)
    sheets = 1 + math.ceil((drawn_height - sheet) / step)
    if sheets > MAX_SHEETS:
        raise DocumentTooLarge(
            f"page {page + 1} is {size.width_mm:.0f} by {size.height_mm:.0f} mm and would need "
            f"{sheets} fax pages (at most {MAX_SHEETS}); save it as several pages",
            code="page_too_long",
        )
    floor = math.floor(MIN_LENGTH_MM * resolution.y_per_mm)
    return [
        Placement(
            page,
            paper.width,
            max(floor, min(sheet, drawn_height - number * step)),
            left,
            -number * step,
            drawn_width,
            drawn_height,
            turn,
            scale,
            number + 1,
            sheets,
        )
        for number in range(sheets)
    ]
