"""What is in a document: pages, sizes, coding, problems, and the time on the line of a fax.

A TIFF is read in this process, by `fsfax.document.tiff_f`, which reads directories and decodes
nothing. All other kinds are opened in a worker process, under its limits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsfax.document import tiff_f
from fsfax.document.convert import Converter
from fsfax.document.files import read_document
from fsfax.document.geometry import MM_PER_INCH, RESOLUTIONS
from fsfax.document.line_time import seconds_on_line
from fsfax.errors import DocumentEncrypted
from fsfax.runtime.threads import in_thread
from fsfax.settings import DocumentSettings


@dataclass(frozen=True, slots=True)
class InspectedPage:
    """A page: its size on paper, and of an image its pixels and their coding.

    ``number`` counts from 1. ``resolution`` is standard, fine or superfine where the page is a
    fax page, else "". ``bytes`` is the size of the coded image. ``bad_rows`` counts the rows
    that a receiver had to repair, -1 if the file does not say. Sizes that the file does not say
    are 0.
    """

    number: int
    width_mm: float
    height_mm: float
    width: int = 0
    height: int = 0
    x_dpi: float = 0.0
    y_dpi: float = 0.0
    compression: str = ""
    bytes: int = 0
    resolution: str = ""
    bad_rows: int = -1


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a document.

    ``fax`` says that every page is a fax page (TIFF-F) that could be sent as it is.
    ``encrypted`` is ``no``, ``owner`` (opens without a password; one is needed for changes) or
    ``user`` (does not open without one). ``problems`` are sentences about what is wrong with
    the document.
    """

    path: Path
    kind: str
    bytes: int
    pages: tuple[InspectedPage, ...]
    fax: bool = False
    encrypted: str = "no"
    form_fields: int = 0
    title: str = ""
    software: str = ""
    problems: tuple[str, ...] = ()

    def seconds_on_line(self, bits_per_second: int = 14400) -> float:
        """Return the estimated time on the line (`fsfax.document.line_time`); 0 if it is no fax."""
        if not self.fax:
            return 0.0
        return seconds_on_line((page.bytes for page in self.pages), bits_per_second)


def inspect(
    path: str | os.PathLike[str],
    *,
    settings: DocumentSettings | None = None,
    converter: Converter | None = None,
) -> Inspection:
    """Return what is in a document, without converting it.

    Args:
        path: path of a PDF, TIFF, PNG, JPEG or text, a string or path-like.
        settings: limits; without them those of the converter, or the defaults.
        converter: its workers are used; without one, a worker is started and ended.

    Raises:
        DocumentError: it is missing, empty, too large, damaged beyond reading or of no known
            kind. A PDF with a password is no error here: ``encrypted`` says so.
    """
    path = Path(path).absolute()
    settings = settings or (converter.settings if converter else DocumentSettings())
    head, size = in_thread(lambda: _head(path))
    if head in (b"II*\0", b"MM\0*") and size <= settings.max_bytes:
        return in_thread(lambda: inspect_tiff(path))
    if converter is not None:
        return _by_worker(converter, path, size)
    with Converter(settings.model_copy(update={"workers": 1})) as own:
        return _by_worker(own, path, size)


def _head(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            return file.read(4), os.fstat(file.fileno()).st_size
    except OSError:
        return b"", 0  # The worker reports what is wrong with it.


def inspect_tiff(path: Path) -> Inspection:
    """Return what the directories of a TIFF say; its images are not decoded.

    Raises:
        DocumentNotFound: it cannot be read.
        DocumentDamaged: no page of it can be read.
    """
    data = read_document(path)
    file = tiff_f.read(data)
    pages = []
    for number, page in enumerate(file.pages, 1):
        sized = page.x_dpi > 0 and page.y_dpi > 0
        pages.append(
            InspectedPage(
                number,
                page.width / page.x_dpi * MM_PER_INCH if sized else 0.0,
                page.height / page.y_dpi * MM_PER_INCH if sized else 0.0,
                page.width,
                page.height,
                page.x_dpi,
                page.y_dpi,
                page.compression_name,
                page.bytes,
                next(
                    (
                        name
                        for name, resolution in RESOLUTIONS.items()
                        if page.width in tiff_f.FAX_WIDTHS
                        and tiff_f.is_fax_page(page, page.width, resolution)
                    ),
                    "",
                ),
                page.bad_rows,
            )
        )
    fax = all(page.resolution for page in pages) and not file.problems
    return Inspection(
        path,
        "tiff",
        len(data),
        tuple(pages),
        fax,
        software=file.pages[0].software,
        problems=file.problems,
    )


def _by_worker(converter: Converter, path: Path, size: int) -> Inspection:
    settings = converter.settings
    request: dict[str, Any] = {
        "task": "inspect",
        "path": os.fspath(path),
        "limits": converter.limits,
    }
    try:
        header, _ = converter.pool.run(request, settings.timeout, path.name)
    except DocumentEncrypted as error:
        return Inspection(path, "pdf", size, (), encrypted="user", problems=(str(error),))
    pages = tuple(
        InspectedPage(number, **fields) for number, fields in enumerate(header.pop("pages"), 1)
    )
    header.pop("cpu")
    problems = tuple(header.pop("problems", ()))
    return Inspection(path, bytes=size, pages=pages, problems=problems, **header)
