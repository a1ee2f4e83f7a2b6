"""A sample letter as a PDF, written byte by byte: three pages of text, a frame and a table.

It uses the standard fonts of PDF 1.4 (ISO 32000-1, 9.6.2.2), so nothing has to be embedded.
"""

from __future__ import annotations

from fsfax.document.pdf_file import pdf_file

_TEXT = (
    "This letter was made to be faxed. It has a title, running text, a frame and a table, which is"
    " what most faxed documents are made of: prescriptions, orders, forms and findings.",
    "The page is drawn at the resolution of the line, 204 by 196 dots an inch, coded as in ITU-T"
    " T.6, and sent by T.38. Every page is confirmed by the far end before the next one goes out.",
    "What arrives is compared with what was sent, dot by dot.",
)
_ROWS = (("Item", "Quantity", "Price"), ("Paper, A4", "500", "4.90"), ("Toner", "1", "69.00"))
_WIDTH = 88


def sample_pdf(pages: int = 3) -> bytes:
    """Return the bytes of the sample letter."""
    contents = [_page(number, pages) for number in range(1, pages + 1)]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (5 + 2 * n)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return pdf_file(objects)


def _page(number: int, total: int) -> bytes:
    lines = ["0.8 w 50 50 495 742 re S", _text(70, 740, 20, f"Sample letter, page {number}")]
    y = 700
    for paragraph in _TEXT * 3:
        for line in _wrap(paragraph):
            lines.append(_text(70, y, 10.5, line))
            y -= 15
        y -= 9
    for row in _ROWS:
        lines += [_text(80 + 150 * column, y, 10.5, cell) for column, cell in enumerate(row)]
        lines.append(f"70 {y - 5} m 525 {y - 5} l S")
        y -= 20
    lines.append(_text(250, 62, 9, f"{number} / {total}"))
    return "\n".join(lines).encode("latin-1")


def _text(x: float, y: float, size: float, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET"


def _wrap(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
