"""Documents inspected, and TIFF-F converted to PDF and PNG and back."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pypdf
import pypdfium2
import pytest
from PIL import Image

from fsfax import document
from fsfax.document import (
    ccitt,
    compare,
    inspect,
    read_pages,
    seconds_on_line,
    tiff_f,
    to_pdf,
    to_png,
)
from fsfax.errors import DocumentDamaged, DocumentError, DocumentNotFound, InvalidRequest

from .conftest import make_pdf, marked_image, text_content


@pytest.fixture
def tiff(converter, tmp_path):
    source, target = tmp_path / "in.pdf", tmp_path / "fax.tif"
    source.write_bytes(make_pdf([text_content(), "", text_content(9)]))
    converter.convert(source, target)
    return target


def test_the_exported_names_are_there():
    for name in document.__all__:
        assert getattr(document, name) is not None
    with pytest.raises(AttributeError):
        _ = document.no_such_name


def test_paths_may_be_strings(converter, tmp_path):
    source, target = str(tmp_path / "in.pdf"), str(tmp_path / "fax.tif")
    (tmp_path / "in.pdf").write_bytes(make_pdf([text_content()]))
    assert converter.convert(source, target).path == tmp_path / "fax.tif"
    assert inspect(target).fax
    assert inspect(source, converter=converter).kind == "pdf"
    assert len(list(read_pages(target))) == 1
    assert compare(target, target).identical
    assert to_pdf(target, str(tmp_path / "fax.pdf")) == 1
    assert to_png(target, 1, str(tmp_path / "fax.png"), width=100)[0] == 100


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


def test_time_on_the_line():
    assert seconds_on_line([], 14400) == 15
    assert seconds_on_line([18_000], 14400) == pytest.approx(15 + 4 + 10.6)
    with pytest.raises(ValueError, match="above zero"):
        seconds_on_line([1], 0)


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


def test_what_cannot_be_inspected(converter, tmp_path):
    with pytest.raises(DocumentNotFound):
        inspect(tmp_path / "missing", converter=converter)
    with pytest.raises(DocumentNotFound, match="folder"):
        inspect(tmp_path, converter=converter)
    for content in (b"", b"\0\1\2", b"II*\0\x08\0\0\0", b"%PDF-1.4 and no more"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(DocumentError):
            inspect(tmp_path / "bad", converter=converter)


def test_a_pdf_of_a_fax_holds_the_same_pels(tiff, tmp_path):
    pdf = tmp_path / "fax.pdf"
    assert to_pdf(tiff, pdf) == 3
    assert pdf.stat().st_size < tiff.stat().st_size + 5000
    opened = pypdfium2.PdfDocument(pdf)
    assert len(opened) == 3
    for page, bitmap in zip(opened, read_pages(tiff), strict=True):
        assert page.get_size() == (
            pytest.approx(1728 / 204 * 72, abs=0.01),
            pytest.approx(bitmap.height / 196 * 72, abs=0.01),
        )
        (image,) = page.get_objects()
        drawn = np.asarray(image.get_bitmap().to_pil().convert("L"))
        black = np.unpackbits(bitmap.bits, axis=1)[:, :1728] == 1
        assert np.array_equal(drawn == 0, black)


def test_an_mh_fax_becomes_a_pdf_too(converter, tmp_path):
    source, mh, pdf = tmp_path / "in.pdf", tmp_path / "mh.tif", tmp_path / "out.pdf"
    source.write_bytes(make_pdf([text_content()]))
    converter.convert(source, mh, coding="mh")
    to_pdf(mh, pdf)
    back = tmp_path / "back.tif"
    converter.convert(pdf, back)
    (one,), (two,) = list(read_pages(mh)), list(read_pages(back))
    # Drawn again by pdfium at nearly the same scale: the ink is where it was.
    assert abs(int(np.bitwise_count(one.bits).sum()) / np.bitwise_count(two.bits).sum() - 1) < 0.3


@pytest.mark.parametrize("resolution", ["standard", "fine", "superfine"])
def test_a_preview_has_square_pixels(converter, tmp_path, resolution):
    source, tiff, png = tmp_path / "in.png", tmp_path / "fax.tif", tmp_path / "page.png"
    marked_image(1000, 1414).save(source, dpi=(121, 121))
    converter.convert(source, tiff, resolution=resolution)
    size = to_png(tiff, 1, png)
    image = Image.open(png)
    assert image.size == size
    assert size[0] == 1728
    # The frame reaches the foot, where the header line needs 4 mm.
    assert size[1] / size[0] == pytest.approx((297 + 4.15) / 215, rel=0.01)
    assert to_png(tiff, 1, png, width=600)[0] == 600
    assert Image.open(png).getpixel((100, 60)) < 60  # the bar at the upper left


def test_previews_that_cannot_be(tiff, tmp_path):
    with pytest.raises(InvalidRequest, match="pages 1 to 3"):
        to_png(tiff, 4, tmp_path / "x.png")
    with pytest.raises(InvalidRequest, match="16 to 10000"):
        to_png(tiff, 1, tmp_path / "x.png", width=5)
    with pytest.raises(DocumentError, match="cannot be written"):
        to_png(tiff, 1, tmp_path / "no" / "x.png")
    with pytest.raises(DocumentError, match="cannot be written"):
        to_pdf(tiff, tmp_path / "no" / "x.pdf")


def test_a_fax_equals_itself_and_its_recoding(tiff, converter, tmp_path):
    assert compare(tiff, tiff).identical
    mh = tmp_path / "mh.tif"
    converter.convert(tiff, mh, coding="mh")
    found = compare(tiff, mh)
    assert found.identical
    assert found.pels == (0, 0, 0)


def changed(tiff, target, change):
    file = tiff_f.read(tiff.read_bytes())
    pages = []
    for number, page in enumerate(file.pages):
        bits, _ = tiff_f.page_bits(file, page)
        bits = change(number, bits)
        if bits is not None:
            strip = ccitt.encode(bits, page.width, "mmr")
            pages.append(tiff_f.FaxPage(page.width, len(bits), strip, "mmr", 204, 196))
    target.write_bytes(tiff_f.write(pages))
    return target


def test_every_difference_is_named(tiff, tmp_path):
    def one_pel(number, bits):
        if number == 1:
            bits[100, 5] ^= 0x10
        return bits

    def header(number, bits):
        bits[:32] = 0xAA
        return bits

    found = compare(tiff, changed(tiff, tmp_path / "1.tif", one_pel))
    assert not found.identical
    assert found.pels == (0, 1, 0)
    assert found.differences == ("page 2: 1 pels differ",)

    def pushed(number, bits):
        """As SpanDSP sends T.85."""
        return header(number, np.roll(bits, 32, axis=0))

    for number, way in enumerate((header, pushed), 2):
        lined = changed(tiff, tmp_path / f"{number}.tif", way)
        assert not compare(tiff, lined).identical
        assert compare(tiff, lined, header_rows=32).identical

    def ink_at_the_foot(number, bits):
        bits[-1, 7] = 0x20
        return bits

    inked = changed(tiff, tmp_path / "4.tif", ink_at_the_foot)
    lined = changed(inked, tmp_path / "5.tif", pushed)
    assert compare(inked, lined, header_rows=32).pels == (1, 1, 1)

    shorter = changed(
        tiff, tmp_path / "3.tif", lambda number, bits: bits[: 2000 if number else None]
    )
    assert "became 1728 by 2000" in compare(tiff, shorter).differences[0]

    fewer = changed(tiff, tmp_path / "4.tif", lambda number, bits: None if number == 2 else bits)
    assert compare(tiff, fewer).differences == ("3 pages became 2",)


def test_a_received_file_that_breaks_off_gives_its_pages(tiff, tmp_path):
    cut = tmp_path / "cut.tif"
    data = tiff.read_bytes()
    end = len(data) - 2000
    cut.write_bytes(data[:end])
    found = inspect(cut)
    assert not found.fax
    assert "cut off" in found.problems[0]
    assert len(found.pages) == 3
    assert [page.whole for page in read_pages(cut)] == [True, True, False]
    assert to_pdf(cut, tmp_path / "cut.pdf") == 3
    assert not compare(tiff, cut).identical


def test_a_fax_that_breaks_off_is_not_sent_as_if_whole(converter, tiff, tmp_path):
    cut = tmp_path / "cut.tif"
    shutil.copy(tiff, cut)
    with cut.open("r+b") as file:
        file.truncate(cut.stat().st_size - 2000)
    with pytest.raises(DocumentDamaged, match="cut off"):
        converter.convert(cut, tmp_path / "out.tif")
