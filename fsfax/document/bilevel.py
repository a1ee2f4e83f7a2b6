"""Grey to black and white: the choices that make a fax legible and short.

A page can hold three kinds of content, and each is treated differently.

*Lines and letters* are cut at one threshold and smoothed once. pdfium's grey is the share of a
pel that is covered. Half is a bad threshold, because thin strokes cover their pels only in part:
with `THRESHOLD` a pel is black when a third of it is covered. At standard, where a stroke is
hardly a row thick, the pels above and below count too: between white pels less ink is enough,
between black ones more is needed, so that the bars of e and t remain and their counters are not
filled. Then horizontal edges are smoothed: gaps of one or two pels in them are filled, and a
single pel that sticks out of a straight edge of at least five pels is removed. In T.6 each of
these costs two vertical codes and a pass or horizontal one, together 3 to 5 % of a page.

Character errors of tesseract on 20 half pages of small print (standard 8 and 9 point, fine 5 and
6 point), and bytes a page as MMR, compared with Ghostscript's tiffg4:

    standard  Ghostscript 0.53 % 27.6 kB    this 0.45 % 26.8 kB
    fine      Ghostscript 0.29 % 27.2 kB    this 0.26 % 25.8 kB   threshold alone 0.20 % 28.0 kB

Tried and not done, because legibility falls: removing every single pel that sticks out of an
edge (1 % of the bytes, errors up by half); the same on vertical edges, and copying doubtful pels
from the row above (up to 13 % of the bytes, errors twentyfold at standard); sharpening across the
rows (more bytes and more errors). Such an error figure is accurate to a quarter of itself,
because one line that is misread as a whole has much weight.

*Pictures*, that is images of more than one bit, are analysed in squares of 16 by 16 pels. Where
there is paper, a bright local background, everything is measured against it, so that shaded or
yellowed scans become white with black letters. Smooth middle tones are drawn with a clustered dot
screen at 45°, whose dots join into runs; error diffusion, with a dot for every pel, multiplies the
bytes.

*Tints*, flat middle greys that a program filled in, get the same screen, but with a white ring
around the letters on them, and the letters are cut at a threshold darker than the tint, so that
they remain legible.

tests/bench/bench_document.py prints the figures, with Ghostscript's next to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsfax.document.ccitt import Bits
from fsfax.document.edges import smooth_edges

Grey = NDArray[np.uint8]
"""Rows of pels, 0 is black and 255 white."""

Mask = NDArray[np.bool_]
Tiles = NDArray[Any]

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pels, the last two outside."""

THRESHOLD = 175
"""Greys below this are black. A lower threshold loses thin strokes, a higher one fills counters."""

_STANDARD_DPI = 98
_STANDARD_LOWEST = 154
"""The threshold at standard between black pels; between white ones it is 216."""

_BAND = 128  # Rows that are cut at a time.

_TILE = 16  # Pels along a side of the squares in which pictures and tints are analysed.
_PAPER = 140  # A square whose brightest grey is below this shows no paper.
_INK = 0.72  # Share of the paper's brightness below which a pel is ink.
_TONES = (50, 205)  # Smooth greys between these are tone.
_SMOOTH = 10  # The largest difference of smooth neighbours, noise included.
_TONE_SHARE = 0.45  # With a larger share of smooth tones a square is part of a picture.
_WHOLLY = 0.3  # With a larger share of such squares the whole image is a picture.
_CLOSE = 4  # Squares across which parts of a picture are joined.
_TINT_TONES = (45, 235)  # Flat greys between these are tint.
_FEW = 12  # Fewer flat pels in a sampled row are coincidence.
_FLAT = 2  # Rows and columns across which a tint is flat.
_SAMPLE = 8  # Every eighth row is searched for tints.
_MARGIN = 32  # Pels around the flat ones that belong to a band of tint.
_TINT_PELS = 24  # Flat pels that make a square tinted.
_TINT_INK = 0.72  # Share of the tint's brightness below which a pel is ink.

