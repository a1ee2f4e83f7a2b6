"""Faxes converted to PDF and PNG, and compared pel by pel."""

from __future__ import annotations

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from fsfax.document import ccitt, compare, inspect, read_pages, tiff_f, to_pdf, to_png
from fsfax.errors import DocumentError, InvalidRequest
from tests.document.samples import make_pdf, marked_image, text_content


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


def test_invalid_previews_are_refused(tiff, tmp_path):
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
