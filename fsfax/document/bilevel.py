"""From grey to black and white: what makes a fax legible, and what makes it short.

Three things can be on a page, and each is treated in its own way.

*Lines and letters* get one threshold and one cleaning. pdfium's grey says how much of a pel is
covered; half covered is a bad place to cut, because thin strokes are never covered by more than
a part. With `THRESHOLD` a pel turns black when a third of it is covered. At standard, where a
stroke is hardly a row thick, the pels above and below count too: between white ones less ink
will do, between black ones more is needed, so that the bars of e and t stay and their holes do
not fill. Then horizontal edges are smoothed: gaps of one or two pels in them are filled, and a
single pel that sticks out of a straight one, at least five pels long, is taken away. In T.6 each
of these costs two vertical codes and a pass or horizontal one, together 3 to 5 % of a page.

Character errors of tesseract on 20 half pages of small print (standard 8 and 9 point, fine 5 and
6 point), and bytes a page as MMR, with Ghostscript's tiffg4 beside them:

    standard  Ghostscript 0.53 % 27.6 kB    this 0.45 % 26.8 kB
    fine      Ghostscript 0.29 % 27.2 kB    this 0.26 % 25.8 kB   threshold alone 0.20 % 28.0 kB

Tried and not done, because legibility pays for it: taking away every single pel that sticks out
of an edge (1 % of the bytes, errors up by half); the same on vertical edges, and carrying doubtful
pels down from the row above (up to 13 %, errors twentyfold at standard); sharpening across the
rows (more bytes and more errors). One such figure is good to a quarter of itself, because a line
misread as a whole weighs much.

*Pictures*, that is images of more than one bit, are looked at in squares. Where there is paper,
which is a bright local background, everything is measured against it, so that shaded or yellowed
scans come out white with black letters. Where there are smooth middle tones they are drawn with
a clustered dot screen at 45°, whose dots join into runs; error diffusion, with a dot for every
pel, multiplies the bytes.

*Tints*, flat middle greys that a program filled in, get the same screen, but with a white ring
around the letters on them, and the letters are cut below the tint, so that they stay legible.

The figures, with Ghostscript's beside them, are printed by tests/bench/bench_document.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsfax.document.ccitt import Bits

Grey = NDArray[np.uint8]
"""Rows of pels, 0 is black and 255 white."""

Mask = NDArray[np.bool_]
Tiles = NDArray[Any]

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pels, the last two outside."""

THRESHOLD = 175
"""Greys below are black. Lower ones thin strokes away, higher ones fill the counters of e and a."""

_STANDARD_DPI = 98
_STANDARD_LOWEST = 154
"""The threshold at standard between black pels; between white ones it is 216."""

_TILE = 16
_PAPER = 140  # A brightest grey below this is no paper.
_INK = 0.72  # Of the paper's brightness: below it is ink.
_TONES = (50, 205)  # Smooth greys in between are tone.
_SMOOTH = 10  # The most that smooth neighbours differ, noise included.
_TONE_SHARE = 0.45  # Share of such pels that makes a square a picture.
_WHOLLY = 0.3  # With this share of such squares all of an image is a picture.
_CLOSE = 4  # Squares across which parts of a picture are joined.
_TINT_TONES = (45, 235)
_FEW = 12  # Fewer flat pels than this in a row, of those looked at, are accident.
_FLAT = 2  # Rows and columns across which a tint is flat.
_SAMPLE = 8
_MARGIN = 32
_TINT_PELS = 24
_TINT_INK = 0.72  # Of the tint's brightness: below it is ink.

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
    """The screen at half the rows, ranked anew so that every level keeps its darkness."""
    pairs = ranks[::2] * 2 + ranks[1::2] + np.arange(8) / 100
    order: NDArray[Any] = pairs.ravel().argsort().argsort().reshape(pairs.shape)
    return order + 1


_SCREENS = {
    98: _levels(_halved(_RANKS)),
    196: _levels(_RANKS),
    391: _levels(np.repeat(_RANKS, 2, axis=0)),
}


