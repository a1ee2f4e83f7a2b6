"""Smoothing of horizontal edges: what makes a fax short without making it less legible.

`fsfax.document.bilevel` says what that is worth. It is done in C (edges.c), row by row within the
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
    """Fill gaps of one or two pels in horizontal edges, and take away pels that stick out.

    A gap has black on both sides and along one of its other sides, and nothing but white along
    the opposite one. A pel sticks out that has nothing beside it within two pels, five black
    ones along one side of it, and white on the opposite side. Both ways give the same bits.

    Args:
        bits: packed rows, 1 is black; changed in place.

    Returns:
        The same bits.
    """
    smooth = _compiled()
    # The library writes rows one behind the other; 0 says that they are too long for it.
    if smooth is None or not bits.flags.c_contiguous or not bits.size:
        return smooth_with_numpy(bits)
    if not smooth(bits.ctypes.data, len(bits), bits.shape[1]):
        return smooth_with_numpy(bits)
    return bits


def available() -> bool:
    """Whether the quicker way was compiled."""
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
    """`smooth_edges` without the compiled way."""
    # White rows stay white, and a third of a full page is white: only rows with ink and those
    # around them are looked at, as if they were one below the other.
    inked = np.zeros(len(bits) + 2, np.bool_)
    inked[1:-1] = bits.any(axis=1)
    rows = np.flatnonzero(inked[:-2] | inked[1:-1] | inked[2:])
    if not rows.size:
        return bits
    # A white row above and one below, so that the rows around a row are views of one array, and
    # white at the end of each row, a word or more: see `_from_left`.
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
    """Each pel's left neighbour in its place.

    The pels are the bits of words, the leftmost one highest, and the rows are one run of words:
    what is carried out of the end of one would come into the next, so it has to be white there.
    """
    moved = page >> _WORD(1)
    moved.reshape(-1)[1:] |= page.reshape(-1)[:-1] << _WORD(63)
    return moved


def _from_right(page: Words) -> Words:
    moved = page << _WORD(1)
    moved.reshape(-1)[:-1] |= page.reshape(-1)[1:] >> _WORD(63)
    return moved
