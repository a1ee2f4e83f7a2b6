"""PDFs for the benchmark: text in several fonts, tables and drawings, scans, photographs.

Made anew in every run, from the same seed. Where Ghostscript's own fonts (URW base 35) are
installed they are embedded, so that both programs draw the same outlines.
"""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

FONT_FOLDERS = (Path("/usr/share/fonts/opentype/urw-base35"),)
AFM_FOLDERS = (Path("/usr/share/fonts/type1/urw-base35"),)
FONTS = {
    "NimbusRoman-Regular": "Times-Roman",
    "NimbusSans-Regular": "Helvetica",
    "NimbusMonoPS-Regular": "Courier",
    "C059-Roman": "Times-Roman",
    "P052-Roman": "Times-Roman",
    "NimbusSans-Bold": "Helvetica-Bold",
}
PAGE = (595, 842)

SENTENCES = (
    "The invoice for the delivery of 14 March is attached and is due within thirty days.",
    "Please confirm the appointment by telephone before Wednesday noon.",
    "Our laboratory received the samples on Monday and tested them twice.",
    "The patient was discharged in good condition and takes no further medication.",
    "Payment of 1,284.50 euro was credited to the account ending in 7739.",
    "A signed copy of the contract must reach the notary by registered letter.",
    "The goods were checked on arrival and two boxes were found to be damaged.",
    "We regret that the article is no longer available in the colour you ordered.",
    "Every page of this document carries a number and the date of its printing.",
    "The engineer replaced both bearings and measured the vibration afterwards.",
    "Kindly return the enclosed form with the names of all persons in your household.",
    "Rainfall in the northern districts exceeded the average by forty per cent.",
    "The court adjourned the hearing until the expert had given his opinion.",
    "Quality control rejected lot 5518 because the seals did not close properly.",
    "Visitors are asked to sign the register at the gate and to wear a badge.",
    "The quarterly report shows a rise in turnover and a fall in fixed costs.",
    "Should you have any questions, do not hesitate to write to the address below.",
    "The ship leaves Hamburg on Friday and is expected in Valparaiso in five weeks.",
    "Insurance covers fire, storm and burglary but excludes floods and earthquakes.",
    "Fuel consumption was measured over a distance of 350 kilometres at steady speed.",
    "All dimensions are given in millimetres unless the drawing says otherwise.",
    "The blood count was normal apart from a slightly raised level of haemoglobin.",
    "This offer remains valid for six weeks and replaces all earlier quotations.",
    "Keys, documents and vehicles were handed over in the presence of both parties.",
)


@dataclass(frozen=True)
class Sample:
    """A PDF, and the text of each page where there is one to be read back."""

    name: str
    pdf: bytes
    pages: int
    text: tuple[str, ...] = ()


def samples(seed: int = 1) -> list[Sample]:
    """All samples."""
    return [letters(seed), text_pages(seed), drawings(seed), scans(seed), photographs(seed)]