# A clustered dot screen of two dots in 8 by 8 pels, as ranks 1 to 32: 36 lines an inch at 45°.
_RANKS = np.array(
    [
        [13, 7, 8, 14, 17, 21, 22, 18],
        [6, 1, 3, 9, 28, 31, 29, 23],
        [5, 2, 4, 10, 27, 32, 30, 24],
        [16, 12, 11, 15, 20, 26, 25, 19],
        [17, 21, 22, 18, 13, 7, 8, 14],
        [28, 31, 29, 23, 6, 1, 3, 9],
        [27, 32, 30, 24, 5, 2, 4, 10],
        [20, 26, 25, 19, 16, 12, 11, 15],
    ]
)


def _levels(ranks: NDArray[Any]) -> Grey:
    return ((ranks - 0.5) * (255 / 32)).astype(np.uint8)


def _halved(ranks: NDArray[Any]) -> NDArray[Any]:
    """Return the screen at half the rows, ranked anew so that every level is as dark as before."""
    pairs = ranks[::2] * 2 + ranks[1::2] + np.arange(8) / 100
    order: NDArray[Any] = pairs.ravel().argsort().argsort().reshape(pairs.shape)
    return order + 1


_SCREENS = {
    98: _levels(_halved(_RANKS)),
    196: _levels(_RANKS),
    391: _levels(np.repeat(_RANKS, 2, axis=0)),
}


def bilevel(grey: Grey, y_dpi: int, pictures: Sequence[Rect] = ()) -> Bits:
    """Return a grey page as packed bits, 1 is black.

    Args:
        grey: the page as drawn.
        y_dpi: lines per inch (98, 196 or 391), for the threshold and the shape of the dots.
        pictures: the boxes of images of more than one bit.
    """
    plain = grey
    if pictures:
        plain = grey.copy()
        for left, top, right, bottom in pictures:
            plain[top:bottom, left:right] = 255
    bits = smooth_edges(_cut(plain, y_dpi))
    for rect in pictures:
        _overlay(bits, grey, rect, y_dpi, tints=False)
    for rect in tinted_bands(plain):
        _overlay(bits, plain, rect, y_dpi, tints=True)
    return bits


