"""The interface of an open document of any kind, and the function that opens one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from fsfax.document.bilevel import Grey, Rect
from fsfax.document.ccitt import Bits, Coding
from fsfax.document.geometry import PageSize, Paper, Placement, Resolution
from fsfax.document.kinds import HEAD, sniff
from fsfax.document.limits import Limits, check_bytes
from fsfax.errors import DocumentNotFound


class Source(Protocol):
    """An open document: the sizes of its pages, and its pages drawn as fax pages."""

    kind: str
    sizes: list[PageSize]

    def draw(self, placement: Placement) -> tuple[Grey, list[Rect]] | Bits:
        """Return a fax page in grey with the boxes of its pictures, or as finished bits."""

    def fax_pages(self, index: int, paper: Paper, resolution: Resolution) -> list[Placement]:
        """Return the placement of a page that is a fax page already; empty if it is not one."""

    def strip(self, placement: Placement, coding: Coding) -> bytes | None:
        """Return the coded strip of a page that can be copied as it is, white foot included."""

    def close(self) -> None:
        """Close the document and free its memory."""


def open_source(path: Path, limits: Limits) -> Source:
    """Return an open document of any supported kind.

    Raises:
        DocumentError: it is missing, empty, too large, damaged, encrypted or of no known kind.
    """
    try:
        if path.is_dir():
            raise DocumentNotFound(
                f"{path} is a folder; name the document inside it", code="is_folder"
            )
        if path.exists() and not path.is_file():
            raise DocumentNotFound(f"{path} is not a regular file", code="not_a_file")
        with path.open("rb") as file:
            head = file.read(HEAD)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise DocumentNotFound(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise DocumentNotFound(
            f"{path} cannot be read: {error.strerror}; check its permissions", code="unreadable"
        ) from error
    check_bytes(size, limits)
    kind = sniff(head)
    # Imported as needed: a worker that draws PDFs does not load the image decoders.
    if kind == "pdf":
        from fsfax.document.sources.pdf import PdfSource  # noqa: PLC0415

        return PdfSource(path, limits)
    if kind == "text":
        from fsfax.document.sources.pdf import PdfSource  # noqa: PLC0415
        from fsfax.document.sources.text import text_pdf  # noqa: PLC0415

        return PdfSource(text_pdf(path.read_bytes(), limits), limits, kind="text")
    from fsfax.document.sources.image import ImageSource  # noqa: PLC0415

    return ImageSource(path, kind, limits)
