"""The document of a fax as PDF, as TIFF-F or as the client sent it; and pictures of its pages.

The client selects with ``?format=`` or with Accept; the default is PDF. The bytes are sent from a
temporary file, so that the database is read once and a slow client occupies no transaction.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import falcon

from fsfax.api.envelope import ApiError, bad_identifier
from fsfax.api.models import AttachmentQuery
from fsfax.db.records import Document, Job
from fsfax.document import office, to_pdf, to_png
from fsfax.errors import InvalidRequest
from fsfax.jobs.store import JobStore
from fsfax.runtime.threads import Threads

PDF, TIFF, PNG, ZIP = "application/pdf", "image/tiff", "image/png", "application/zip"
_SUFFIXES = {PDF: "pdf", TIFF: "tiff", ZIP: "zip", "image/png": "png", "image/jpeg": "jpg"}
_SUFFIXES |= {kind: suffix.removeprefix(".") for kind, suffix in office.SUFFIXES.items()}
_TYPES = {"pdf": PDF, "tiff": TIFF}

Form = Literal["pdf", "tiff", "original"]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes to send: an open file that is deleted when it is closed."""

    stream: BinaryIO
    size: int
    media_type: str


class Attachments:
    """Answers requests with documents of the store.

    Args:
        store: the store of jobs and documents.
        threads: real threads for database work.
    """

    def __init__(self, store: JobStore, threads: Threads) -> None:
        self._store = store
        self._threads = threads

    def send(
        self, req: falcon.Request, resp: falcon.Response, job: Job, query: AttachmentQuery
    ) -> None:
        """Answer with the document of a fax.

        Raises:
            ApiError: 404 if there is none or it was removed, 406, 416.
        """
        kept = [d for d in self._threads.run(self._store.documents, job.id) if not d.removed_at]
        if not kept:
            raise _no_attachment(job)
        form = _chosen(req, query, kept)
        resp.etag = etag = _etag(kept, form)
        if any(known in ("*", etag) for known in req.if_none_match or ()):
            resp.status = falcon.HTTP_304
            return
        found = self._bytes(kept, form)
        suffix = _SUFFIXES.get(found.media_type, "txt")
        name = f"fax_document_{job.created_at:%Y-%m-%d_%H-%M-%S}.{suffix}"
        resp.set_header("Content-Disposition", f'{query.disposition}; filename="{name}"')
        # No browser may guess HTML from the bytes that a client uploaded.
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.content_type = found.media_type
        _send_range(req, resp, found)

    def send_page(self, resp: falcon.Response, job: Job, number: int, width: int = 0) -> None:
        """Answer with a picture of one page, counted from 1; ``width`` in pixels, 0 = unscaled.

        Raises:
            ApiError: 404 if there is no such page.
        """
        kept = [d for d in self._threads.run(self._store.documents, job.id) if not d.removed_at]
        fax = _fax(kept)
        if fax is None:
            raise _no_attachment(job)
        with tempfile.TemporaryDirectory(prefix="fsfax-page-") as folder:
            source, picture = Path(folder) / "fax.tif", Path(folder) / "page.png"
            self._threads.run(self._store.save, fax, source)
            try:
                to_png(source, number, picture, width=width)
            except InvalidRequest as error:
                raise bad_identifier(f"page {number}") from error
            resp.data = picture.read_bytes()
        resp.content_type = PNG
        resp.etag = f"{fax.sha256[:32]}-{number}-{width}"

    def _bytes(self, kept: Sequence[Document], form: Form) -> _Bytes:
        with tempfile.TemporaryDirectory(prefix="fsfax-attachment-") as folder:
            target = Path(folder) / "document"
            originals = _originals(kept)
            if form == "original" and len(originals) > 1:
                self._zip(originals, target)
                media_type = ZIP
            elif form == "original":
                self._threads.run(self._store.save, originals[0], target)
                media_type = originals[0].media_type
            else:
                media_type = _TYPES[form]
                self._threads.run(self._store.save, _fax(kept), target)
                if form == "pdf":
                    tiff, target = target, Path(folder) / "document.pdf"
                    to_pdf(tiff, target)
            # Open, so that it outlives its folder.
            return _Bytes(target.open("rb"), target.stat().st_size, media_type)

    def _zip(self, originals: Sequence[Document], target: Path) -> None:
        piece = target.with_name("piece")
        with zipfile.ZipFile(target, "w") as archive:
            for document in originals:
                self._threads.run(self._store.save, document, piece)
                suffix = _SUFFIXES.get(document.media_type, "txt")
                archive.write(piece, f"{document.position + 1}.{suffix}")


def _chosen(req: falcon.Request, query: AttachmentQuery, kept: Sequence[Document]) -> Form:
    """Return the form that the query asks for, else the one that Accept prefers, else PDF."""
    offered: dict[str, Form] = {}
    originals = _originals(kept)
    if _fax(kept):
        offered |= {PDF: "pdf", TIFF: "tiff"}
    if originals:
        # An uploaded PDF is returned for ?format=original; Accept selects the PDF of the fax.
        offered.setdefault(originals[0].media_type if len(originals) == 1 else ZIP, "original")
    if query.format:
        if query.format == "original" and originals:
            return "original"
        # A fax that was cancelled before conversion has only the PDF that was uploaded.
        wanted = offered.get(_TYPES.get(query.format, ""))
        if wanted is None:
            raise ApiError(
                406, "not_acceptable", {"message": f"this fax is not available as {query.format}"}
            )
        return wanted
    best: str | None = req.client_prefers(list(offered))
    if best is None:
        raise ApiError(
            406, "not_acceptable", {"message": f"available media types: {', '.join(offered)}"}
        )
    return offered[best]


def _fax(kept: Sequence[Document]) -> Document | None:
    """Return the TIFF-F that was sent or received, None if there is none."""
    return next((d for d in kept if d.kind in ("fax", "received")), None)


def _originals(kept: Sequence[Document]) -> list[Document]:
    return [d for d in kept if d.kind in ("original", "received")]


def _etag(kept: Sequence[Document], form: Form) -> str:
    # The documents of a fax never change; the requested form does.
    return "".join(document.sha256[:16] for document in kept[:4]) + f"-{form}"


def _no_attachment(job: Job) -> ApiError:
    return ApiError(404, "bad_identifier", {"cause": job.id, "message": "no attachment found"})


def _send_range(req: falcon.Request, resp: falcon.Response, found: _Bytes) -> None:
    """Send the whole, or the one requested range (RFC 9110, section 14)."""
    resp.set_header("Accept-Ranges", "bytes")
    match = _RANGE.match(req.get_header("Range") or "")
    if not match or match.groups() == ("", ""):
        resp.set_stream(found.stream, found.size)
        return
    first, last = match.groups()
    if first:
        begin, end = int(first), min(int(last), found.size - 1) if last else found.size - 1
    else:
        begin, end = max(0, found.size - int(last)), found.size - 1
    if begin > end:
        found.stream.close()
        headers = {"Content-Range": f"bytes */{found.size}"}
        raise ApiError(
            416, "range not satisfiable", {"message": "the range begins beyond the end"}, headers
        )
    found.stream.seek(begin)
    resp.status = falcon.HTTP_206
    resp.content_range = (begin, end, found.size)
    resp.set_stream(_Slice(found.stream, end - begin + 1), end - begin + 1)


class _Slice:
    """The next ``size`` bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most ``size`` bytes, b"" at the end of the range."""
        whole = size is None or size < 0
        piece = self._stream.read(self._left if whole else min(size or 0, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
