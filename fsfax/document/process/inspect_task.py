"""The task ``inspect``: what a worker process reports about a document.

Of every document: its kind and the sizes of its pages. Of an image also the pixels of each page. Of
a PDF also what pypdf reads (encryption, title, producer, form fields), and the problem if pypdf
cannot read what pdfium could. All of it runs in the worker, because the file is hostile.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pypdf

from fsfax.document.limits import Limits
from fsfax.document.sources.image import ImageSource
from fsfax.document.sources.source import open_source

_LONGEST_TITLE = 200


def inspect_document(path: Path, limits: Limits) -> dict[str, Any]:
    """Return the fields of an `fsfax.document.Inspection` that a worker finds, for JSON.

    Raises:
        DocumentError: what is wrong with the document.
    """
    source = open_source(path, limits)
    try:
        pages: list[dict[str, Any]] = [
            {"width_mm": size.width_mm, "height_mm": size.height_mm} for size in source.sizes
        ]
        found: dict[str, Any] = {"kind": source.kind, "pages": pages}
        if isinstance(source, ImageSource):
            for index, page in enumerate(pages):
                page.update(source.pixels(index))
        elif source.kind == "pdf":
            found.update(_pdf(path))
        return found
    finally:
        source.close()


def _pdf(path: Path) -> dict[str, Any]:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path)
        encrypted = reader.is_encrypted
        metadata: Any = reader.metadata or {}
        title = str(metadata.get("/Title", ""))[:_LONGEST_TITLE]
        software = str(metadata.get("/Producer", ""))[:_LONGEST_TITLE]
        fields = len(reader.get_fields() or {})
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - pdfium has opened it: a problem, not a failure
        return {"problems": [f"pypdf cannot read this PDF ({type(error).__name__}: {error})"]}
    return {
        "encrypted": "owner" if encrypted else "no",
        "title": "".join(char for char in title if char.isprintable()),
        "software": "".join(char for char in software if char.isprintable()),
        "form_fields": fields,
    }
