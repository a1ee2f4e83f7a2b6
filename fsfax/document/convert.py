"""Public interface of conversion: a document in, a TIFF-F out."""

from __future__ import annotations

import os
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from gevent.pool import Group

from fsfax.document.files import write_result
from fsfax.document.geometry import (
    PaperName,
    Placement,
    ResolutionName,
    paper_named,
    resolution_named,
)
from fsfax.document.process.pool import WorkerPool
from fsfax.document.tiff_f import FaxPage, write
from fsfax.errors import InvalidRequest
from fsfax.log import get_logger
from fsfax.runtime.threads import in_thread
from fsfax.settings import DocumentSettings

_log = get_logger(__name__)

_PLAN_AND_DRAW = 1
"""A document of at most this many fax pages is drawn by the worker that plans it."""

_MAX_PORTION = 8
"""Fax pages that a worker draws at a time, at most."""


@dataclass(frozen=True, slots=True)
class ConvertedPage:
    """One page of the fax.

    ``number`` and ``source_page`` count from 1; ``width`` and ``height`` are in pels; ``bytes``
    is the size of the coded strip. ``scale`` is 1.0 at true size; ``turned`` says that the page
    was turned by 90°. ``sheet`` of ``sheets`` is the part of a page that had to be cut.
    """

    number: int
    source_page: int
    width: int
    height: int
    bytes: int
    scale: float
    turned: bool
    sheet: int
    sheets: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion: the TIFF-F file and its pages.

    ``kind`` is the kind of the document (pdf, tiff, png, jpeg or text), ``bytes`` the size of
    the file, ``seconds`` the time that the conversion took, ``worker_seconds`` the processor
    time of the workers.
    """

    path: Path
    kind: str
    pages: tuple[ConvertedPage, ...]
    resolution: ResolutionName
    paper: PaperName
    coding: Literal["mmr", "mh"]
    bytes: int
    seconds: float
    worker_seconds: float


class Converter:
    """Converts documents to TIFF-F in a pool of worker processes.

    One converter serves all greenlets and threads of a process. Workers are started with the
    first document and run until `close` is called or the ``with`` block is left.
    """

    def __init__(self, settings: DocumentSettings | None = None) -> None:
        self.settings = settings or DocumentSettings()
        self.pool = WorkerPool(self.settings.workers, self.settings.memory)
        self.limits = {
            "max_bytes": self.settings.max_bytes,
            "max_pages": self.settings.max_pages,
            "max_pixels": self.settings.max_pixels,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; a conversion that is under way fails with `Closed`."""
        self.pool.close()

    def convert(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        resolution: ResolutionName = "fine",
        paper: PaperName = "A4",
        coding: Literal["mmr", "mh"] = "mmr",
    ) -> Conversion:
        """Convert a PDF, TIFF, PNG, JPEG or plain text to TIFF-F.

        The target appears whole or not at all: it is written under another name in the same
        folder, synced and renamed. The calling greenlet waits; others run.

        Args:
            source: path of the document, a string or path-like; its bytes say of what kind it is.
            target: path of the TIFF to write, likewise; an existing file is replaced.
            resolution: ``standard`` (98 lines per inch), ``fine`` (196) or ``superfine`` (391).
            paper: ``A4`` (1728 pels, also Letter and Legal), ``B4`` (2048) or ``A3`` (2432).
            coding: ``mmr`` (T.6) or ``mh`` (T.4 one-dimensional) inside the file.

        Raises:
            DocumentError: the document cannot be faxed as it is; the class and its ``code``
                say why, the message what to do.
            ConversionFailed: the worker crashed, hung or ran out of memory, or the target
                cannot be written (``not_written``).
            InvalidRequest: an argument is not one of the choices.
            Closed: the converter was closed.
        """
        started = time.monotonic()
        if coding not in ("mmr", "mh"):
            raise InvalidRequest(f"no coding {coding!r}: choose mmr or mh")
        sheet, lines = paper_named(paper), resolution_named(resolution)
        source, target = Path(source).absolute(), Path(target).absolute()
        task = _ConversionTask(self, source, sheet.name, lines.name, coding)
        plan, coded = task.run()
        pages = [
            FaxPage(placement.width, rows, strip, coding, lines.x_dpi, lines.y_dpi)
            for placement, (strip, rows) in zip(plan, coded, strict=True)
        ]
        size = in_thread(lambda: write_result(target, write(pages)))
        conversion = Conversion(
            path=target,
            kind=task.kind,
            pages=tuple(
                ConvertedPage(
                    number,
                    placement.page + 1,
                    page.width,
                    page.height,
                    len(page.strip),
                    placement.scale,
                    placement.turn != 0,
                    placement.sheet,
                    placement.sheets,
                )
                for number, (placement, page) in enumerate(zip(plan, pages, strict=True), 1)
            ),
            resolution=lines.name,
            paper=sheet.name,
            coding=coding,
            bytes=size,
            seconds=time.monotonic() - started,
            worker_seconds=task.cpu,
        )
        _log.info(
            "document_converted",
            kind=conversion.kind,
            pages=len(pages),
            bytes=size,
            seconds=round(conversion.seconds, 3),
        )
        return conversion


