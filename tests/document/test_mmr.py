"""The coder in C makes the bytes of libtiff, and is not needed."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsfax.document import ccitt, mmr
from tests.document.bitmaps import bitmaps, page_of_lines

quick = pytest.mark.skipif(
    not mmr.available(), reason="fsfax was installed without a C compiler (see pyproject.toml)"
)


libtiff = ccitt._libtiff()


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
def test_pages_wider_than_a_fax_are_left_to_libtiff(width, rows):
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
