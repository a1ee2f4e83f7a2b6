"""TIFF-F, the file format of faxes (RFC 2306, RFC 3949): written and read as bytes. No I/O.

Written files are little-endian. Each page's directory stands before its one strip and has the
tags of RFC 3949 profile F; MH pages 1728 pels wide also satisfy profile S. Nothing in a file
depends on the clock or the machine: the same pages give the same bytes.

Files that are read may contain anything, or be cut off by a call that failed: directories are
followed as far as they can be read, and what is wrong is listed in ``problems``. SpanDSP writes a
page's directory after its strip and the link to it last, so all pages before the cut are found.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fsfax.document.ccitt import (
    Bits,
    Coding,
    compression_tag,
    decode,
    options_tag,
    reverse_bits,
    row_bytes,
)
from fsfax.document.geometry import MM_PER_INCH, Resolution
from fsfax.errors import DocumentDamaged, DocumentEmpty

SOFTWARE = b"fsfax\0"
MAX_PAGES = 65535
FAX_WIDTHS = (1728, 2048, 2432)
_MAX_ENTRIES = 512

# Field types of TIFF 6.0 section 2: size of one value, and its letter for struct.
_TYPES: dict[int, tuple[int, str]] = {
    1: (1, "B"),
    2: (1, "B"),
    3: (2, "H"),
    4: (4, "I"),
    5: (8, "II"),
    6: (1, "b"),
    7: (1, "B"),
    8: (2, "h"),
    9: (4, "i"),
    10: (8, "ii"),
    11: (4, "f"),
    12: (8, "d"),
    13: (4, "I"),
}
_SHORT, _LONG, _RATIONAL, _ASCII = 3, 4, 5, 2

_COMPRESSION_NAMES = {
    1: "none",
    2: "MH without EOL",
    3: "T.4",
    4: "MMR",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "Deflate",
    9: "JBIG (T.85)",
    10: "JBIG (T.43)",
    32773: "PackBits",
    32946: "Deflate",
    34661: "JBIG",
    34676: "LogLuv",
    50000: "Zstandard",
    50001: "WebP",
}


@dataclass(frozen=True, slots=True)
class FaxPage:
    """A page as stored in TIFF-F: geometry and the coded strip (FillOrder 2)."""

    width: int
    height: int
    strip: bytes
    coding: Coding
    x_dpi: float
    y_dpi: float


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One directory of a TIFF: the fields that matter for faxes.

    ``strips`` are (offset, bytes) in the file; ``x_dpi`` and ``y_dpi`` are 0 where the file does
    not say. ``bad_rows`` and ``clean`` are BadFaxLines and CleanFaxData (0 clean, 1 regenerated,
    2 unclean), -1 where they are missing.
    """

    width: int
    height: int
    bits: int
    samples: int
    compression: int
    photometric: int
    fill_order: int
    t4_options: int
    orientation: int
    x_dpi: float
    y_dpi: float
    strips: tuple[tuple[int, int], ...]
    rows_per_strip: int
    tiled: bool
    software: str = ""
    bad_rows: int = -1
    clean: int = -1

    @property
    def coding(self) -> Coding | None:
        """The coding, MH, MR or MMR; None if the page is coded otherwise or is not bilevel."""
        if self.bits != 1 or self.samples != 1 or self.tiled:
            return None
        if self.compression == 4:  # noqa: PLR2004
            return "mmr"
        if self.compression == 3:  # noqa: PLR2004
            return "mr" if self.t4_options & 1 else "mh"
        return None

    @property
    def compression_name(self) -> str:
        """The name of the coding, for messages."""
        coding = self.coding
        if coding is not None:
            return coding.upper()
        return _COMPRESSION_NAMES.get(self.compression, f"compression {self.compression}")

    @property
    def bytes(self) -> int:
        """The size of the coded image data in bytes."""
        return sum(count for _, count in self.strips)


@dataclass(frozen=True, slots=True)
class TiffFile:
    """The pages of a TIFF; ``problems`` are sentences about what is wrong with it."""

    data: bytes
    pages: tuple[TiffPage, ...]
    problems: tuple[str, ...] = field(default=())

    def strip(self, page: TiffPage) -> bytes:
        """Return the coded data of a one-strip page, FillOrder 2; short if the file is cut off."""
        offset, count = page.strips[0]
        data = self.data[offset : offset + count]
        return data if page.fill_order == 2 else reverse_bits(data)  # noqa: PLR2004

    def strips(self, page: TiffPage) -> Iterator[tuple[bytes, int]]:
        """Yield the coded strips of a page in FillOrder 2, each with its number of rows."""
        for index, (offset, count) in enumerate(page.strips):
            rows = min(page.rows_per_strip, page.height - index * page.rows_per_strip)
            if rows <= 0:
                return
            data = self.data[offset : offset + count]
            yield (data if page.fill_order == 2 else reverse_bits(data)), rows  # noqa: PLR2004


