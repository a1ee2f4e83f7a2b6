"""Bitmaps of any pels, for the coders; made by hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fsfax.document import ccitt


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


def page_of_lines() -> np.ndarray:
    bits = np.zeros((400, 216), np.uint8)
    bits[::7, 20:180] = np.random.default_rng(3).integers(0, 256, 160, dtype=np.uint8)
    return bits
