"""From grey to black and white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fsfax.document.ccitt import Bits

Grey = NDArray[np.uint8]
"""Rows of pels, 0 is black and 255 white."""

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pels, the last two outside."""

THRESHOLDS = {98: 210, 196: 180, 391: 150}


def bilevel(grey: Grey, y_dpi: int, pictures: Sequence[Rect] = ()) -> Bits:
    """Turn a grey page into packed bits, 1 is black."""
    return np.packbits(grey < THRESHOLDS[y_dpi], axis=1)