def bilevel(grey: Grey, y_dpi: int, pictures: Sequence[Rect] = ()) -> Bits:
    """Turn a grey page into packed bits, 1 is black.

    Args:
        grey: the page as drawn.
        y_dpi: lines per inch, for the shape of the dots of a screen.
        pictures: where images of more than one bit are.
    """
    bits = smooth_edges(np.packbits(_cut(grey, y_dpi), axis=1))
    if pictures:
        plain = grey.copy()
        for left, top, right, bottom in pictures:
            _overlay(bits, grey, (left, top, right, bottom), y_dpi, tints=False)
            plain[top:bottom, left:right] = 255
        grey = plain
    for rect in tinted_bands(grey):
        _overlay(bits, grey, rect, y_dpi, tints=True)
    return bits


def _cut(grey: Grey, y_dpi: int) -> Mask:
    if y_dpi != _STANDARD_DPI:
        return grey < THRESHOLD
    # Eighths of the grey above and below; beyond the page it is white.
    eighths = np.full((len(grey) + 2, grey.shape[1]), 255 >> 3, np.uint8)
    np.right_shift(grey, np.uint8(3), out=eighths[1:-1])
    threshold = eighths[:-2] + eighths[2:]
    threshold += np.uint8(_STANDARD_LOWEST)
    return grey < threshold


