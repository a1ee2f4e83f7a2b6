"""TIFF, PNG and JPEG to TIFF-F: every kind of pixel, the right way up, at the right size."""

from __future__ import annotations

import io
import shutil
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fsfax.document.sources.image import natural_size
from fsfax.errors import DocumentDamaged, DocumentTooLarge
from tests.document.pels import assert_fax_or_refusal
from tests.document.samples import make_pdf, marked_image, text_content


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def wide(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def with_alpha(image: Image.Image) -> Image.Image:
    """Black everywhere; what is to be seen is in the alpha channel."""
    rgba = Image.new("RGBA", image.size, (0, 0, 0, 0))
    rgba.putalpha(image.point(lambda value: 255 - value))
    return rgba


def in_lab(image: Image.Image) -> Image.Image:
    neutral = image.point(lambda _: 128)
    return Image.merge("LAB", [image, neutral, neutral])


KINDS = {
    "bilevel": (lambda i: i.convert("1"), "PNG", {}),
    "grey": (lambda i: i, "PNG", {}),
    "colour": (lambda i: i.convert("RGB"), "PNG", {}),
    "palette": (lambda i: i.convert("P"), "PNG", {}),
    "alpha": (with_alpha, "PNG", {}),
    "grey and alpha": (lambda i: with_alpha(i).convert("LA"), "PNG", {}),
    "16 bits": (wide, "PNG", {}),
    "JPEG": (lambda i: i.convert("RGB"), "JPEG", {}),
    "JPEG in CMYK": (lambda i: i.convert("CMYK"), "JPEG", {}),
    "TIFF in CMYK": (lambda i: i.convert("CMYK"), "TIFF", {}),
    "TIFF with LZW": (lambda i: i.convert("RGB"), "TIFF", {"compression": "tiff_lzw"}),
    "TIFF of 16 bits": (wide, "TIFF", {}),
    "TIFF of floats": (lambda i: i.convert("F"), "TIFF", {}),
    "TIFF in LAB": (in_lab, "TIFF", {}),
    "TIFF with Group 4": (lambda i: i.convert("1"), "TIFF", {"compression": "group4"}),
    "TIFF with JPEG": (lambda i: i.convert("RGB"), "TIFF", {"compression": "jpeg"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixel(fax, kind):
    change, form, options = KINDS[kind]
    document = saved(change(marked_image(1000, 1400)), form, dpi=(150, 150), **options)
    (page,) = fax(document)
    assert page.corner() == "upper left"
    # 1000 pixels at 150 dpi are 169.3 mm: 1361 pels; 1400 are 237.1 mm: 1825 rows.
    left, top, right, bottom = page.box()
    assert right - left + 1 == pytest.approx(1361, abs=2)
    assert bottom - top + 1 == pytest.approx(1825, abs=2)
    assert 0.02 < page.share < 0.08


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, "upper left"),
        (2, "upper right"),
        (3, "lower right"),
        (4, "lower left"),
        (5, "upper left"),
        (6, "upper right"),
        (7, "lower right"),
        (8, "lower left"),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_exif_orientation(fax, orientation, corner, form):
    upright = orientation < 5
    image = marked_image(1000, 1400) if upright else marked_image(1400, 1000)
    if form == "JPEG":
        exif = Image.Exif()
        exif[0x0112] = orientation
        document = saved(image, form, exif=exif, dpi=(150, 150))
    else:
        document = saved(image, form, tiffinfo={274: orientation}, dpi=(150, 150))
    (page,) = fax(document)
    assert page.corner() == corner
    # The frame reaches the foot, where the header line needs white rows.
    assert page.bitmap.height == pytest.approx(1825 + 32, abs=2)


def test_landscape_images_are_turned_with_their_top_to_the_left(fax):
    (page,) = fax(marked_image(1400, 1000))
    assert page.corner() == "lower left"


@pytest.mark.parametrize(
    ("pixels", "dpi", "size"),
    [
        ((1654, 2339), (200, 200), (210.1, 297.1)),
        ((1728, 1143), (204, 98), (215.2, 296.2)),
        ((1000, 1400), (0, 0), (210, 294)),  # no dpi: fits A4
        ((1400, 1000), (0, 0), (294, 210)),
        ((32, 32), (0, 0), (11.3, 11.3)),  # … but an icon stays one
        ((1000, 1400), (1, 1), (210, 294)),  # JFIF's aspect ratio without a unit
        ((1000, 1400), (9e9, 9e9), (210, 294)),
        ((1000, 1400), (float("nan"), 100), (210, 294)),
        ((1000, 1400), (100, 2000), (210, 294)),
    ],
)
def test_natural_sizes(pixels, dpi, size):
    found = natural_size(*pixels, dpi)
    assert (found.width_mm, found.height_mm) == pytest.approx(size, abs=0.1)


def test_a_tiff_of_many_kinds_keeps_all_pages(fax):
    pages = [
        marked_image(800, 1000),
        marked_image(800, 1000).convert("RGB"),
        marked_image(1000, 800).convert("1"),
    ]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], dpi=(100, 100))
    found = fax(out.getvalue())
    assert [page.corner() for page in found] == ["upper left", "upper left", "lower left"]


def test_a_photograph_becomes_a_screen_and_shaded_text_does_not(fax):
    y, x = np.mgrid[0:1000, 0:800]
    photo = Image.fromarray((128 + 100 * np.sin(x / 90) * np.cos(y / 120)).astype(np.uint8))
    (page,) = fax(photo)
    assert 0.3 < page.share < 0.7
    # A scan: dark letters on paper that is grey and shaded.
    letters = np.asarray(marked_image(800, 1000), np.float32) / 255
    shade = np.linspace(190, 240, 800)[None, :]
    scan = Image.fromarray((40 + letters * (shade - 40)).astype(np.uint8))
    (page,) = fax(scan)
    assert page.share == pytest.approx(fax(marked_image(800, 1000))[0].share, abs=0.005)


@pytest.mark.parametrize("coding", ["mmr", "mh"])
def test_a_fax_passes_unchanged(converter, tmp_path, coding):
    source, first, second = (tmp_path / name for name in ("a.pdf", "1.tif", "2.tif"))
    source.write_bytes(make_pdf([text_content(), ""]))
    converter.convert(source, first, coding=coding)
    conversion = converter.convert(first, second, coding=coding)
    assert first.read_bytes() == second.read_bytes()
    assert conversion.kind == "tiff"


def test_a_fax_in_another_coding_keeps_its_pels(fax, converter, tmp_path):
    source, first = tmp_path / "a.pdf", tmp_path / "1.tif"
    source.write_bytes(make_pdf([text_content()]))
    converter.convert(source, first)
    (page,) = fax(first.read_bytes(), coding="mh")
    (same,) = fax(first.read_bytes())
    assert np.array_equal(page.black, same.black)
    # Strips of 64 rows, black is zero, other bit order: another program's fax.
    image = Image.open(first)
    other = saved(
        image.convert("1"), "TIFF", compression="group4", dpi=(204, 196), tiffinfo={278: 64}
    )
    (again,) = fax(other)
    assert np.array_equal(again.black, same.black)


def test_a_fax_of_another_resolution_is_scaled(fax, converter, tmp_path):
    source, first = tmp_path / "a.pdf", tmp_path / "1.tif"
    source.write_bytes(make_pdf([text_content()]))
    converter.convert(source, first, resolution="standard")
    (page,) = fax(first.read_bytes(), resolution="fine")
    assert page.bitmap.width == 1728
    assert page.bitmap.height == pytest.approx(2286, abs=8)


def bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_bombs_are_refused_unopened(fax):
    with pytest.raises(DocumentTooLarge, match="max_pixels"):
        fax(bomb(60_000, 60_000))
    tiff = saved(Image.new("1", (60_000, 600)), "TIFF", compression="group4")
    assert len(tiff) < 50_000
    with pytest.raises(DocumentTooLarge, match="60000"):
        fax(tiff)


def test_too_many_pages_in_a_tiff(fax):
    out = io.BytesIO()
    page = Image.new("1", (8, 8))
    page.save(out, "TIFF", save_all=True, append_images=[page] * 60)
    with pytest.raises(DocumentTooLarge) as caught:
        fax(out.getvalue())
    assert caught.value.code == "too_many_pages"


@pytest.mark.parametrize("quarter", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_images_cut_short_are_refused(fax, form, quarter):
    noise = np.random.default_rng(1).integers(0, 256, (300, 300), dtype=np.uint8)
    document = saved(Image.fromarray(noise), form)
    with pytest.raises(DocumentDamaged):
        fax(document[: int(len(document) * quarter)])


@given(st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_garbage_is_a_document_error_or_a_fax(fax, data):
    form = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF"]))
    options = {"compression": "group4"} if form == "TIFF" and data.draw(st.booleans()) else {}
    image = marked_image(120, 160).convert("1" if options else "L")
    document = bytearray(saved(image, form, **options))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(8, len(document) - 1))
        document[at : at + 4] = data.draw(st.binary(min_size=1, max_size=6))
    assert_fax_or_refusal(fax, bytes(document))


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"", b"%PDF-1.4\n", b"II*\0\x08\0\0\0"])
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_bytes_never_break_a_worker(fax, body, magic):
    assert_fax_or_refusal(fax, magic + body)


def test_a_fax_that_breaks_off_is_not_sent_as_if_whole(converter, tiff, tmp_path):
    cut = tmp_path / "cut.tif"
    shutil.copy(tiff, cut)
    with cut.open("r+b") as file:
        file.truncate(cut.stat().st_size - 2000)
    with pytest.raises(DocumentDamaged, match="cut off"):
        converter.convert(cut, tmp_path / "out.tif")
