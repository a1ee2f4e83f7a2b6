"""Fax pages: drawn, copied where they are coded already, padded with white rows."""

from __future__ import annotations

import numpy as np
import pytest

from fsfax.document import (
    ccitt,
    read_pages,
    tiff_f,
)


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
