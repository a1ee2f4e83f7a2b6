"""The tasks of a worker process: plan a document and draw pages of it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from fsfax.document.ccitt import Coding
from fsfax.document.fax_page import code_page
from fsfax.document.geometry import Placement, paper_named, place, resolution_named
from fsfax.document.limits import Limits, check_pages
from fsfax.document.sources.source import Source, open_source


class TaskHandler:
    """Handles requests one after another, keeping the last document open between them."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._key: tuple[object, ...] = ()

    def close(self) -> None:
        """Let go of the document."""
        if self._source is not None:
            self._source.close()
        self._source, self._key = None, ()

    def handle(self, task: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Carry out one task: ``plan``, ``draw`` or ``inspect``.

        Raises:
            DocumentError: what is wrong with the document.
        """
        if task == "inspect":
            from fsfax.document.process.inspect_task import details  # noqa: PLC0415

            return details(Path(request["path"]), Limits(**request["limits"])), b""
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
            wanted = plan if len(plan) <= request["at_once"] else []
        else:
            wanted = [Placement(*fields) for fields in request["plan"]]
        pages = [code_page(source, placement, resolution, coding) for placement in wanted]
        header["lengths"] = [len(page.strip) for page in pages]
        header["rows"] = [page.rows for page in pages]
        return header, b"".join(page.strip for page in pages)

    def _open(self, path: Path, limits: Limits, job: str) -> Source:
        key: tuple[object, ...] = ()
        try:
            status = path.stat()
            key = (job, os.fspath(path), status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            pass  # open_source says it better
        if self._source is None or key != self._key or not key:
            self.close()
            self._source, self._key = open_source(path, limits), key
        return self._source
