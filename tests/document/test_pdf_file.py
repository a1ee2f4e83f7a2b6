"""PDF objects put together: every offset is right, so that strict readers open the file."""

from __future__ import annotations

import io

import pypdf
import pytest

from fsfax.document.pdf_file import pdf_file

OBJECTS = [
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
]


def test_a_strict_reader_opens_the_file() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf_file(OBJECTS)), strict=True)
    assert [page.mediabox[2:] for page in reader.pages] == [[595, 842]]


@pytest.mark.parametrize("objects", [OBJECTS, OBJECTS[:1], [b"(x)"] * 30, [b"endobj\n%\xe4\r\n"]])
def test_each_offset_leads_to_its_object(objects: list[bytes]) -> None:
    data = pdf_file(objects)
    assert data.startswith(b"%PDF-1.4\n")
    assert data.endswith(b"%%EOF\n")
    start = int(data.split(b"startxref\n")[-1].split()[0])
    lines = data[start:].split(b"\n")
    assert lines[:3] == [b"xref", b"0 %d" % (len(objects) + 1), b"0000000000 65535 f "]
    for number, (body, entry) in enumerate(zip(objects, lines[3:], strict=False), 1):
        assert len(entry) == 19  # 20 with the line feed (ISO 32000-1, 7.5.4)
        at = int(entry[:10])
        assert data[at:].startswith(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    assert b"/Size %d" % (len(objects) + 1) in data