def write(pages: Sequence[FaxPage]) -> bytes:
    """Return a TIFF-F file of these pages.

    Raises:
        DocumentEmpty: there is no page.
    """
    if not pages:
        raise DocumentEmpty("a fax needs at least one page", code="no_pages")
    parts = [struct.pack("<2sHI", b"II", 42, 8)]
    position = 8
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        block = _page_block(page, number, len(pages), position, last=last)
        parts.append(block)
        position += len(block)
    return b"".join(parts)


def join(files: Sequence[bytes]) -> bytes:
    """Return one TIFF-F with the pages of several files, all of which `write` made.

    Raises:
        DocumentEmpty: there is no page.
        DocumentDamaged: a page is not as `write` makes it.
    """
    pages = []
    for file in map(read, files):
        for page in file.pages:
            if page.coding is None or len(page.strips) != 1:
                raise DocumentDamaged("only pages of one coded strip can be joined")
            strip = file.strip(page)
            pages.append(
                FaxPage(page.width, page.height, strip, page.coding, page.x_dpi, page.y_dpi)
            )
    return write(pages)


def _page_block(page: FaxPage, number: int, total: int, start: int, *, last: bool) -> bytes:
    option, option_value = options_tag(page.coding)
    entries: list[tuple[int, int, int, int | bytes]] = [
        (254, _LONG, 1, 2),  # NewSubfileType: one page of several
        (256, _LONG, 1, page.width),
        (257, _LONG, 1, page.height),
        (258, _SHORT, 1, 1),
        (259, _SHORT, 1, compression_tag(page.coding)),
        (262, _SHORT, 1, 0),  # PhotometricInterpretation: white is zero
        (266, _SHORT, 1, 2),  # FillOrder: as on the line, see ccitt
        (273, _LONG, 1, 0),  # StripOffsets, below
        (274, _SHORT, 1, 1),
        (277, _SHORT, 1, 1),
        (278, _LONG, 1, page.height),
        (279, _LONG, 1, len(page.strip)),
        (282, _RATIONAL, 1, _rational(page.x_dpi)),
        (283, _RATIONAL, 1, _rational(page.y_dpi)),
        (option, _LONG, 1, option_value),
        (296, _SHORT, 1, 2),
        (297, _SHORT, 2, struct.pack("<HH", number & 0xFFFF, total & 0xFFFF)),
        (305, _ASCII, len(SOFTWARE), SOFTWARE),
    ]
    values_at = start + 2 + 12 * len(entries) + 4
    values = b"".join(value for *_, value in entries if isinstance(value, bytes) and len(value) > 4)  # noqa: PLR2004
    strip_at = values_at + len(values)
    end = strip_at + len(page.strip)
    padding = b"\0" * (end % 2)
    out = [struct.pack("<H", len(entries))]
    offset = values_at
    for tag, form, count, value in entries:
        if isinstance(value, bytes):
            if len(value) > 4:  # noqa: PLR2004
                stored = struct.pack("<I", offset)
                offset += len(value)
            else:
                stored = value
        else:
            stored = struct.pack("<I", strip_at if tag == 273 else value)  # noqa: PLR2004
        out.append(struct.pack("<HHI", tag, form, count) + stored)
    out.append(struct.pack("<I", 0 if last else end + len(padding)))
    return b"".join(out) + values + page.strip + padding


def _rational(value: float) -> bytes:
    whole = round(value)
    return struct.pack("<II", *((whole, 1) if whole == value else (round(value * 1000), 1000)))


def read(data: bytes) -> TiffFile:
    """Return the pages of a TIFF, which may be cut off; its images are not decoded.

    Raises:
        DocumentDamaged: it is no TIFF, or its first directory cannot be read.
    """
    if len(data) < 8 or data[:4] not in (b"II*\0", b"MM\0*"):  # noqa: PLR2004
        raise DocumentDamaged("this is not a TIFF, or only its first bytes; send it again")
    order = "<" if data[:2] == b"II" else ">"
    offset = struct.unpack_from(order + "I", data, 4)[0]
    pages: list[TiffPage] = []
    problems: list[str] = []
    seen: set[int] = set()
    while offset:
        if offset in seen:
            problems.append(f"the directory of page {len(pages) + 1} points back: file damaged")
            break
        seen.add(offset)
        try:
            tags, offset = _directory(data, order, offset)
            pages.append(_page(tags, len(data), len(pages), problems))
        except (struct.error, ValueError, IndexError, OverflowError):
            problems.append(
                f"page {len(pages) + 1} cannot be read: the file ends early or is damaged"
            )
            break
        if len(pages) >= MAX_PAGES:
            problems.append(f"only the first {MAX_PAGES} pages were read")
            break
    if not pages:
        raise DocumentDamaged(
            "no page of this TIFF can be read: the file is cut off or damaged; send it again"
        )
    return TiffFile(data, tuple(pages), tuple(problems))


