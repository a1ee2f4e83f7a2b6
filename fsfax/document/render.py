"""Faxes shown and compared: TIFF-F to PDF and PNG, two faxes compared pel by pel.

A PDF page holds the MMR strip itself (CCITTFaxDecode, ISO 32000-1 section 7.4.6), without loss
and without growth; an MH or MR page is recoded as MMR, without loss as well. A PNG has square
pixels: fax pels are taller than wide at standard and wider than tall at superfine.

A received file may be cut off; the pages that can be read are used (see `tiff_f`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pypdf
from PIL import Image
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    StreamObject,
)

from fsfax.document import ccitt, geometry, tiff_f
from fsfax.document.ccitt import Bits
from fsfax.document.files import read_document, write_result
from fsfax.errors import DocumentDamaged, InvalidRequest
from fsfax.runtime.threads import in_thread

_POINTS_PER_INCH = 72
_DEFAULT_DPI = (204.0, 196.0)
_MAX_PELS = 200_000_000


@dataclass(frozen=True, slots=True)
class FaxBitmap:
    """A decoded page: packed rows (1 is black), its resolution, and whether it was complete."""

    bits: Bits
    width: int
    x_dpi: float
    y_dpi: float
    whole: bool

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.bits)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two faxes.

    ``pages`` are the numbers of pages; ``pels`` holds the number of differing pels of each common
    page, -1 where the widths differ; ``differences`` are sentences.
    """

    pages: tuple[int, int]
    pels: tuple[int, ...]
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether the number of pages, their sizes and every pel are the same."""
        return not self.differences


def read_pages(path: str | os.PathLike[str]) -> Iterator[FaxBitmap]:
    """Yield the decoded pages of a fax, as many as can be read.

    Args:
        path: path of the TIFF, a string or path-like.

    Raises:
        DocumentNotFound: the file cannot be read.
        DocumentDamaged: it is no TIFF, or a page is not a fax page.
    """
    file = in_thread(lambda: tiff_f.read(read_document(Path(path))))
    for page in file.pages:
        yield in_thread(lambda page=page: _bitmap(file, page))  # type: ignore[misc]


def _bitmap(file: tiff_f.TiffFile, page: tiff_f.TiffPage) -> FaxBitmap:
    if page.width * page.height > _MAX_PELS:
        raise DocumentDamaged(f"a page of {page.width} by {page.height} pels is no fax page")
    bits, whole = tiff_f.page_bits(file, page)
    x_dpi, y_dpi = _dpi(page)
    return FaxBitmap(bits, page.width, x_dpi, y_dpi, whole)


def _dpi(page: tiff_f.TiffPage) -> tuple[float, float]:
    return (page.x_dpi, page.y_dpi) if page.x_dpi > 0 and page.y_dpi > 0 else _DEFAULT_DPI


def to_pdf(tiff: str | os.PathLike[str], pdf: str | os.PathLike[str]) -> int:
    """Convert a fax to PDF without loss; return the number of pages.

    Args:
        tiff: path of the fax, a string or path-like.
        pdf: path of the PDF to write, likewise; an existing file is replaced.

    Raises:
        DocumentError: the TIFF cannot be read, or the PDF not be written (``not_written``).
    """
    return in_thread(lambda: _to_pdf(Path(tiff), Path(pdf).absolute()))


def _to_pdf(tiff: Path, pdf: Path) -> int:
    file = tiff_f.read(read_document(tiff))
    writer = pypdf.PdfWriter()
    writer.add_metadata({"/Producer": "fsfax"})
    for page in file.pages:
        strip = _mmr(file, page)
        x_dpi, y_dpi = _dpi(page)
        size = (page.width / x_dpi * _POINTS_PER_INCH, page.height / y_dpi * _POINTS_PER_INCH)
        image = StreamObject()
        image.set_data(ccitt.reverse_bits(strip))
        image.update(
            {
                NameObject("/Type"): NameObject("/XObject"),
                NameObject("/Subtype"): NameObject("/Image"),
                NameObject("/Width"): NumberObject(page.width),
                NameObject("/Height"): NumberObject(page.height),
                NameObject("/ColorSpace"): NameObject("/DeviceGray"),
                NameObject("/BitsPerComponent"): NumberObject(1),
                NameObject("/Filter"): NameObject("/CCITTFaxDecode"),
                NameObject("/DecodeParms"): DictionaryObject(
                    {
                        NameObject("/K"): NumberObject(-1),
                        NameObject("/Columns"): NumberObject(page.width),
                        NameObject("/Rows"): NumberObject(page.height),
                    }
                ),
            }
        )
        content = DecodedStreamObject()
        content.set_data(f"q {size[0]:.4f} 0 0 {size[1]:.4f} 0 0 cm /Fax Do Q".encode())
        leaf = writer.add_blank_page(*size)
        leaf[NameObject("/Resources")] = DictionaryObject(
            {
                NameObject("/XObject"): DictionaryObject(
                    {NameObject("/Fax"): writer._add_object(image)}
                )
            }
        )
        leaf[NameObject("/MediaBox")] = ArrayObject(
            [FloatObject(0), FloatObject(0), *(FloatObject(f"{side:.4f}") for side in size)]
        )
        leaf[NameObject("/Contents")] = writer._add_object(content)
    out = io.BytesIO()
    writer.write(out)
    write_result(pdf, out.getvalue())
    return len(file.pages)


def _mmr(file: tiff_f.TiffFile, page: tiff_f.TiffPage) -> bytes:
    """Return the page as one MMR strip in which white is zero; copied if it is one already."""
    bits, whole = tiff_f.page_bits(file, page)
    if whole and page.coding == "mmr" and len(page.strips) == 1 and page.photometric == 0:
        return file.strip(page)
    return ccitt.encode(bits, page.width, "mmr")


def to_png(
    tiff: str | os.PathLike[str], page: int, png: str | os.PathLike[str], *, width: int = 0
) -> tuple[int, int]:
    """Draw one page of a fax as a grey PNG with square pixels; return its width and height.

    Args:
        tiff: path of the fax, a string or path-like.
        page: number of the page, from 1.
        png: path of the PNG to write, likewise; an existing file is replaced.
        width: pixels across, 16 to 10,000; 0 is as many as the page has pels.

    Raises:
        InvalidRequest: there is no such page, or the width is not between 16 and 10,000.
        DocumentError: the TIFF cannot be read, or the PNG not be written (``not_written``).
    """
    if width and not 16 <= width <= 10_000:  # noqa: PLR2004
        raise InvalidRequest(f"a preview {width} pixels wide cannot be made: choose 16 to 10000")
    return in_thread(lambda: _to_png(Path(tiff), page, Path(png).absolute(), width))


def _to_png(tiff: Path, number: int, png: Path, width: int) -> tuple[int, int]:
    file = tiff_f.read(read_document(tiff))
    if not 1 <= number <= len(file.pages):
        raise InvalidRequest(f"{tiff.name} has pages 1 to {len(file.pages)}, no page {number}")
    bitmap = _bitmap(file, file.pages[number - 1])
    size = (
        width or bitmap.width,
        max(
            1,
            round(
                (width or bitmap.width) * bitmap.height / bitmap.width * bitmap.x_dpi / bitmap.y_dpi
            ),
        ),
    )
    image = Image.frombytes("1", (bitmap.width, bitmap.height), (~bitmap.bits).tobytes())
    if size != image.size:
        image = image.convert("L").resize(size, Image.Resampling.HAMMING)
    out = io.BytesIO()
    dots = bitmap.x_dpi * size[0] / bitmap.width
    image.save(out, "PNG", dpi=(dots, dots))
    write_result(png, out.getvalue())
    return size


def compare(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    header_rows: int | Literal["auto"] = 0,
) -> Comparison:
    """Compare two faxes pel by pel.

    Args:
        first: path of the fax as sent, a string or path-like.
        second: path of the fax as received, likewise.
        header_rows: rows of a header line at the top of every received page, which do not
            count: SpanDSP adds them above the page, which grows by them. Where the pages are
            as long as before, the header has pushed as many rows off the foot, as with T.85
            (they count as differences unless they were white), or it was drawn over the first
            rows. ``auto`` is the header of SpanDSP: 16 rows at standard, 32 at fine, 64 at
            superfine.

    Raises:
        DocumentError: one of them cannot be read at all.
    """
    one, two = list(read_pages(first)), list(read_pages(second))
    differences = []
    if len(one) != len(two):
        differences.append(f"{len(one)} pages became {len(two)}")
    pels = []
    for number, (before, after) in enumerate(zip(one, two, strict=False), 1):
        rows = geometry.header_rows(before.y_dpi) if header_rows == "auto" else header_rows
        added = after.height - before.height
        if not after.whole:
            differences.append(f"page {number} is damaged")
        if before.width != after.width or added not in (0, rows):
            differences.append(
                f"page {number}: {before.width} by {before.height} pels became "
                f"{after.width} by {after.height}"
            )
        if before.width != after.width:
            pels.append(-1)
            continue
        pels.append(_differing_pels(before.bits, after.bits, rows))
        if pels[-1]:
            differences.append(f"page {number}: {pels[-1]} pels differ")
    return Comparison((len(one), len(two)), tuple(pels), tuple(differences))


def _differing_pels(sent: Bits, received: Bits, rows: int) -> int:
    """Return the number of differing pels below a header line of this many rows."""

    def differing(one: Bits, two: Bits) -> int:
        return int(np.bitwise_count(one ^ two).sum())

    if len(received) == len(sent) + rows:
        return differing(sent, received[rows:])
    if len(received) != len(sent):
        return differing(sent[: len(received)], received[: len(sent)])
    drawn_over = differing(sent[rows:], received[rows:])
    left = max(0, len(sent) - rows)
    pushed_off = differing(sent[:left], received[rows:]) + int(np.bitwise_count(sent[left:]).sum())
    return min(drawn_over, pushed_off)