class _ConversionTask:
    """The conversion of one document: planned by one worker, drawn by all."""

    def __init__(
        self, converter: Converter, source: Path, paper: str, resolution: str, coding: str
    ) -> None:
        settings = converter.settings
        self._pool = converter.pool
        self._name = source.name
        self._seconds_left = settings.timeout
        self._request: dict[str, Any] = {
            "job": uuid.uuid4().hex,
            "path": os.fspath(source),
            "limits": converter.limits,
            "paper": paper,
            "resolution": resolution,
            "coding": coding,
        }
        self.kind = ""
        self.cpu = 0.0

    def run(self) -> tuple[list[Placement], list[tuple[bytes, int]]]:
        """Plan and draw the fax pages; return the plan, and each page's strip and rows."""
        header, payload = self._ask({"task": "plan", "draw_up_to": _PLAN_AND_DRAW})
        self.kind = header["kind"]
        plan = [Placement(*fields) for fields in header["plan"]]
        coded = dict(enumerate(_pages(header, payload)))
        portions = deque(portions_of(range(len(coded), len(plan)), self._pool.size))

        def draw() -> None:
            while portions:
                numbers = portions.popleft()
                to_draw = [_fields(plan[number]) for number in numbers]
                header, payload = self._ask({"task": "draw", "plan": to_draw})
                coded.update(zip(numbers, _pages(header, payload), strict=True))

        if len(portions) == 1:
            draw()
        elif portions:
            group = Group()
            try:
                for _ in range(min(self._pool.size, len(portions))):
                    group.spawn(draw)
                group.join(raise_error=True)
            finally:
                group.kill()
        return plan, [coded[number] for number in range(len(plan))]

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Have a worker answer a request within the rest of the document's time.

        That time (``document.timeout``) is processor time, added up over all workers.
        """
        header, payload = self._pool.run(
            {**self._request, **request}, max(self._seconds_left, 0.1), self._name
        )
        self._seconds_left -= header["cpu"]
        self.cpu += header["cpu"]
        return header, payload


def portions_of(pages: range, workers: int) -> Iterator[range]:
    """Yield the portions of the pages that a worker draws at a time.

    The portions become smaller towards the end, so that the workers finish together; none is so
    large that other documents wait long.
    """
    while pages:
        size = max(1, min(_MAX_PORTION, len(pages) // (2 * workers)))
        yield pages[:size]
        pages = pages[size:]


def _fields(placement: Placement) -> list[object]:
    return [getattr(placement, name) for name in Placement.__dataclass_fields__]


def _pages(header: dict[str, Any], payload: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    for length, rows in zip(header["lengths"], header["rows"], strict=True):
        yield payload[at : at + length], rows
        at += length
