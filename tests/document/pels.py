"""Fax pages as arrays of pels, to be compared with what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsfax.document import FaxBitmap, read_pages
from fsfax.errors import ConversionFailed, DocumentError


@dataclass
class Pels:
    """A decoded page as an array of black pels, and what can be measured in it."""

    black: np.ndarray
    bitmap: FaxBitmap

    @property
    def share(self) -> float:
        return float(self.black.mean())

    def corner(self) -> str:
        """The quarter of the page with the most ink, as 'upper left' and so on."""
        height, width = self.black.shape
        quarters = {
            f"{down} {across}": self.black[rows, columns].sum()
            for down, rows in (
                ("upper", slice(0, height // 2)),
                ("lower", slice(height // 2, None)),
            )
            for across, columns in (
                ("left", slice(0, width // 2)),
                ("right", slice(width // 2, None)),
            )
        }
        return max(quarters, key=lambda name: quarters[name])

    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the ink, the last two inside."""
        rows, columns = np.flatnonzero(self.black.any(1)), np.flatnonzero(self.black.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def pels(tiff: Path) -> list[Pels]:
    return [
        Pels(np.unpackbits(page.bits, axis=1)[:, : page.width].astype(bool), page)
        for page in read_pages(tiff)
    ]


def assert_fax_or_refusal(fax: Callable[..., list[Pels]], document: bytes) -> None:
    """Check that bytes become a fax or an error of the document, and that no worker crashes."""
    failure: DocumentError | None = None
    pages: list[Pels] = []
    try:
        pages = fax(document)
    except DocumentError as error:
        failure = error
    assert bool(pages) != bool(failure)
    assert not isinstance(failure, ConversionFailed)
