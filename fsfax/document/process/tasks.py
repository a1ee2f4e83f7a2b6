"""The tasks of a worker process: plan a document, draw pages of it, inspect it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from fsfax.document.ccitt import Coding
from fsfax.document.fax_page import encode_page
from fsfax.document.geometry import Placement, paper_named, place, resolution_named
from fsfax.document.limits import Limits, check_pages
from fsfax.document.sources.source import Source, open_source


class TaskHandler:
    """Handles requests one after another; the last document stays open between them."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._key: tuple[object, ...] = ()

    def close(self) -> None:
        """Close the document that is open."""
        if self._source is not None:
            self._source.close()
        self._source, self._key = None, ()

    def handle(self, task: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Carry out one task, ``plan``, ``draw`` or ``inspect``, and return header and payload.

        The payload holds the coded strips one after another, the header their ``lengths`` and
        ``rows``. ``plan`` also draws a document of at most ``draw_up_to`` fax pages.

        Raises:
            DocumentError: what is wrong with the document.
        """
        if task == "inspect":
            from fsfax.document.process.inspect_task import inspect_document  # noqa: PLC0415

            return inspect_document(Path(request["path"]), Limits(**request["limits"])), b""
        source = self._open(Path(request["path"]), Limits(**request["limits"]), request["job"])
        paper = paper_named(request["paper"])
        resolution = resolution_named(request["resolution"])
        coding: Coding = request["coding"]
        header: dict[str, Any] = {"kind": source.kind}
        if task == "plan":
            plan = [
                placement
                for index, size in enumerate(source.sizes)
                for placement in source.fax_pages(index, paper, resolution)
                or place(size, index, paper, resolution)
            ]
            check_pages(len(plan), Limits(**request["limits"]))
            header["plan"] = [dataclasses.astuple(placement) for placement in plan]
            to_draw = plan if len(plan) <= request["draw_up_to"] else []
        else:
            to_draw = [Placement(*fields) for fields in request["plan"]]
        pages = [encode_page(source, placement, resolution, coding) for placement in to_draw]
        header["lengths"] = [len(page.strip) for page in pages]
        header["rows"] = [page.rows for page in pages]
        return header, b"".join(page.strip for page in pages)

    def _open(self, path: Path, limits: Limits, job: str) -> Source:
        key: tuple[object, ...] = ()
        try:
            status = path.stat()
            key = (job, os.fspath(path), status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            pass  # open_source raises an error with a remedy
        if self._source is None or key != self._key or not key:
            self.close()
            self._source, self._key = open_source(path, limits), key
        return self._source
