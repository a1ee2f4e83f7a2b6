"""Documents made by hand, small and exact, and one converter for all tests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fsfax.document import Converter, FaxBitmap, read_pages
from fsfax.errors import ConversionFailed, DocumentError
from fsfax.settings import DocumentSettings

A4 = (595.28, 841.89)
LINE = "BT /F 11 Tf 72 {y} Td (Line {y}: the quick brown fox jumps over the lazy dog.) Tj ET\n"


def text_content(lines: int = 40) -> str:
    return "".join(LINE.format(y=780 - 16 * line) for line in range(lines))


def mark_content(width: float, height: float) -> str:
    """A black bar at the upper left of a page of this size."""
    return f"0 g {width * 0.05} {height * 0.85} {width * 0.3} {height * 0.1} re f\n"


def make_pdf(
    contents: Sequence[str],
    size: tuple[float, float] = A4,
    *,
    page: str = "",
    root: str = "",
    resources: str = "",
    more: Sequence[bytes] = (),
) -> bytes:
    """A PDF with one content stream a page. ``more`` are objects from number 4 on."""
    first = 4 + len(more)
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(contents)))
    bodies = [
        f"<</Type/Catalog/Pages 2 0 R{root}>>".encode(),
        f"<</Type/Pages/Kids[{kids}]/Count {len(contents)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        *more,
    ]
    for number, content in enumerate(contents):
        bodies.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size[0]} {size[1]}]"
            f"/Contents {first + 2 * number + 1} 0 R"
            f"/Resources<</Font<</F 3 0 R>>{resources}>>{page}>>".encode()
        )
        stream = content.encode("latin-1")
        bodies.append(b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream))
    out = bytearray(b"%PDF-1.6\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(bodies) + 1, start)
    return bytes(out)


def marked_image(width: int, height: int) -> Image.Image:
    """White, with a black bar at the upper left and a black frame."""
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 20, height // 20, width // 3, height // 8), fill=0)
    draw.rectangle((0, 0, width - 1, height - 1), outline=0, width=4)
    return image


@dataclass
class Pels:
    """A decoded page as an array of black pels, and what can be measured in it."""

    black: np.ndarray
    bitmap: FaxBitmap

    @property
    def share(self) -> float:
        return float(self.black.mean())

    def corner(self) -> str:
        """The quarter of the page with the most ink, as 'upper left' and so on."""
        height, width = self.black.shape
        quarters = {
            f"{down} {across}": self.black[rows, columns].sum()
            for down, rows in (
                ("upper", slice(0, height // 2)),
                ("lower", slice(height // 2, None)),
            )
            for across, columns in (
                ("left", slice(0, width // 2)),
                ("right", slice(width // 2, None)),
            )
        }
        return max(quarters, key=lambda name: quarters[name])

    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the ink, the last two inside."""
        rows, columns = np.flatnonzero(self.black.any(1)), np.flatnonzero(self.black.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def pels(tiff: Path) -> list[Pels]:
    return [
        Pels(np.unpackbits(page.bits, axis=1)[:, : page.width].astype(bool), page)
        for page in read_pages(tiff)
    ]


def assert_fax_or_refusal(fax: Callable[..., list[Pels]], document: bytes) -> None:
    """Check that bytes become a fax or an error of the document, and that no worker crashes."""
    failure: DocumentError | None = None
    pages: list[Pels] = []
    try:
        pages = fax(document)
    except DocumentError as error:
        failure = error
    assert bool(pages) != bool(failure)
    assert not isinstance(failure, ConversionFailed)


@pytest.fixture(scope="session")
def converter() -> Iterator[Converter]:
    settings = DocumentSettings(
        workers=2, max_pages=60, max_bytes=20_000_000, max_pixels=30_000_000, timeout=20
    )
    with Converter(settings) as converter:
        yield converter


@pytest.fixture
def fax(converter: Converter, tmp_path: Path) -> Callable[..., list[Pels]]:
    """Convert bytes; return the pels of the fax pages."""
    count = 0

    def run(document: bytes | Image.Image, name: str = "document", **options: object) -> list[Pels]:
        nonlocal count
        count += 1
        source, target = tmp_path / f"{count}-{name}", tmp_path / f"{count}.tif"
        if isinstance(document, Image.Image):
            buffer = io.BytesIO()
            document.save(buffer, "PNG")
            document = buffer.getvalue()
        source.write_bytes(document)
        converter.convert(source, target, **options)  # type: ignore[arg-type]
        return pels(target)

    return run