def smooth_edges(bits: Bits) -> Bits:
    """Fill gaps of one or two pels in horizontal edges, and take away pels that stick out.

    A gap has black on both sides and along one of its other sides, and nothing but white along
    the opposite one. A pel sticks out that has nothing beside it within two pels, five black
    ones along one side of it, and white on the opposite side. The bits are changed in place.
    """
    rows = np.flatnonzero(bits.any(axis=1))
    if not rows.size:
        return bits
    first, last = int(rows[0]), int(rows[-1]) + 1
    # A white row above and one below, so that the rows around a row are views of one array, and
    # white at the end of each row, up to a whole word and one more: see `_from_left`.
    width = bits.shape[1]
    page = np.zeros((last - first + 2, (width // 8 + 2) * 8), np.uint8)
    page[1:-1, :width] = bits[first:last]
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
    part = bits[first:last]
    part |= gap[:, :width]
    part &= ~stray[:, :width]
    return bits


def _from_left(page: Bits) -> Bits:
    """Each pel's left neighbour in its place.

    numpy has no quick shift of bytes, but one of words. Rows are one run of bytes here: what is
    carried out of the end of one row would come into the next, so it has to be white there.
    """
    words = page.view(np.uint64)
    moved = words >> np.uint64(1)
    moved &= np.uint64(0x7F7F7F7F7F7F7F7F)
    carried = words << np.uint64(7)
    carried &= np.uint64(0x8080808080808080)
    result = moved.view(np.uint8)
    result.reshape(-1)[1:] |= carried.view(np.uint8).reshape(-1)[:-1]
    return result


def _from_right(page: Bits) -> Bits:
    words = page.view(np.uint64)
    carried = words >> np.uint64(7)
    carried &= np.uint64(0x0101010101010101)
    result = page + page
    result.reshape(-1)[:-1] |= carried.view(np.uint8).reshape(-1)[1:]
    return result


def tinted_bands(grey: Grey) -> list[Rect]:
    """Bands of the page with flat middle greys: pels equal to those right of and below them.

    Every eighth row is looked at. The soft edge of a letter is one pel thick,
    so it is never flat both ways.
    """
    lowest, highest = _TINT_TONES
    rows = grey[:-_FLAT:_SAMPLE, :-_FLAT]
    flat = rows == grey[_FLAT::_SAMPLE, :-_FLAT][: len(rows)]
    flat &= rows == grey[:-_FLAT:_SAMPLE, _FLAT:]
    flat &= rows > lowest
    flat &= rows < highest
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
    black, mask = _tints(part, screen) if tints else _picture(part, screen)
    target = bits[top:bottom, left // 8 : (right + 7) // 8]
    packed = np.packbits(mask, axis=1)
    target[:] = (target & ~packed) | (np.packbits(black, axis=1) & packed)


def _screen(y_dpi: int, top: int, left: int) -> Grey:
    """Thresholds of the dot screen for a part of the page."""
    return np.roll(_SCREENS[y_dpi], (-top, -left), axis=(0, 1))


def _screened(grey: Grey, screen: Grey) -> Mask:
    width = grey.shape[1]
    rows, columns = screen.shape
    tiled = np.tile(screen, (1, width // columns + 1))[:, :width]
    black = np.empty(grey.shape, np.bool_)
    for row in range(rows):
        np.less(grey[row::rows], tiled[row], out=black[row::rows])
    return black


def _squares(values: Tiles, fill: int) -> Tiles:
    """Cut an array into squares: (rows, columns, pels of a square)."""
    height, width = values.shape
    padded = np.pad(
        values, ((0, -height % _TILE), (0, -width % _TILE)), constant_values=fill, mode="constant"
    )
    down, across = padded.shape[0] // _TILE, padded.shape[1] // _TILE
    return padded.reshape(down, _TILE, across, _TILE).swapaxes(1, 2).reshape(down, across, -1)


def _spread(tiles: Tiles, shape: tuple[int, ...]) -> Tiles:
    """Give every pel the value of its square."""
    return tiles.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[: shape[0], : shape[1]]


def _around(tiles: Tiles, reach: int = 1) -> Tiles:
    """The highest value among each square and its neighbours."""
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


def _picture(grey: Grey, screen: Grey) -> tuple[Mask, Mask]:
    """A picture as bits: letters on paper by a threshold, tones by the screen."""
    squares = _squares(grey, 255)
    # Not the very brightest pels: noise.
    paper = np.partition(squares, -26, axis=2)[:, :, -26].astype(np.uint8)
    paper = _around(paper, 2).astype(np.float32)
    lowest, highest = _TONES
    scaled = squares.astype(np.float32) * (255.0 / np.maximum(paper, _PAPER))[:, :, None]
    middle = (scaled > lowest) & (scaled < highest)
    step = np.abs(np.diff(squares.astype(np.int16), axis=2)) < _SMOOTH
    share = (middle[:, :, 1:] & step).mean(axis=2)
    tone = (share > _TONE_SHARE) | (paper < _PAPER)
    # One square alone is no picture; a light part of a picture belongs to it.
    tone &= _crowd(tone) > 2  # noqa: PLR2004
    if tone.mean() > _WHOLLY:
        tone[:] = True
    else:
        tone = ~_around(~_around(tone, _CLOSE), _CLOSE)
    ink = grey < _spread((np.maximum(paper, _PAPER) * _INK).astype(np.uint8), grey.shape)
    black = np.where(_spread(tone, grey.shape), _screened(grey, screen), ink) if tone.any() else ink
    return black, np.ones(grey.shape, np.bool_)


def _crowd(tiles: Mask) -> NDArray[np.uint8]:
    """How many of the eight neighbours and the square itself are set."""
    padded = np.pad(tiles.astype(np.uint8), 1, mode="edge")
    height, width = tiles.shape
    total = np.zeros(tiles.shape, np.uint8)
    for down in range(3):
        for across in range(3):
            total += padded[down : down + height, across : across + width]
    return total


def _tints(grey: Grey, screen: Grey) -> tuple[Mask, Mask]:
    """Tints with the letters on them, and where they are."""
    lowest, highest = _TINT_TONES
    flat = np.zeros(grey.shape, np.bool_)
    flat[:-2, :-2] = (
        (grey[:-2, :-2] == grey[:-2, 2:])
        & (grey[:-2, :-2] == grey[2:, :-2])
        & (grey[:-2, :-2] > lowest)
        & (grey[:-2, :-2] < highest)
    )
    squares = _squares(np.where(flat, grey, 0), 0)
    tinted = np.count_nonzero(squares, axis=2) >= _TINT_PELS
    level = _around(np.where(tinted, squares.max(axis=2), 0).astype(np.uint8))
    levels = _spread(level, grey.shape)
    near = _spread(_around(tinted.astype(np.uint8)) > 0, grey.shape)
    ink = near & (grey < levels * np.float32(_TINT_INK))
    tone = near & ~_grown(ink) & (grey < 250)  # noqa: PLR2004
    black = ink | (tone & _screened(grey, screen))
    return black, near


def _grown(mask: Mask) -> Mask:
    """The mask and two pels around it."""
    grown = mask.copy()
    for reach in (1, 2):
        grown[reach:] |= mask[:-reach]
        grown[:-reach] |= mask[reach:]
    wide = grown.copy()
    for reach in (1, 2):
        wide[:, reach:] |= grown[:, :-reach]
        wide[:, :-reach] |= grown[:, reach:]
    return wide
