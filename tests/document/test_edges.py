"""Horizontal edges: what is filled and removed, with the same bits from C and from numpy."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsfax.document import edges
from fsfax.document.edges import smooth_edges, smooth_with_numpy

quick = pytest.mark.skipif(
    not edges.available(), reason="fsfax was installed without a C compiler (see pyproject.toml)"
)


@st.composite
def bitmaps(draw):
    """Blots with ragged edges, white rows between them, and noise of any darkness."""
    width = draw(st.sampled_from([1, 2, 7, 8, 9, 16, 17, 216, 304, 511, 512]))
    height = draw(st.integers(0, 24))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    black = chance.random((height, width * 8)) < draw(st.sampled_from([0.02, 0.3, 0.6, 0.9]))
    if draw(st.booleans()):  # runs, with a pel in or out here and there
        black = np.repeat(np.repeat(black[::3, ::9], 3, axis=0), 9, axis=1)
        black = black[:height, : width * 8] ^ (chance.random((height, width * 8)) < 0.03)
    for row in draw(st.sets(st.integers(0, 23))):
        black[row : row + 1] = False
    return np.packbits(black, axis=1)


@quick
@given(bitmaps())
@settings(deadline=None, max_examples=400)
def test_both_ways_give_the_same_bits(bits):
    wanted = smooth_with_numpy(bits.copy())
    room = np.full(bits.size + 64, 0xA5, np.uint8)  # the bytes around the page must not change
    page = room[32:-32].reshape(bits.shape)
    page[:] = bits
    assert smooth_edges(page) is page
    assert np.array_equal(page, wanted)
    assert (room[:32] == 0xA5).all()
    assert (room[-32:] == 0xA5).all()


@pytest.mark.parametrize("shape", [(0, 216), (20, 0), (20, 513), (1, 1)])
def test_pages_of_any_size(shape):
    bits = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(smooth_edges(bits.copy()), smooth_with_numpy(bits.copy()))


def test_a_part_of_a_page_is_changed_in_place():
    page = np.random.default_rng(1).integers(0, 256, (60, 216), dtype=np.uint8)
    wanted = page.copy()
    wanted[:, 10:40] = smooth_with_numpy(page[:, 10:40].copy())
    smooth_edges(page[:, 10:40])
    assert np.array_equal(page, wanted)


def test_without_a_compiler_numpy_does_it(monkeypatch):
    bits = np.random.default_rng(1).integers(0, 256, (60, 216), dtype=np.uint8)
    wanted = smooth_edges(bits.copy())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    edges._compiled.cache_clear()
    try:
        assert not edges.available()
        assert np.array_equal(smooth_edges(bits.copy()), wanted)
    finally:
        edges._compiled.cache_clear()


def pack(*rows: str) -> np.ndarray:
    black = np.array([[char == "#" for char in row] for row in rows])
    return np.packbits(black, axis=1)


def show(bits: np.ndarray) -> list[str]:
    return ["".join(".#"[bit] for bit in row) for row in np.unpackbits(bits, axis=1)]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            ["................", "....###.####....", "....########....", "................"],
            ["................", "....########....", "....########....", "................"],
            "a gap in an upper edge, at the border of two bytes",
        ),
        (
            ["....########....", "....####.###....", "................", "................"],
            ["....########....", "....########....", "................", "................"],
            "a gap in a lower edge, at the border of two bytes",
        ),
        (
            ["................", "....###..###....", "....########....", "................"],
            ["................", "....########....", "....########....", "................"],
            "a gap of two, across the border of two bytes",
        ),
        (
            ["....########....", "....###..###....", "................", "................"],
            ["....########....", "....########....", "................", "................"],
            "a gap of two in a lower edge",
        ),
        (
            ["................", "....##...###....", "....########....", "................"],
            ["................", "....##...###....", "....########....", "................"],
            "a gap of three stays",
        ),
        (
            ["................", ".......#........", "....########....", "....########...."],
            ["................", "................", "....########....", "....########...."],
            "a pel that sticks out of a straight edge",
        ),
        (
            ["....########....", "....########....", "........#.......", "................"],
            ["....########....", "....########....", "................", "................"],
            "the same below",
        ),
        (
            ["................", ".......#........", "......###.......", "......###......."],
            ["................", ".......#........", "......###.......", "......###......."],
            "the tip of a letter stays",
        ),
        (
            [".......#........", ".......#........", "....########....", "................"],
            [".......#........", ".......#........", "....########....", "................"],
            "a stroke on a bar stays",
        ),
        (
            ["......#.........", "....###.####....", "....########....", "................"],
            ["......#.........", "....###.####....", "....########....", "................"],
            "a corner that touches another stroke stays",
        ),
        (
            ["....########....", "....###.####....", "....########....", "................"],
            ["....########....", "....###.####....", "....########....", "................"],
            "a hole stays: it may be the hole of an e",
        ),
        (
            ["................", "....###.####....", "....########....", "....########...."],
            ["................", "....########....", "....########....", "....########...."],
            "a gap in an edge",
        ),
        (
            [".......#........", ".......#........", ".......#........", ".......#........"],
            [".......#........", ".......#........", ".......#........", ".......#........"],
            "a thin line stays",
        ),
        (
            ["................", ".......#........", "................", "................"],
            ["................", ".......#........", "................", "................"],
            "a dot stays: it may be the dot of an i",
        ),
        (
            ["................", "....#.#.#.#.....", "................", "................"],
            ["................", "....#.#.#.#.....", "................", "................"],
            "a dotted line stays",
        ),
    ],
)
def test_gaps_are_filled_and_single_pels_removed(before, after, why):
    assert show(smooth_edges(pack(*before))) == after


def test_edges_do_not_see_past_white_rows():
    chance = np.random.default_rng(3)
    blocks = [np.packbits(chance.random((5, 96)) < 0.6, axis=1) for _ in range(4)]
    alone = [smooth_edges(np.pad(block, ((2, 2), (0, 0))))[2:-2] for block in blocks]
    assert any((after != before).any() for after, before in zip(alone, blocks, strict=True))

    for gap in (1, 2, 3):
        page = np.concatenate([np.pad(block, ((gap, 0), (0, 0))) for block in blocks])
        expected = np.concatenate([np.pad(block, ((gap, 0), (0, 0))) for block in alone])
        assert (smooth_edges(page) == expected).all()