def _directory(data: bytes, order: str, offset: int) -> tuple[dict[int, tuple[float, ...]], int]:
    count = struct.unpack_from(order + "H", data, offset)[0]
    if not 0 < count <= _MAX_ENTRIES:
        raise ValueError("entries")
    tags: dict[int, tuple[float, ...]] = {}
    for index in range(count):
        at = offset + 2 + 12 * index
        tag, form, values = struct.unpack_from(order + "HHI", data, at)
        if form not in _TYPES:
            continue
        size, letter = _TYPES[form]
        if size * values > len(data):
            continue
        if size * values > 4:  # noqa: PLR2004
            at = struct.unpack_from(order + "I", data, at + 8)[0]
        else:
            at += 8
        try:
            tags[tag] = struct.unpack_from(order + letter * values, data, at)
        except struct.error:
            continue
    return tags, struct.unpack_from(order + "I", data, offset + 2 + 12 * count)[0]


def _page(
    tags: Mapping[int, tuple[float, ...]], size: int, number: int, problems: list[str]
) -> TiffPage:
    def one(tag: int, default: int) -> int:
        values = tags.get(tag)
        return int(values[0]) if values else default

    def dpi(tag: int) -> float:
        values = tags.get(tag, (0, 1))
        if len(values) < 2 or not values[1]:  # noqa: PLR2004
            return 0.0
        factor = {2: 1.0, 3: MM_PER_INCH / 10}.get(one(296, 2), 0.0)
        return values[0] / values[1] * factor

    tiled = bool(tags.get(322))
    width, height = one(256, 0), one(257, 0)
    offsets, counts = (324, 325) if tiled else (273, 279)
    strips = tuple(
        (int(at), int(count))
        for at, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
    )
    if width <= 0 or height <= 0 or not strips:
        raise ValueError("no image")
    if any(at + count > size for at, count in strips):
        problems.append(f"page {number + 1} is cut off: the file ends before its image does")
    software = bytes(int(byte) & 0xFF for byte in tags.get(305, ()))
    rows = one(278, height)
    return TiffPage(
        width=width,
        height=height,
        bits=one(258, 1),
        samples=one(277, 1),
        compression=one(259, 1),
        photometric=one(262, 0),
        fill_order=one(266, 1),
        t4_options=one(292, 0),
        orientation=one(274, 1),
        x_dpi=dpi(282),
        y_dpi=dpi(283),
        strips=strips,
        rows_per_strip=rows if 0 < rows <= height else height,
        tiled=tiled,
        software=software.split(b"\0")[0].decode("latin-1"),
        bad_rows=one(326, -1),
        clean=one(327, -1),
    )


def is_fax_page(page: TiffPage, width: int, resolution: Resolution) -> bool:
    """Return whether a page is a fax page of this geometry, whose pels can be sent as they are.

    The inch-based resolutions (200 by 100, 200 and 400) count as the metric ones closest to them:
    T.30 has terminals treat the two as equivalent where the far end has only one kind.
    """
    close = 0.035
    return (
        page.coding is not None
        and page.width == width
        and page.orientation == 1
        and abs(page.x_dpi / resolution.x_dpi - 1) < close
        and abs(page.y_dpi / resolution.y_dpi - 1) < close
    )


def page_bits(file: TiffFile, page: TiffPage) -> tuple[Bits, bool]:
    """Return the pels of an MH, MR or MMR page, 1 is black, and whether it was complete.

    Raises:
        DocumentDamaged: the page cannot be decoded.
    """
    if page.coding is None:
        raise DocumentDamaged(f"a page coded as {page.compression_name} is no fax page")
    parts, whole, rows = [], True, 0
    for strip, height in file.strips(page):
        bits, intact = decode(strip, page.width, height, page.coding)
        parts.append(bits)
        whole = whole and intact
        rows += height
    if rows < page.height:
        parts.append(np.zeros((page.height - rows, row_bytes(page.width)), np.uint8))
        whole = False
    bits = np.concatenate(parts) if len(parts) > 1 else parts[0]
    if page.photometric == 1:  # Black is zero
        bits = ~bits
        if page.width % 8:
            bits[:, -1] &= 0xFF << (8 - page.width % 8) & 0xFF
    return bits, whole
