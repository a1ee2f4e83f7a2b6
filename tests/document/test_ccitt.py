"""MH and MMR: lossless, the same bytes by every coder, and patient with broken strips."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fsfax.document import ccitt, mmr
from fsfax.errors import DocumentDamaged

quick = pytest.mark.skipif(
    not mmr.available(), reason="fsfax was installed without a C compiler (see pyproject.toml)"
)
libtiff = ccitt._libtiff()


@st.composite
def bitmaps(draw):
    width = draw(st.sampled_from([8, 13, 64, 1728]))
    height = draw(st.integers(1, 40))
    if draw(st.booleans()):
        rows = draw(hnp.arrays(np.uint8, (height, ccitt.row_bytes(width))))
    else:
        seed = draw(st.integers(0, 2**32 - 1))
        rows = np.random.default_rng(seed).integers(
            0, 256, (height, ccitt.row_bytes(width)), dtype=np.uint8
        )
    if width % 8:
        rows[:, -1] &= 0xFF << (8 - width % 8) & 0xFF
    return rows, width


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
def test_without_a_libtiff_of_its_own_the_strips_are_the_same(bitmap, coding):
    bits, width = bitmap
    strip = ccitt.encode(bits, width, coding)
    assert ccitt._encode_with_pillow(bits, width, coding) == strip
    page = ccitt._single_page(strip, width, len(bits), coding)
    back, whole = ccitt._decode_with_pillow(page, width, len(bits))
    assert whole
    assert np.array_equal(back, bits)


def test_the_fallback_is_taken_where_there_is_no_library(monkeypatch):
    bits = np.full((20, 216), 0xF0, np.uint8)
    wanted = ccitt.encode(bits, 1728, "mmr")
    monkeypatch.setattr(ccitt, "_libtiff", lambda: None)
    monkeypatch.setattr(mmr, "encode", lambda *_: None)
    assert ccitt.encode(bits, 1728, "mmr") == wanted
    back, whole = ccitt.decode(wanted, 1728, 20, "mmr")
    assert whole
    assert np.array_equal(back, bits)


def with_libtiff(bits, width):
    assert libtiff is not None
    return ccitt._encode_with_libtiff(libtiff, bits, width, "mmr")


@st.composite
def rows_of_runs(draw):
    """Rows much like the one above, as on a page: every mode of T.6 and every run."""
    width = draw(st.sampled_from([1, 8, 13, 63, 64, 65, 200, 1728, 2048, 2432, 2559]))
    edges = sorted(draw(st.sets(st.integers(0, width), max_size=40)))
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        row = np.zeros(width + 1, np.uint8)
        row[edges] = 1
        rows.append(np.bitwise_xor.accumulate(row)[:width])
        moved = (edge + draw(st.integers(-4, 4)) for edge in edges)
        edges = sorted({edge for edge in moved if 0 <= edge <= width})
        edges = edges[draw(st.integers(0, 3)) : len(edges) - draw(st.integers(0, 3))]
    return np.packbits(np.array(rows), axis=1), width


@quick
@given(st.one_of(bitmaps(), rows_of_runs()))
@settings(deadline=None, max_examples=300)
def test_the_coder_in_c_makes_the_bytes_of_libtiff(bitmap):
    bits, width = bitmap
    strip = with_libtiff(bits, width)
    assert mmr.encode(bits, width) == strip
    # What is beyond the width is not looked at.
    bits[:, -1] |= (1 << -width % 8) - 1
    assert mmr.encode(bits, width) == strip


@quick
@pytest.mark.parametrize("width", [1728, 2048, 2432])
def test_every_run_of_both_colours_is_coded_as_libtiff_does(width):
    for length in range(width + 1):
        rows = np.zeros((5, width), np.uint8)
        rows[1, :length] = rows[3, width - length :] = 1
        bits = np.packbits(rows, axis=1)
        assert mmr.encode(bits, width) == with_libtiff(bits, width)


@quick
def test_a_page_that_grows_by_coding_is_left_to_libtiff():
    columns = np.packbits(np.indices((600, 1728)).sum(axis=0) % 2, axis=1).astype(np.uint8)
    columns[1::2] = 0
    strip = ccitt.encode(columns, 1728, "mmr")
    assert len(strip) > 2 * columns.nbytes
    assert mmr.encode(columns, 1728) is None
    assert strip == with_libtiff(columns, 1728)


@quick
@pytest.mark.parametrize(("width", "rows"), [(2560, 3), (20_000, 3), (0, 3)])
def test_what_is_no_fax_page_is_left_to_libtiff(width, rows):
    assert mmr.encode(np.zeros((rows, ccitt.row_bytes(width)), np.uint8), width) is None


@pytest.mark.parametrize("compiled", ["nothing", "for another machine"])
def test_without_a_compiler_the_strips_are_the_same(monkeypatch, tmp_path, compiled):
    bits = page_of_lines()
    wanted = ccitt.encode(bits, 1728, "mmr")
    other = tmp_path / "_mmr.so"
    other.write_bytes(b"\x7fELF")
    found = None
    if compiled != "nothing":
        found = importlib.util.spec_from_file_location("fsfax.document._mmr", other)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    mmr._coder.cache_clear()
    try:
        assert not mmr.available()
        assert ccitt.encode(bits, 1728, "mmr") == wanted
    finally:
        mmr._coder.cache_clear()


def page_of_lines() -> np.ndarray:
    bits = np.zeros((400, 216), np.uint8)
    bits[::7, 20:180] = np.random.default_rng(3).integers(0, 256, 160, dtype=np.uint8)
    return bits


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
