"""Horizontal edges smoothed, which makes a fax shorter and no less legible.

`fsfax.document.bilevel` gives the figures. The work is done in C (edges.c), row by row within the
processor's cache, in less than half of the time that numpy takes for some thirty passes over the
page; numpy does it where fsfax was installed without a compiler.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fsfax.document import compiled
from fsfax.document.ccitt import Bits

Words = NDArray[np.uint64]

_WORD = np.uint64
_IN_FILE = np.dtype(">u8")  # The first byte has the leftmost pels.


def smooth_edges(bits: Bits) -> Bits:
    """Fill gaps of one or two pels in horizontal edges, and remove single pels that stick out.

    A gap has black pels left and right of it, black pels along it in the row above or below, and
    in the other of these rows only white ones, from the pel before the gap to the pel after it. A
    pel that sticks out has only white pels within two pels left and right of it, five black ones
    along it in the row above or below, and a white one in the other of these rows. C and numpy
    give the same bits.

    Args:
        bits: packed rows, 1 is black; changed in place.

    Returns:
        The same bits.
    """
    smooth = _compiled()
    # The library needs contiguous rows; it returns 0 if they are too long for it.
    if smooth is None or not bits.flags.c_contiguous or not bits.size:
        return smooth_with_numpy(bits)
    if not smooth(bits.ctypes.data, len(bits), bits.shape[1]):
        return smooth_with_numpy(bits)
    return bits


def available() -> bool:
    """Return whether the C code was compiled."""
    return _compiled() is not None


@functools.cache
def _compiled() -> Callable[..., int] | None:
    library = compiled.load("_edges")
    if library is None:
        return None
    function = library.fsfax_smooth
    function.restype = ctypes.c_int
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function


def smooth_with_numpy(bits: Bits) -> Bits:
    """Do what `smooth_edges` does, with numpy alone."""
    # White rows stay white, and a third of a full page is white: only rows with ink and the rows
    # next to them are processed, put one below the other.
    inked = np.zeros(len(bits) + 2, np.bool_)
    inked[1:-1] = bits.any(axis=1)
    rows = np.flatnonzero(inked[:-2] | inked[1:-1] | inked[2:])
    if not rows.size:
        return bits
    # A white row above and one below, so that the rows next to a row are views of one array, and
    # at least one white word at the end of each row: see `_from_left`.
    width = bits.shape[1]
    padded = np.zeros((len(rows) + 2, (width // 8 + 2) * 8), np.uint8)
    padded[1:-1, :width] = bits[rows]
    page = padded.view(_IN_FILE).astype(_WORD)
    above, below = page[:-2], page[2:]
    left, right = _from_left(page), _from_right(page)
    second_left, second_right = _from_left(left), _from_right(right)

    near = left | right
    three_white = ~(near | page)
    near |= second_left
    near |= second_right
    four_white = three_white & ~second_right
    five_black = left & right
    five_black &= page
    five_black &= second_left
    five_black &= second_right

    stray = five_black[2:] & ~above
    stray |= five_black[:-2] & ~below
    stray &= ~near[1:-1]

    gap = below & three_white[:-2]
    gap |= above & three_white[2:]
    gap &= left[1:-1]
    gap &= right[1:-1]

    # The left pel of a gap of two; its right neighbour is below or above too.
    pair = below & right[2:] & four_white[:-2]
    pair |= above & right[:-2] & four_white[2:]
    pair &= left[1:-1]
    pair &= second_right[1:-1]

    gap |= pair
    gap |= _from_left(pair)
    part = page[1:-1]
    part |= gap
    part &= ~stray
    bits[rows] = part.astype(_IN_FILE).view(np.uint8)[:, :width]
    return bits


def _from_left(page: Words) -> Words:
    """Return the page with each pel replaced by its left neighbour.

    The pels are the bits of words, the leftmost one highest, and the rows are one run of words:
    a bit shifted out at the end of a row enters the next row, so that end has to be white.
    """
    moved = page >> _WORD(1)
    moved.reshape(-1)[1:] |= page.reshape(-1)[:-1] << _WORD(63)
    return moved


def _from_right(page: Words) -> Words:
    """Return the page with each pel replaced by its right neighbour."""
    moved = page << _WORD(1)
    moved.reshape(-1)[:-1] |= page.reshape(-1)[1:] >> _WORD(63)
    return moved
