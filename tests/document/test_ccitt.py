"""MH, MR and MMR: lossless, the same bytes by libtiff and Pillow, broken strips decoded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsfax.document import ccitt, mmr
from fsfax.errors import DocumentDamaged
from tests.document.bitmaps import bitmaps, page_of_lines


@given(bitmaps(), st.sampled_from(["mmr", "mh", "mr"]))
@settings(deadline=None)
def test_what_is_coded_comes_back(bitmap, coding):
    bits, width = bitmap
    strip = ccitt.encode(bits, width, coding)
    back, whole = ccitt.decode(strip, width, len(bits), coding)
    assert whole
    assert np.array_equal(back, bits)


@given(bitmaps(), st.sampled_from(["mmr", "mh"]))
@settings(deadline=None, max_examples=40)
def test_pillow_gives_the_same_strips_as_libtiff(bitmap, coding):
    bits, width = bitmap
    strip = ccitt.encode(bits, width, coding)
    assert ccitt._encode_with_pillow(bits, width, coding) == strip
    page = ccitt._single_page(strip, width, len(bits), coding)
    back, whole = ccitt._decode_with_pillow(page, width, len(bits))
    assert whole
    assert np.array_equal(back, bits)


def test_pillow_is_used_where_there_is_no_libtiff(monkeypatch):
    bits = np.full((20, 216), 0xF0, np.uint8)
    wanted = ccitt.encode(bits, 1728, "mmr")
    monkeypatch.setattr(ccitt, "_libtiff", lambda: None)
    monkeypatch.setattr(mmr, "encode", lambda *_: None)
    assert ccitt.encode(bits, 1728, "mmr") == wanted
    back, whole = ccitt.decode(wanted, 1728, 20, "mmr")
    assert whole
    assert np.array_equal(back, bits)


@pytest.mark.parametrize("coding", ["mmr", "mh", "mr"])
def test_a_strip_broken_off_gives_the_rows_before_the_break(coding):
    bits = page_of_lines()
    strip = ccitt.encode(bits, 1728, coding)
    back, whole = ccitt.decode(strip[: len(strip) // 2], 1728, 400, coding)
    assert not whole
    assert np.array_equal(back[:180], bits[:180])


@given(st.binary(max_size=400), st.sampled_from(["mmr", "mh", "mr"]))
@settings(deadline=None)
def test_any_bytes_decode_to_a_page_or_to_an_error(strip, coding):
    try:
        bits, _ = ccitt.decode(strip, 64, 30, coding)
    except DocumentDamaged:
        return
    assert bits.shape == (30, 8)


def test_mh_has_an_eol_on_a_byte_before_every_row_and_no_rtc():
    strip = ccitt.encode(np.zeros((5, 216), np.uint8), 1728, "mh")
    line = ccitt.reverse_bits(strip)  # as numbers, first bit highest
    # EOL (eleven 0 and a 1, filled to end on a byte), white 1728 (010011011), white 0 (00110101).
    row = "0000000000000001" + "010011011" + "00110101"
    bits = "".join(f"{byte:08b}" for byte in line)
    assert bits.startswith(row)
    assert bits.count("000000000001") == 5


def test_mmr_of_a_white_page_is_a_bit_a_row_and_eofb():
    line = ccitt.reverse_bits(ccitt.encode(np.zeros((16, 216), np.uint8), 1728, "mmr"))
    assert line[:5].hex() == "ffff001001"


def test_a_bitmap_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="1728 pels"):
        ccitt.encode(np.zeros((5, 215), np.uint8), 1728, "mmr")
