"""Documents made by hand, small and exact."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

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
