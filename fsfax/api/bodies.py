"""Bodies of requests: JSON however it is labelled, multipart of any kind, raw documents.

Documents go to files in a temporary folder piece by piece: a body of 100 MB never is in memory.
Parts of a multipart body are told apart by their content type, as the original does it: JSON is
the fax, everything else is a document of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import falcon
import gevent
from falcon.media.multipart import BodyPart, MultipartForm, MultipartParseOptions
from falcon.util import BufferedReader

from fsfax.api.envelope import Refusal, invalid, too_large

JSON_TYPES = ("application/json", "application/x-json")
MULTIPART_TYPES = ("multipart/form-data", "multipart/mixed", "multipart/related")
RAW_TYPES = ("application/pdf", "application/x-pdf", "image/tiff")
FORM_TYPE = "application/x-www-form-urlencoded"

_PIECE = 64 * 1024
_MAX_JSON = 1024 * 1024
_MAX_PARTS = 64
_BASE64_TYPES = ("application/base64", "application/x-base64")
_DATA_URI = re.compile(rb"\s*data:[^,]{0,256};base64,")
_UNSAFE = re.compile(r"[^\w.() -]+")


class Source(Protocol):
    """Something to read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a body had in it: ``json`` is None where there was none; files lie in order."""

    json: Any
    files: tuple[Path, ...]


class Counted:
    """A body that ends with an error beyond ``limit`` bytes, and after ``seconds``."""

    def __init__(self, source: Source, limit: int, seconds: float) -> None:
        self._source = source
        self._limit = limit
        self._left = limit
        self._timeout = gevent.Timeout(seconds, _too_slow(seconds))

    def __enter__(self) -> Counted:
        self._timeout.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timeout.close()

    def read(self, size: int = -1, /) -> bytes:
        """Read on.

        Raises:
            Refusal: it is too long, broken off, or came too slowly.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        try:
            piece = self._source.read(wanted)
        except OSError as error:
            raise Refusal(400, "faulty_request", {"message": "the body broke off"}) from error
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._limit)
        return piece


def _too_slow(seconds: float) -> Refusal:
    return Refusal(408, "timeout", {"message": f"the body did not come within {seconds:.0f} s"})


@contextmanager
def receive(req: falcon.Request, *, limit: int, seconds: float) -> Iterator[Received]:
    """Read the body of a request that makes a fax; its files live as long as the block.

    Raises:
        Refusal: 400, 408, 413 or 415.
    """
    if (req.content_length or 0) > limit:
        raise too_large(limit)
    kind, options = falcon.parse_header(req.content_type or JSON_TYPES[0])
    kind = kind.lower()
    with (
        tempfile.TemporaryDirectory(prefix="fsfax-upload-") as folder,
        Counted(_stream(req), limit, seconds) as body,
    ):
        if kind in MULTIPART_TYPES:
            yield _multipart(body, options.get("boundary", ""), Path(folder))
        elif kind in RAW_TYPES:
            file = _place(Path(folder), 0, "document")
            _save(body, file)
            yield Received(None, (file,))
        elif kind in JSON_TYPES or kind == FORM_TYPE:
            # curl -d labels its JSON as a form, and so do the examples of the API's document.
            yield Received(_json(body.read(_MAX_JSON + 1)), ())
        else:
            raise Refusal(
                415,
                "unsupported_media_type",
                {"message": f"not {kind[:64]}, but JSON, multipart, PDF or TIFF"},
            )


def receive_json(req: falcon.Request, *, seconds: float) -> Any:
    """Read a body that is JSON, whatever its label.

    Raises:
        Refusal: 400, 408 or 413.
    """
    if (req.content_length or 0) > _MAX_JSON:
        raise too_large(_MAX_JSON)
    with Counted(_stream(req), _MAX_JSON, seconds) as body:
        return _json(body.read())


def _stream(req: falcon.Request) -> Source:
    # The server's input ends by itself, by Content-Length or by the last chunk (RFC 9112, 6.3).
    source: Source = req.env["wsgi.input"]
    return source


def _json(data: bytes) -> Any:
    if len(data) > _MAX_JSON:
        raise too_large(_MAX_JSON)
    try:
        found = json.loads(data or b"{}", parse_constant=_no_number)
        json.dumps(found).encode()  # half a surrogate pair cannot be stored
    except (ValueError, RecursionError) as error:
        raise invalid(
            "json", "invalid", "All JSON must be valid", target="body", cause=str(error)[:200]
        ) from error
    if not isinstance(found, dict):
        raise invalid("json", "invalid", "The body must be a JSON object", target="body")
    if _has_nul(found):
        raise invalid("json", "invalid", "A string has a NUL character in it", target="body")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _has_nul(value: Any) -> bool:
    """PostgreSQL stores every character but that one."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_nul(part) for pair in value.items() for part in pair)
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _multipart(body: Counted, boundary: str, folder: Path) -> Received:
    # RFC 2046, section 5.1.1.
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():  # noqa: PLR2004
        raise invalid("file", "encoding", "the content type has no (good) boundary")
    options = MultipartParseOptions()
    options.max_body_part_count = _MAX_PARTS
    options.max_body_part_buffer_size = _MAX_JSON
    reader: Any = BufferedReader(body.read, 1 << 62)
    found: Any = None
    files: list[Path] = []
    try:
        for part in MultipartForm(reader, boundary.encode(), None, options):
            kind = falcon.parse_header(part.content_type)[0].lower()
            if kind in JSON_TYPES:
                if found is not None:
                    raise invalid("json", "invalid", "There is more than one JSON part")
                found = _json(part.get_data())
            elif kind == "text/plain" and part.filename is None:
                continue  # fields of a form, which nobody here knows
            else:
                file = _place(folder, len(files), part.filename or "")
                _save(_decoded(part, kind), file)
                files.append(file)
    except (falcon.MediaMalformedError, falcon.MultipartParseError, UnicodeError) as error:
        words = getattr(error, "description", None) or "the parts cannot be told apart"
        raise invalid("file", "encoding", str(words)) from error
    return Received(found, tuple(files))


def _place(folder: Path, number: int, name: str) -> Path:
    """A file under its own name, in a folder of its own: two may have the same one."""
    own = folder / str(number)
    own.mkdir()
    clean = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    return own / (clean.encode()[:120].decode(errors="ignore") or f"document-{number + 1}")


def _save(source: Source, file: Path) -> None:
    with file.open("wb") as target:
        while piece := source.read(_PIECE):
            target.write(piece)


def _decoded(part: BodyPart, kind: str) -> Source:
    headers: dict[bytes, bytes] = part._headers  # there is no other way to them
    encoding = headers.get(b"content-transfer-encoding", b"").strip().lower()
    if encoding == b"base64" or kind in _BASE64_TYPES:
        return _Base64(part.stream.read)
    return part.stream


class _Base64:
    """A stream that is decoded on the way; a data URI's head is passed over."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._rest = b""
        self._first = True

    def read(self, size: int = -1, /) -> bytes:
        while True:
            piece = self._read(max(size, 1024))
            if self._first:
                piece = _DATA_URI.sub(b"", piece, count=1)
                self._first = False
            text = self._rest + b"".join(piece.split())
            whole = len(text) - len(text) % 4 if piece else len(text)
            self._rest = text[whole:]
            try:
                decoded = base64.b64decode(text[:whole], validate=True)
            except binascii.Error as error:
                raise invalid("file", "encoding", "failed to decode base64 data") from error
            if decoded or not piece:
                return decoded
