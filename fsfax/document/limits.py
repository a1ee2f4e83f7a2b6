"""Limits on documents, and the errors raised when one is exceeded. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from fsfax.errors import DocumentEmpty, DocumentTooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one document: bytes of the file, pages, pixels of one source image."""

    max_bytes: int
    max_pages: int
    max_pixels: int


def check_bytes(size: int, limits: Limits) -> None:
    """Raise unless a file has bytes, and not too many.

    Raises:
        DocumentEmpty: the file has no bytes.
        DocumentTooLarge: ``too_many_bytes``.
    """
    if size == 0:
        raise DocumentEmpty("the file is empty: it has no bytes; was it uploaded completely?")
    if size > limits.max_bytes:
        raise DocumentTooLarge(
            f"the file has {size:,} bytes, at most {limits.max_bytes:,} are accepted "
            "(document.max_bytes); make it smaller or send it in parts",
            code="too_many_bytes",
        )


def check_pages(count: int, limits: Limits) -> None:
    """Raise unless a document has pages, and not too many.

    Raises:
        DocumentEmpty: ``no_pages``.
        DocumentTooLarge: ``too_many_pages``.
    """
    if count <= 0:
        raise DocumentEmpty("the document has no page; there is nothing to fax", code="no_pages")
    if count > limits.max_pages:
        raise DocumentTooLarge(
            f"the document has {count} pages, at most {limits.max_pages} are accepted "
            "(document.max_pages); send it in parts",
            code="too_many_pages",
        )


def check_pixels(width: int, height: int, limits: Limits, page: int) -> None:
    """Raise if an image has too many pixels; called before it is decoded.

    Raises:
        DocumentTooLarge: ``too_many_pixels``.
    """
    if width * height > limits.max_pixels:
        raise DocumentTooLarge(
            f"the image on page {page + 1} has {width} by {height} pixels, at most "
            f"{limits.max_pixels:,} are accepted (document.max_pixels); save it smaller",
            code="too_many_pixels",
        )
