"""Bodies of requests: JSON however it is labelled, multipart of any kind, raw documents.

Documents are written to a temporary folder piece by piece: a body of 100 MB is never in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import falcon
import gevent

from fsfax.api import multipart
from fsfax.api.envelope import ApiError, invalid, too_large

RAW_TYPES = ("application/pdf", "application/x-pdf", "image/tiff")
FORM_TYPE = "application/x-www-form-urlencoded"

_PIECE = 64 * 1024
_MAX_JSON = 1024 * 1024


class ByteSource(Protocol):
    """A binary stream."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, b"" at the end."""


@dataclass(frozen=True, slots=True)
class Received:
    """The content of a body: ``json`` (None if there is none), and the files in their order."""

    json: Any
    files: tuple[Path, ...]


class LimitedReader:
    """A body; reading fails beyond ``limit`` bytes, and ``seconds`` after the block began."""

    def __init__(self, source: ByteSource, limit: int, seconds: float) -> None:
        self._source = source
        self._limit = limit
        self._left = limit
        self._timeout = gevent.Timeout(seconds, _too_slow(seconds))

    def __enter__(self) -> LimitedReader:
        self._timeout.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timeout.close()

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, b"" at the end.

        Raises:
            ApiError: the body is too long, was interrupted, or takes too long.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        try:
            piece = self._source.read(wanted)
        except OSError as error:
            raise ApiError(
                400,
                "faulty_request",
                {"message": "the body is incomplete: the connection was lost"},
            ) from error
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._limit)
        return piece


def _too_slow(seconds: float) -> ApiError:
    return ApiError(408, "timeout", {"message": f"the body was not complete after {seconds:.0f} s"})


@contextmanager
def receive(req: falcon.Request, *, limit: int, seconds: float) -> Iterator[Received]:
    """Yield the body of a request that creates a fax; its files are deleted after the block.

    Raises:
        ApiError: 400, 408, 413 or 415.
    """
    if (req.content_length or 0) > limit:
        raise too_large(limit)
    kind, options = falcon.parse_header(req.content_type or multipart.JSON_TYPES[0])
    kind = kind.lower()
    with (
        tempfile.TemporaryDirectory(prefix="fsfax-upload-") as folder,
        LimitedReader(_stream(req), limit, seconds) as body,
    ):
        if kind in multipart.TYPES:
            boundary = options.get("boundary", "")
            text, files = multipart.parse(_pieces(body), boundary, Path(folder), _MAX_JSON)
            yield Received(None if text is None else _json(text), files)
        elif kind in RAW_TYPES:
            file = Path(folder) / "document"
            with file.open("wb") as target:
                target.writelines(_pieces(body))
            multipart.check_label(file, kind)
            yield Received(None, (file,))
        elif kind in multipart.JSON_TYPES or kind == FORM_TYPE:
            # curl -d labels JSON as a form, and so do the examples of Kazoo's documentation.
            yield Received(_json(body.read(_MAX_JSON + 1)), ())
        else:
            raise ApiError(
                415,
                "unsupported_media_type",
                {"message": f"{kind[:64]} is not accepted: send JSON, multipart, PDF or TIFF"},
            )


def receive_json(req: falcon.Request, *, seconds: float) -> Any:
    """Return a body that is JSON, whatever its content type.

    Raises:
        ApiError: 400, 408 or 413.
    """
    if (req.content_length or 0) > _MAX_JSON:
        raise too_large(_MAX_JSON)
    with LimitedReader(_stream(req), _MAX_JSON, seconds) as body:
        return _json(body.read())


def _stream(req: falcon.Request) -> ByteSource:
    # The server ends the input at Content-Length or at the last chunk (RFC 9112, 6.3).
    source: ByteSource = req.env["wsgi.input"]
    return source


def _json(data: bytes) -> Any:
    if len(data) > _MAX_JSON:
        raise too_large(_MAX_JSON)
    try:
        found = json.loads(data or b"{}", parse_constant=_refuse_constant)
        json.dumps(found).encode()  # half a surrogate pair cannot be stored
    except (ValueError, RecursionError) as error:
        raise invalid(
            "json", "invalid", "All JSON must be valid", target="body", cause=str(error)[:200]
        ) from error
    if not isinstance(found, dict):
        raise invalid("json", "invalid", "The body must be a JSON object", target="body")
    if _has_nul(found):
        raise invalid("json", "invalid", "A string contains a NUL character", target="body")
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _has_nul(value: Any) -> bool:
    """Return whether a string contains NUL, the one character that PostgreSQL cannot store."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_nul(part) for pair in value.items() for part in pair)
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _pieces(source: ByteSource) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
