"""The legibility of a fax: tesseract's character error against the text of the page."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
AVAILABLE = shutil.which("tesseract") is not None


def character_error(pages: Sequence[np.ndarray], y_dpi: int, texts: Sequence[str]) -> float:
    """Return the edits per character over all pages.

    Args:
        pages: arrays of pels, 0 is black and 255 white, 204 to the inch across.
        y_dpi: lines per inch; rows are doubled at standard.
        texts: the text of each page; blanks and line breaks count as one blank.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = list(pool.map(lambda page: _read(page, y_dpi), pages))
    edits = sum(
        _distance(_plain(text), _plain(seen)) for text, seen in zip(texts, read, strict=True)
    )
    return edits / sum(len(_plain(text)) for text in texts)


def _read(page: np.ndarray, y_dpi: int) -> str:
    image = Image.fromarray(np.repeat(page, round(196 / y_dpi) or 1, axis=0))
    image = image.resize((image.width * 3 // 2, image.height * 3 // 2), Image.Resampling.BICUBIC)
    png = io.BytesIO()
    image.save(png, "PNG", dpi=(306, 294))
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", "6", "-l", "eng"],
        input=png.getvalue(),
        capture_output=True,
        check=True,
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
    )
    return done.stdout.decode()


def _plain(text: str) -> str:
    return " ".join(text.translate(_QUOTES).split())


def _distance(one: str, two: str) -> int:
    """Levenshtein's distance by Myers' bit vectors (as Hyyrö has them), in long integers."""
    if not one:
        return len(two)
    places: dict[str, int] = {}
    for index, char in enumerate(one):
        places[char] = places.get(char, 0) | 1 << index
    everything = (1 << len(one)) - 1
    last = 1 << (len(one) - 1)
    plus, minus, distance = everything, 0, len(one)
    for char in two:
        equal = places.get(char, 0)
        down = equal | minus
        across = (((equal & plus) + plus) ^ plus) | equal
        rise = minus | ~(across | plus) & everything
        fall = plus & across
        distance += bool(rise & last) - bool(fall & last)
        rise = (rise << 1 | 1) & everything
        fall = fall << 1 & everything
        plus = fall | ~(down | rise) & everything
        minus = rise & down
    return distance
