"""Documents inspected: pages, sizes, coding, encryption, problems."""

from __future__ import annotations

import io

import pypdf
import pytest

from fsfax.document import inspect, read_pages
from fsfax.errors import DocumentDamaged, DocumentError, DocumentNotFound
from tests.document.samples import make_pdf, marked_image


def test_a_fax_is_inspected(tiff):
    found = inspect(tiff)
    assert found.kind == "tiff"
    assert found.fax
    assert not found.problems
    assert found.software == "fsfax"
    assert found.bytes == tiff.stat().st_size
    assert len(found.pages) == 3
    page = found.pages[0]
    assert (page.width, page.x_dpi, page.y_dpi) == (1728, 204, 196)
    assert (page.compression, page.resolution) == ("MMR", "fine")
    assert page.width_mm == pytest.approx(215, abs=0.5)
    assert page.height_mm == pytest.approx(296.5, abs=1)
    total = sum(page.bytes for page in found.pages)
    assert found.seconds_on_line() == pytest.approx(15 + 3 * 4 + total * 8 * 1.06 / 14400)
    assert found.seconds_on_line(9600) > found.seconds_on_line(14400)


def test_a_pdf_is_inspected(converter, tmp_path):
    writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(make_pdf(["", ""], (612, 792)))))
    writer.add_metadata({"/Title": "Letter to\x07 the bank", "/Producer": "a test"})
    path = tmp_path / "letter"
    writer.write(path)
    found = inspect(path, converter=converter)
    assert (found.kind, found.encrypted, found.fax) == ("pdf", "no", False)
    assert found.title == "Letter to the bank"
    assert found.software == "a test"
    assert [(page.width_mm, page.height_mm) for page in found.pages] == [
        (pytest.approx(215.9), pytest.approx(279.4))
    ] * 2
    assert found.seconds_on_line() == 0


def test_encryption_is_reported_and_no_error(converter, tmp_path):
    path = tmp_path / "locked.pdf"
    for user, wanted, pages in (("", "owner", 1), ("secret", "user", 0)):
        writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(make_pdf([""]))))
        writer.encrypt(user, "owner", algorithm="RC4-128")
        writer.write(path)
        found = inspect(path, converter=converter)
        assert (found.encrypted, len(found.pages)) == (wanted, pages)
    assert "password" in found.problems[0]


def test_other_kinds_are_inspected_by_a_worker_of_their_own(tmp_path):
    image, text = tmp_path / "image", tmp_path / "text"
    marked_image(1000, 500).save(image, "PNG", dpi=(100, 100))
    text.write_text("one\ftwo")
    found = inspect(image)
    assert (found.kind, found.pages[0].width, found.pages[0].compression) == ("png", 1000, "PNG L")
    assert found.pages[0].width_mm == pytest.approx(254, abs=0.1)
    assert len(inspect(text).pages) == 2


def test_an_ordinary_tiff_is_no_fax(tmp_path):
    path = tmp_path / "photo.tif"
    marked_image(100, 100).save(path, compression="tiff_lzw")
    found = inspect(path)
    assert not found.fax
    assert found.pages[0].compression == "LZW"
    assert found.pages[0].width_mm == 0
    with pytest.raises(DocumentDamaged, match="LZW"):
        list(read_pages(path))


def test_files_that_cannot_be_inspected(converter, tmp_path):
    with pytest.raises(DocumentNotFound):
        inspect(tmp_path / "missing", converter=converter)
    with pytest.raises(DocumentNotFound, match="folder"):
        inspect(tmp_path, converter=converter)
    for content in (b"", b"\0\1\2", b"II*\0\x08\0\0\0", b"%PDF-1.4 and no more"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(DocumentError):
            inspect(tmp_path / "bad", converter=converter)
