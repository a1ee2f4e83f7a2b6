"""TIFF, PNG and JPEG pages: decoded by Pillow, scaled to the fax page; fax pages are not redrawn.

A TIFF page that already is a fax page of the wanted geometry is never drawn again: its pels are
sent unchanged. Where its coding fits too, its strip is copied, after it was decoded once to
check that it is complete and needs no white rows at its foot (see `fsfax.document.fax_page`).

The size of an image is what its dots per inch say. Without a credible figure it is fitted to an
A4 sheet, but never drawn coarser than `COARSEST_DPI`, so that an icon stays small.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from fsfax.document import ccitt, tiff_f
from fsfax.document.bilevel import Grey, Rect
from fsfax.document.ccitt import Bits, Coding
from fsfax.document.geometry import (
    MM_PER_INCH,
    PageSize,
    Paper,
    Placement,
    Resolution,
    header_rows,
)
from fsfax.document.limits import Limits, check_pages, check_pixels
from fsfax.errors import DocumentDamaged, DocumentUnsupported

COARSEST_DPI = 72.0
A4_MM = (210.0, 297.0)

_FORMATS = {"tiff": ("TIFF",), "png": ("PNG",), "jpeg": ("JPEG", "MPO")}
_DPI_RANGE = (20.0, 5000.0)
_MAX_DPI_RATIO = 5.0
_ORIENTATION = 0x0112
_SIDEWAYS = 5  # EXIF orientations from 5 on are turned by 90° or 270°.
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")
_WIDE = ("I;16", "I;16B", "I;16L", "I;16N")

# fsfax checks its own limit (document.max_pixels) on every page before decoding it.
Image.MAX_IMAGE_PIXELS = None


class ImageSource:
    """An open image of one or more pages.

    Raises:
        DocumentDamaged: it cannot be decoded.
        DocumentTooLarge: too many pages or pixels.
        DocumentUnsupported: its pixels cannot be made grey.
    """

    def __init__(self, path: Path, kind: str, limits: Limits) -> None:
        self.kind = kind
        self._limits = limits
        self._fax: tiff_f.TiffFile | None = None
        if kind == "tiff":
            self._fax = self._read_directories(path)
        try:
            self._image = Image.open(path, formats=_FORMATS[kind])
            count = getattr(self._image, "n_frames", 1) if kind == "tiff" else 1
        except Exception as error:
            raise _damaged(kind, error) from error
        check_pages(count, limits)
        self.sizes = [self._size(index) for index in range(count)]

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    @staticmethod
    def _read_directories(path: Path) -> tiff_f.TiffFile | None:
        data = path.read_bytes()
        if data[2:4] in (b"+\0", b"\0+"):
            return None  # BigTIFF, which Pillow alone reads
        file = tiff_f.read(data)
        if file.problems:
            raise DocumentDamaged(
                f"this TIFF is damaged: {file.problems[0]}; send it again, or save it anew"
            )
        return file

    def _seek(self, index: int) -> Image.Image:
        try:
            if self._image.tell() != index:
                self._image.seek(index)
        except Exception as error:
            raise _damaged(self.kind, error, index) from error
        return self._image

    def _size(self, index: int) -> PageSize:
        image = self._seek(index)
        if self._fax is not None and index < len(self._fax.pages):
            page = self._fax.pages[index]
            width, height, orientation = page.width, page.height, page.orientation
            dpi = (page.x_dpi, page.y_dpi)
        else:
            width, height = image.size
            # Checked before the orientation is read, because a PNG is decoded to find it.
            check_pixels(width, height, self._limits, index)
            orientation = _orientation(image)
            dpi = image.info.get("dpi", (0.0, 0.0))
        check_pixels(width, height, self._limits, index)
        size = natural_size(width, height, (float(dpi[0]), float(dpi[1])))
        if orientation >= _SIDEWAYS:
            return PageSize(size.height_mm, size.width_mm)
        return size

    def pixels(self, index: int) -> dict[str, Any]:
        """Return width, height and coding of a page, for an inspection."""
        image = self._seek(index)
        return {
            "width": image.width,
            "height": image.height,
            "compression": f"{self.kind.upper()} {image.mode}",
        }

    def fax_pages(self, index: int, paper: Paper, resolution: Resolution) -> list[Placement]:
        """Return the page itself, if it is a fax page of the wanted geometry."""
        if self._fax is None or not tiff_f.is_fax_page(
            self._fax.pages[index], paper.width, resolution
        ):
            return []
        page = self._fax.pages[index]
        size = (page.width, page.height)
        return [Placement(index, *size, 0, 0, *size, turn=0, scale=1.0, as_it_is=True)]

    def strip(self, placement: Placement, coding: Coding) -> bytes | None:
        """Return the strip of a fax page if it is coded as wanted, complete, white at its foot."""
        if self._fax is None or not placement.as_it_is:
            return None
        page = self._fax.pages[placement.page]
        if page.coding != coding or len(page.strips) != 1 or page.photometric != 0:
            return None
        if coding == "mh" and not page.t4_options & 4:
            return None
        strip = self._fax.strip(page)
        bits, whole = ccitt.decode(strip, page.width, page.height, coding)
        white = not bits[-header_rows(page.y_dpi) :].any()
        return strip if whole and white else None

    def draw(self, placement: Placement) -> tuple[Grey, list[Rect]] | Bits:
        """Return one fax page: in grey with the box of the image, or as the bits it has."""
        if self._fax is not None and placement.as_it_is:
            return tiff_f.page_bits(self._fax, self._fax.pages[placement.page])[0]
        image = self._seek(placement.page)
        sideways = placement.turn % 2
        drawn = (placement.drawn_width, placement.drawn_height)
        wanted = drawn[::-1] if sideways else drawn
        try:
            if image.format in ("JPEG", "MPO"):
                image.draft("L", (max(wanted) * 2, max(wanted) * 2))
            bilevel = image.mode == "1"
            grey = to_grey(ImageOps.exif_transpose(image))
        except (DocumentUnsupported, MemoryError):
            raise
        except Exception as error:
            raise _damaged(self.kind, error, placement.page) from error
        shrinks = wanted[0] * wanted[1] < grey.width * grey.height
        how = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
        grey = grey.resize(wanted, how)
        if placement.turn:
            grey = grey.transpose(
                {
                    1: Image.Transpose.ROTATE_270,
                    2: Image.Transpose.ROTATE_180,
                    3: Image.Transpose.ROTATE_90,
                }[placement.turn]
            )
        page = np.full((placement.height, placement.width), 255, np.uint8)
        pels = np.asarray(grey)[-placement.top if placement.top < 0 else 0 :]
        top = max(placement.top, 0)
        pels = pels[: placement.height - top]
        page[top : top + len(pels), placement.left : placement.left + pels.shape[1]] = pels
        box = (placement.left, top, placement.left + pels.shape[1], top + len(pels))
        return page, [] if bilevel else [box]


def natural_size(width: int, height: int, dpi: tuple[float, float]) -> PageSize:
    """Return the size on paper of an image.

    Args:
        width: pixels across.
        height: pixels down.
        dpi: dots per inch across and down; used if both are from 20 to 5,000 and neither is more
            than 5 times the other.
    """
    lowest, highest = _DPI_RANGE
    if all(lowest <= value <= highest for value in dpi) and (
        1 / _MAX_DPI_RATIO <= dpi[0] / dpi[1] <= _MAX_DPI_RATIO
    ):
        return PageSize(width / dpi[0] * MM_PER_INCH, height / dpi[1] * MM_PER_INCH)
    short, long = sorted((width, height))
    # Pixels per millimetre at which it just fits the sheet, upright or turned.
    density = max(short / A4_MM[0], long / A4_MM[1], COARSEST_DPI / MM_PER_INCH)
    return PageSize(width / density, height / density)


def to_grey(image: Image.Image) -> Image.Image:
    """Return any image as 8-bit grey on white.

    Raises:
        DocumentUnsupported: its pixels are of a kind that cannot be made grey.
    """
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("1", "L", "RGB") and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in _TRANSPARENT:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("L")
    if image.mode in _WIDE or image.mode in ("I", "F"):
        return _narrow(image)
    if image.mode == "LAB":
        return image.getchannel(0)
    try:
        return image if image.mode == "L" else image.convert("L")
    except ValueError as error:
        raise DocumentUnsupported(
            f"images of {image.mode} pixels cannot be faxed; save it as grey or RGB"
        ) from error


def _narrow(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    highest = float(pixels.max(initial=0.0))
    if image.mode in _WIDE:
        span = 65535.0
    else:  # The bit depth is not known: the smallest of 0…1, 8 and 16 bits that holds all pixels.
        span = next((span for span in (1.0, 255.0, 65535.0) if highest <= span), highest)
    return Image.fromarray(np.clip(pixels * (255.0 / span), 0, 255).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, SyntaxError):
        return 1


def _damaged(kind: str, error: Exception, page: int = 0) -> DocumentDamaged:
    where = f" on page {page + 1}" if page else ""
    return DocumentDamaged(
        f"this {kind.upper()} image cannot be read{where}: it is cut off or damaged "
        f"({error}); save it anew or send it again"
    )
