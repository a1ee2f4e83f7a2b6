"""The transmission report as a PDF: its lines on A4, in Courier. Pure.

Every PDF reader has Courier (ISO 32000-1, 9.6.2.2). Its encoding has the letters of western Europe;
another letter becomes a question mark. The text of the mail has them all.
"""

from __future__ import annotations

from fsfax.document.pdf_file import pdf_file

_SIZE, _LEADING = 10, 13
_LEFT, _TOP = 60, 770
_COLUMNS, _LINES = 79, 54
_MAX_PAGES = 20


def report_pdf(text: str) -> bytes:
    """Return a report as a PDF; long lines are wrapped, at most 20 pages are made."""
    lines = [part for line in text.splitlines() for part in _wrapped(line.rstrip())]
    count = min(_MAX_PAGES, max(1, -(-len(lines) // _LINES)))
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for number in range(count):
        content = _content(lines[number * _LINES : (number + 1) * _LINES])
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    return pdf_file(objects)


def _wrapped(line: str) -> list[str]:
    return [line[at : at + _COLUMNS] for at in range(0, len(line), _COLUMNS)] or [""]


def _content(lines: list[str]) -> bytes:
    shown = [b"(%b) Tj T*" % _escaped(line) for line in lines]
    begin = b"BT /F1 %d Tf %d TL %d %d Td" % (_SIZE, _LEADING, _LEFT, _TOP)
    return b"\n".join([begin, *shown, b"ET"])


def _escaped(line: str) -> bytes:
    """Return the characters of a PDF string (ISO 32000-1, 7.3.4.2)."""
    data = line.encode("cp1252", "replace")
    return data.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