def _cut(grey: Grey, y_dpi: int) -> Bits:
    """Return lines and letters cut at the threshold; band by band, which fits the cache."""
    height, width = grey.shape
    bits = np.empty((height, (width + 7) // 8), np.uint8)
    for top in range(0, height, _BAND):
        band = grey[top : top + _BAND]
        threshold = _thresholds(grey, top) if y_dpi == _STANDARD_DPI else THRESHOLD
        bits[top : top + _BAND] = np.packbits(band < threshold, axis=1)
    return bits


def _thresholds(grey: Grey, top: int) -> Grey:
    """Return the thresholds of a band at standard: eighths of the grey above and below count."""
    first, last = max(0, top - 1), min(len(grey), top + _BAND + 1)
    rows = min(_BAND, len(grey) - top)
    # Beyond the page every pel is white.
    eighths = np.full((rows + 2, grey.shape[1]), 255 >> 3, np.uint8)
    np.right_shift(grey[first:last], np.uint8(3), out=eighths[first - top + 1 : last - top + 1])
    threshold = eighths[:-2] + eighths[2:]
    threshold += np.uint8(_STANDARD_LOWEST)
    return threshold


def tinted_bands(grey: Grey) -> list[Rect]:
    """Return the boxes of the page with flat middle greys: pels equal to those right and below.

    Every eighth row is searched. The soft edge of a letter is one pel thick, so it is never flat
    in both directions.
    """
    lowest, highest = _TINT_TONES
    rows = grey[:-_FLAT:_SAMPLE, :-_FLAT]
    flat = rows == grey[_FLAT::_SAMPLE, :-_FLAT][: len(rows)]
    flat &= rows == grey[:-_FLAT:_SAMPLE, _FLAT:]
    # Bytes wrap around, so that one comparison checks both ends.
    flat &= rows - np.uint8(lowest + 1) < highest - lowest - 1
    if np.count_nonzero(flat) < _FEW:
        return []
    found = np.flatnonzero(np.count_nonzero(flat, axis=1) >= _FEW)
    if not found.size:
        return []
    columns = np.flatnonzero(flat[found].any(axis=0))
    left, right = max(0, int(columns[0]) - _MARGIN), min(grey.shape[1], int(columns[-1]) + _MARGIN)
    cuts = np.flatnonzero(np.diff(found) > 2 * _MARGIN // _SAMPLE) + 1
    return [
        (
            left,
            max(0, int(band[0]) * _SAMPLE - _MARGIN),
            right,
            min(len(grey), int(band[-1]) * _SAMPLE + _MARGIN),
        )
        for band in np.split(found, cuts)
    ]


def _overlay(bits: Bits, grey: Grey, rect: Rect, y_dpi: int, *, tints: bool) -> None:
    """Draw a picture, or the tints of the page, into the bits in place."""
    left, top, right, bottom = rect
    left = left // 8 * 8
    if right - left < 1 or bottom - top < 1:
        return
    part = grey[top:bottom, left:right]
    screen = _screen(y_dpi, top, left)
    target = bits[top:bottom, left // 8 : (right + 7) // 8]
    height, width = target.shape
    mask = np.packbits(np.ones((1, right - left), np.bool_), axis=1)
    if tints:
        black, tinted = _tints(part, screen)
        mask = mask & tinted[:height, :width]
    else:
        black = _picture(part, screen)
    target ^= (target ^ black[:height, :width]) & mask


def _screen(y_dpi: int, top: int, left: int) -> Grey:
    """Return the thresholds of the dot screen for the part of the page that starts here."""
    return np.roll(_SCREENS[y_dpi], (-top, -left), axis=(0, 1))


def _screened(grey: Grey, screen: Grey) -> Bits:
    width = grey.shape[1]
    rows, columns = screen.shape
    tiled = np.tile(screen, (1, width // columns + 1))[:, :width]
    black = np.empty(grey.shape, np.bool_)
    for row in range(rows):
        np.less(grey[row::rows], tiled[row], out=black[row::rows])
    return np.packbits(black, axis=1)


def _whole_squares(grey: Grey) -> Grey:
    """Return the pels with the last squares, at the right and below, filled up with white."""
    height, width = grey.shape
    filled = np.full((height + -height % _TILE, width + -width % _TILE), 255, np.uint8)
    filled[:height, :width] = grey
    return filled


def _across(tiles: Tiles) -> Tiles:
    """Return the value of its square for every pel across, once for all rows of the squares."""
    return tiles.repeat(_TILE, axis=1)[:, None, :]


def _by_square(values: Tiles) -> Tiles:
    """Return the pels as (rows of squares, rows of a square, pels across)."""
    return values.reshape(-1, _TILE, values.shape[1])


def _count(mask: Mask, rows: int) -> NDArray[Any]:
    """Return how many pels of each square are set, in a mask with this many rows a square."""
    # A row of a square is two bytes.
    counts = np.bitwise_count(np.packbits(mask, axis=1).view(np.uint16))
    total: NDArray[Any] = counts.reshape(-1, rows, counts.shape[1]).sum(axis=1)
    return total


def _packed(tiles: Mask) -> NDArray[Any]:
    """Return the value of its square for every pel, as packed bits, once for all its rows."""
    return np.where(tiles, np.uint16(0xFFFF), np.uint16(0)).view(np.uint8)[:, None, :]


def _around(tiles: Tiles, reach: int = 1) -> Tiles:
    """Return the highest value among each square and its neighbours."""
    for axis in (0, 1):
        for _ in range(reach):
            moved = tiles.copy()
            before = [slice(None)] * 2
            after = [slice(None)] * 2
            before[axis], after[axis] = slice(1, None), slice(None, -1)
            moved[tuple(before)] = np.maximum(moved[tuple(before)], tiles[tuple(after)])
            moved[tuple(after)] = np.maximum(moved[tuple(after)], tiles[tuple(before)])
            tiles = moved
    return tiles


def _picture(grey: Grey, screen: Grey) -> Bits:
    """Return a picture as bits: letters on paper by a threshold, tones by the screen."""
    pels = _whole_squares(grey)
    # Not the brightest pel, which is noise, but the brightest pair of pels, one two rows below the
    # other. On noisy paper a tenth of the pels is brighter than the darker one of that pair.
    pairs = np.minimum(pels[::4], pels[2::4])
    paper = pairs.reshape(-1, _TILE // 4, pels.shape[1]).max(axis=1)
    paper = _around(paper.reshape(len(paper), -1, _TILE).max(axis=2), 2)
    white = np.maximum(paper, _PAPER)

    # Every second row is enough to find tones.
    rows = _TILE // 2
    some = pels[::2]
    lowest, highest = (_across((white * (tone / 255)).astype(np.uint8)) for tone in _TONES)
    squares = some.reshape(-1, rows, pels.shape[1])
    smooth = (squares > lowest) & (squares <= highest)
    # Bytes wrap around, so that one comparison checks both signs.
    step = some[:, 1:] - some[:, :-1]
    step += np.uint8(_SMOOTH - 1)
    smooth = smooth.reshape(some.shape)
    smooth[:, 1:] &= step < 2 * _SMOOTH - 1
    share = _count(smooth, rows) / (rows * _TILE)
    tone = (share > _TONE_SHARE) | (paper < _PAPER)
    # One square alone is no picture; a light square within a picture belongs to the picture.
    tone &= _crowd(tone) > 2  # noqa: PLR2004
    if tone.mean() > _WHOLLY:
        return _screened(grey, screen)
    tone = ~_around(~_around(tone, _CLOSE), _CLOSE)
    ink = _by_square(pels) < _across((white * _INK).astype(np.uint8))
    black = np.packbits(ink, axis=2)
    if tone.any():
        toned = _by_square(_screened(pels, screen))
        black ^= (black ^ toned) & _packed(tone)
    return black.reshape(len(pels), -1)


def _crowd(tiles: Mask) -> NDArray[np.uint8]:
    """Return how many squares are set among each square and its eight neighbours."""
    padded = np.pad(tiles.astype(np.uint8), 1, mode="edge")
    height, width = tiles.shape
    total = np.zeros(tiles.shape, np.uint8)
    for down in range(3):
        for across in range(3):
            total += padded[down : down + height, across : across + width]
    return total


def _tints(grey: Grey, screen: Grey) -> tuple[Bits, Bits]:
    """Return tints with the letters on them, and the mask of the tinted squares."""
    lowest, highest = _TINT_TONES
    pels = _whole_squares(grey)
    flat = np.zeros(pels.shape, np.bool_)
    middle, inner = pels[:-_FLAT, :-_FLAT], flat[:-_FLAT, :-_FLAT]
    np.equal(middle, pels[:-_FLAT, _FLAT:], out=inner)
    inner &= middle == pels[_FLAT:, :-_FLAT]
    inner &= middle > lowest
    inner &= middle < highest
    tinted = _count(flat, _TILE) >= _TINT_PELS
    level = _by_square(pels * flat).max(axis=1).reshape(len(tinted), -1, _TILE).max(axis=2)
    level = _around(level * tinted)
    ink = _by_square(pels) < _across(np.ceil(level * _TINT_INK).astype(np.uint8))
    ink = ink.reshape(pels.shape)
    ring = _grown(ink)
    ring |= pels >= 250  # noqa: PLR2004
    black = np.packbits(ink, axis=1) | (_screened(pels, screen) & ~np.packbits(ring, axis=1))
    return black, _packed(level > 0).repeat(_TILE, axis=1).reshape(black.shape)


def _grown(mask: Mask) -> Mask:
    """Return the mask grown by two pels on all sides."""
    grown = mask.copy()
    for reach in (1, 2):
        grown[reach:] |= mask[:-reach]
        grown[:-reach] |= mask[reach:]
    wide = grown.copy()
    for reach in (1, 2):
        wide[:, reach:] |= grown[:, :-reach]
        wide[:, :-reach] |= grown[:, reach:]
    return wide