def text_pages(seed: int, count: int = 10) -> Sample:
    """Full pages of prose, 8 to 12 point, in serif, sans and typewriter faces."""
    sizes = [(10, 9, 11, 8, 12)[number // 2 % 5] for number in range(count)]
    return _prose("text", seed, sizes, sentences=120)


def letters(seed: int, count: int = 10) -> Sample:
    """Business letters: half a page of 11 point."""
    return _prose("letters", seed, [11] * count, sentences=24)


def small_print(seed: int, sizes: Sequence[float], count: int = 20) -> Sample:
    """Half pages of small print, to be read back."""
    return _prose("small print", seed, [sizes[n % len(sizes)] for n in range(count)], sentences=50)


def _prose(name: str, seed: int, sizes: Sequence[float], sentences: int) -> Sample:
    chance = random.Random(seed)
    pdf = _Pdf()
    texts = []
    for number, size in enumerate(sizes):
        font = list(FONTS)[number % (len(FONTS) - 1)]
        width = pdf.width(font)
        words = " ".join(chance.choice(SENTENCES) for _ in range(sentences)).split()
        lines, line = [], ""
        for word in words:
            longer = f"{line} {word}".strip()
            if sum(width(char) for char in longer) * size / 1000 > PAGE[0] - 130:
                lines.append(line)
                line = word
            else:
                line = longer
        lines = lines[: int((PAGE[1] - 130) / (size * 1.25))]
        body = [f"BT /{font} {size} Tf {size * 1.25:.2f} TL 65 {PAGE[1] - 65 - size} Td"]
        body += [f"({line}) Tj T*" for line in lines]
        pdf.page("\n".join([*body, "ET"]).encode())
        texts.append("\n".join(lines))
    return Sample(name, pdf.finish(), len(sizes), tuple(texts))


def drawings(seed: int, count: int = 4) -> Sample:
    """Tables with ruled lines and grey heads, plans with circles and slanted lines."""
    chance = random.Random(seed)
    pdf = _Pdf()
    font = "NimbusSans-Regular"
    for number in range(count):
        out = ["0.5 w"]
        for row in range(24):
            y = 780 - row * 16
            if row == 0:
                out.append(f"0.85 g 60 {y} 475 16 re f 0 g")
            for column in range(5):
                out.append(f"{60 + column * 95} {y} 95 16 re S")
                value = f"Item {row}" if column == 0 else f"{chance.uniform(1, 9999):,.2f}"
                out.append(f"BT /{font} 9 Tf {64 + column * 95} {y + 4} Td ({value}) Tj ET")
        for _ in range(14):
            x, y = chance.uniform(80, 420), chance.uniform(70, 300)
            w, h = chance.uniform(20, 100), chance.uniform(20, 80)
            out.append(
                f"{x:.1f} {y:.1f} {w:.1f} {h:.1f} re S {x:.1f} {y:.1f} m "
                f"{x + w:.1f} {y + h:.1f} l S"
            )
            k = 0.5523 * h / 2
            cx, cy, r = x + w, y + h / 2, h / 2
            out.append(
                f"{cx + r:.2f} {cy:.2f} m {cx + r:.2f} {cy + k:.2f} {cx + k:.2f} {cy + r:.2f} "
                f"{cx:.2f} {cy + r:.2f} c {cx - k:.2f} {cy + r:.2f} {cx - r:.2f} {cy + k:.2f} "
                f"{cx - r:.2f} {cy:.2f} c S"
            )
        out.append(f"BT /{font} 10 Tf 60 800 Td (Schedule {number + 1}) Tj ET")
        pdf.page("\n".join(out).encode())
    return Sample("drawings", pdf.finish(), count)


def scans(seed: int, count: int = 3) -> Sample:
    """Grey scans of text at 200 dots per inch: soft, noisy, on yellowed and shaded paper."""
    import pypdfium2

    source = text_pages(seed + 7, count)
    document = pypdfium2.PdfDocument(source.pdf)
    chance = np.random.default_rng(seed)
    pdf = _Pdf()
    for page in document:
        image = page.render(scale=200 / 72, grayscale=True).to_pil().convert("L")
        grey = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), np.float32)
        height, width = grey.shape
        shade = np.linspace(225, 245, width)[None, :] - np.linspace(0, 18, height)[:, None]
        grey = 35 + grey / 255 * (shade - 35) + chance.normal(0, 5, grey.shape)
        pdf.image_page(Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)))
    return Sample("scans", pdf.finish(), count, source.text)


def photographs(seed: int, count: int = 2) -> Sample:
    """Continuous tone: soft shapes, gradients and fine texture, half a page, with a caption."""
    chance = np.random.default_rng(seed)
    pdf = _Pdf()
    for number in range(count):
        y, x = np.mgrid[0:900, 0:1200].astype(np.float32)
        grey = 128 + 60 * np.sin(x / 170 + number) + 50 * np.cos(y / 120 + x / 300)
        for _ in range(14):
            cx, cy, r = chance.uniform(0, 1200), chance.uniform(0, 900), chance.uniform(40, 190)
            inside = np.hypot(x - cx, y - cy) < r
            ball = 220 - 190 * np.hypot(x - cx + r / 3, y - cy + r / 3) / (1.6 * r)
            grey = np.where(inside, ball, grey)
        grey += chance.normal(0, 4, grey.shape)
        image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
        caption = f"BT /NimbusRoman-Regular 11 Tf 70 380 Td ({SENTENCES[number]}) Tj ET"
        pdf.image_page(image, (70, 400, 455, 341), caption.encode())
    return Sample("photographs", pdf.finish(), count)


