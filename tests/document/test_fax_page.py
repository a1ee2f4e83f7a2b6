"""Fax pages: drawn, copied where they are coded already, padded with white rows."""

from __future__ import annotations

import numpy as np
import pytest

from fsfax.document import ccitt, read_pages, tiff_f
from fsfax.document.fax_page import EncodedPage, encode_page, white_rows_at_foot, with_white_foot
from fsfax.document.geometry import RESOLUTIONS, Placement


def test_a_strip_that_fits_is_copied_and_not_coded_anew(converter, tmp_path):
    bits = np.zeros((1200, 216), np.uint8)
    bits[100:300, 20:60] = 0xFF
    strip = ccitt.encode(bits, 1728, "mmr") + b"\0\0\0\0"  # another coder's filling
    source, target = tmp_path / "1.tif", tmp_path / "2.tif"
    source.write_bytes(tiff_f.write([tiff_f.FaxPage(1728, 1200, strip, "mmr", 204, 196)]))
    (page,) = converter.convert(source, target).pages
    assert page.bytes == len(strip)
    assert source.read_bytes() == target.read_bytes()


@pytest.mark.parametrize("coding", ["mmr", "mh"])
@pytest.mark.parametrize("white", [0, 5, 31])
def test_a_fax_with_ink_at_its_foot_gets_white_rows_below(converter, tmp_path, coding, white):
    bits = np.random.default_rng(1).integers(0, 256, (1500, 216), dtype=np.uint8)
    bits[1500 - white :] = 0
    source, out = tmp_path / "in.tif", tmp_path / "out.tif"
    strip = ccitt.encode(bits, 1728, coding)
    source.write_bytes(tiff_f.write([tiff_f.FaxPage(1728, 1500, strip, coding, 204, 196)]))
    (converted,) = converter.convert(source, out, coding="mmr").pages
    (page,) = read_pages(out)
    assert page.height == converted.height == 1500 + 32 - white
    assert np.array_equal(page.bits[:1500], bits)
    assert not page.bits[1500:].any()


def rows(*inked: int, height: int = 10) -> np.ndarray:
    bits = np.zeros((height, 216), np.uint8)
    bits[list(inked), 7] = 1
    return bits


@pytest.mark.parametrize(
    ("bits", "most", "white"),
    [
        (rows(), 4, 4),
        (rows(), 10, 10),
        (rows(), 32, 10),  # a page shorter than the header
        (rows(9), 4, 0),
        (rows(7), 4, 2),
        (rows(0), 4, 4),
        (rows(0), 32, 9),
        (rows(2, 5), 32, 4),
    ],
)
def test_white_rows_at_the_foot_are_counted(bits, most, white):
    assert white_rows_at_foot(bits, most) == white


@pytest.mark.parametrize("inked", [0, 5, 9])
def test_only_missing_white_rows_are_added(inked):
    bits = rows(inked)
    padded = with_white_foot(bits, 4)
    assert len(padded) == max(10, inked + 1 + 4)
    assert np.array_equal(padded[:10], bits)
    assert not padded[10:].any()


class GreySource:
    """A source of one page: a black bar and a grey picture, and a strip if one is given."""

    ready: bytes | None = None

    def strip(self, placement, coding):
        return self.ready

    def draw(self, placement):
        grey = np.full((placement.height, placement.width), 255, np.uint8)
        grey[100:110, 200:900] = 0
        grey[300:400, 200:400] = 128
        return grey, [(200, 300, 400, 400)]


PLACEMENT = Placement(0, 1728, 1200, 0, 0, 1728, 1200, turn=0, scale=1.0)


@pytest.mark.parametrize("coding", ["mmr", "mh"])
def test_a_page_is_drawn_made_black_and_white_and_coded(coding):
    coded = encode_page(GreySource(), PLACEMENT, RESOLUTIONS["fine"], coding)
    assert coded.rows == 1200
    bits, whole = ccitt.decode(coded.strip, 1728, 1200, coding)
    pels = np.unpackbits(bits, axis=1)
    assert whole
    assert pels[100:110, 200:900].all()
    assert 0.4 < pels[300:400, 200:400].mean() < 0.6  # the picture is screened
    assert not pels[500:].any()


def test_a_strip_of_the_source_is_copied():
    source = GreySource()
    source.ready = b"strip"
    assert encode_page(source, PLACEMENT, RESOLUTIONS["fine"], "mmr") == EncodedPage(b"strip", 1200)