class _Pdf:
    def __init__(self) -> None:
        self._bodies: list[bytes] = [b"", b""]
        self._pages: list[int] = []
        fonts = [f"/{name} {self._font(name, stand_in)} 0 R" for name, stand_in in FONTS.items()]
        self._fonts = f"/Font<<{''.join(fonts)}>>".encode()

    def _add(self, body: bytes) -> int:
        self._bodies.append(body)
        return len(self._bodies)

    def _stream(self, data: bytes, fields: bytes = b"") -> int:
        packed = zlib.compress(data)
        return self._add(
            b"<<%b/Filter/FlateDecode/Length %d>>stream\n%b\nendstream"
            % (fields, len(packed), packed)
        )

    def _font(self, name: str, stand_in: str) -> int:
        file = next((f for d in FONT_FOLDERS if (f := d / f"{name}.otf").exists()), None)
        if file is None:
            return self._add(
                f"<</Type/Font/Subtype/Type1/BaseFont/{stand_in}/Encoding/WinAnsiEncoding>>".encode()
            )
        data = self._stream(file.read_bytes(), b"/Subtype/OpenType")
        flags = 33 if "Mono" in name else 32 if "Sans" in name else 34
        descriptor = self._add(
            f"<</Type/FontDescriptor/FontName/{name}/Flags {flags}/FontBBox[-200 -300 1200 1000]"
            f"/ItalicAngle 0/Ascent 700/Descent -200/CapHeight 660/StemV 80"
            f"/FontFile3 {data} 0 R>>".encode()
        )
        width = self.width(name)
        widths = " ".join(str(width(chr(code))) for code in range(32, 127))
        return self._add(
            f"<</Type/Font/Subtype/Type1/BaseFont/{name}/Encoding/WinAnsiEncoding/FirstChar 32"
            f"/LastChar 126/Widths[{widths}]/FontDescriptor {descriptor} 0 R>>".encode()
        )

    @staticmethod
    def width(name: str):
        """A function from character to width in thousandths of the size."""
        afm = next((f for d in AFM_FOLDERS if (f := d / f"{name}.afm").exists()), None)
        if afm is None:
            return lambda _: 600
        widths = {}
        for line in afm.read_text().splitlines():
            if line.startswith("C ") and not line.startswith("C -1"):
                parts = line.split()
                widths[int(parts[1])] = int(float(parts[4]))
        return lambda char: widths.get(ord(char), 500)

    def page(self, content: bytes, resources: bytes = b"") -> None:
        stream = self._stream(content)
        self._pages.append(
            self._add(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents %d 0 R/Resources<<%b%b>>>>"
                % (*PAGE, stream, self._fonts, resources)
            )
        )

    def image_page(self, image: Image.Image, box=(0, 0, *PAGE), content: bytes = b"") -> None:
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=85)
        data = jpeg.getvalue()
        number = self._add(
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray"
            b"/BitsPerComponent 8/Filter/DCTDecode/Length %d>>stream\n%b\nendstream"
            % (*image.size, len(data), data)
        )
        draw = b"q %d 0 0 %d %d %d cm /Im Do Q\n" % (box[2], box[3], box[0], box[1])
        self.page(draw + content, b"/XObject<</Im %d 0 R>>" % number)

    def finish(self) -> bytes:
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._bodies[0] = b"<</Type/Catalog/Pages 2 0 R>>"
        self._bodies[1] = f"<</Type/Pages/Kids[{kids}]/Count {len(self._pages)}>>".encode()
        out = bytearray(b"%PDF-1.6\n")
        offsets = []
        for number, body in enumerate(self._bodies, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
            len(offsets) + 1,
            start,
        )
        return bytes(out)
