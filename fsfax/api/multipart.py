"""Multipart bodies, parsed while they arrive (RFC 2046, section 5.1; RFC 7578).

As in Kazoo, a part's content type says what it is: JSON is the fax, any other part is a document
and is written to a file of its own piece by piece.

    pieces of the body → python-multipart → _Parts → a JSON text, files in order
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from fsfax.api.envelope import ApiError, invalid, too_large
from fsfax.document.kinds import HEAD, is_text

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TYPES = ("multipart/form-data", "multipart/mixed", "multipart/related")
JSON_TYPES = ("application/json", "application/x-json")

_MAX_PARTS = 64
_MAX_HEADERS = 16
_LONGEST_BOUNDARY = 70
"""RFC 2046, section 5.1.1."""

_BASE64_TYPES = ("application/base64", "application/x-base64")
_PDF_TYPES = ("application/pdf", "application/x-pdf")
_DATA_URI = re.compile(rb"\s*data:[^,]{0,256};base64,")
_UNSAFE = re.compile(r"[^\w.() -]+")


def parse(
    pieces: Iterator[bytes], boundary: str, folder: Path, max_json: int
) -> tuple[bytes | None, tuple[Path, ...]]:
    """Return the JSON part (None if there is none) and the files of all others, in order.

    Raises:
        ApiError: 400, the body is malformed or has too many parts; 413, the JSON is longer than
            ``max_json`` bytes.
    """
    if not 1 <= len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise invalid("file", "encoding", "the content type has no valid boundary")
    parts = _Parts(folder, max_json)
    parser = MultipartParser(boundary, parts.callbacks(), max_header_count=_MAX_HEADERS)
    try:
        for piece in pieces:
            parser.write(piece)
    except FormParserError as error:
        raise invalid("file", "encoding", f"malformed multipart body: {error}") from error
    finally:
        parts.close()
    if not parts.ended:
        raise invalid("file", "encoding", "the body ends before its last boundary")
    return parts.json, tuple(parts.files)


def check_label(file: Path, kind: str) -> None:
    """Refuse text that is labelled as a PDF or an image: base64, or an error message.

    In any other case the bytes decide what a document is, not its label.

    Raises:
        ApiError: 400.
    """
    if kind not in _PDF_TYPES and not kind.startswith("image/"):
        return
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if head and b"%PDF-" not in head and is_text(head):
        raise invalid(
            "file",
            "encoding",
            f"a part is labelled {kind[:64]}, but it is text: base64 needs the"
            " header field Content-Transfer-Encoding: base64",
        )


class _Parts:
    """Callbacks of the parser; they collect the JSON part and write the files."""

    def __init__(self, folder: Path, max_json: int) -> None:
        self.json: bytes | None = None
        self.files: list[Path] = []
        self.ended = False
        self._folder = folder
        self._max_json = max_json
        self._count = 0
        self._head = bytearray()
        self._text: bytearray | None = None
        self._file: BinaryIO | None = None
        self._kind = ""
        self._base64: _Base64 | None = None

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_begin": lambda: None,
            "on_header_value": self._header_value,
            "on_header_end": lambda: self._head.extend(b"\n"),
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end_of_body,
        }

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _part_begin(self) -> None:
        self._count += 1
        if self._count > _MAX_PARTS:
            raise invalid("file", "maxItems", f"the body has more than {_MAX_PARTS} parts")
        self._head = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._head += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        if b":" not in self._head.rpartition(b"\n")[2]:
            self._head += b": "
        self._head += data[start:end]

    def _headers_finished(self) -> None:
        # Browsers send file names in plain UTF-8 (RFC 7578, section 5.1.2).
        head = message_from_string(self._head.decode(errors="replace"))
        kind = head.get_content_type() if "content-type" in head else "application/octet-stream"
        name = head.get_filename()
        if kind.startswith("multipart/"):
            raise invalid("file", "encoding", "a part may not have parts of its own")
        if kind in JSON_TYPES:
            if self.json is not None:
                raise invalid("json", "invalid", "There is more than one JSON part")
            self._text = bytearray()
        elif name is not None or (kind != "text/plain" and "content-type" in head):
            path = _new_path(self._folder, len(self.files), name or "")
            self._file = path.open("wb")
            self._base64 = _Base64() if _is_base64(head, kind) else None
            self.files.append(path)
            self._kind = kind
        # Any other part is a form field, which is ignored.

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._text is not None:
            self._text += piece
            if len(self._text) > self._max_json:
                raise too_large(self._max_json)
        elif self._file:
            self._file.write(self._base64.feed(piece) if self._base64 else piece)

    def _part_end(self) -> None:
        if self._text is not None:
            self.json = bytes(self._text)
        if self._file:
            if self._base64:
                self._file.write(self._base64.rest())
            self._file.close()
            check_label(self.files[-1], self._kind)
        self._text = self._file = self._base64 = None

    def _end_of_body(self) -> None:
        self.ended = True


def _is_base64(head: Message, kind: str) -> bool:
    encoding = str(head.get("content-transfer-encoding", "")).strip().lower()
    if encoding not in ("", "7bit", "8bit", "binary", "base64"):
        raise invalid("file", "encoding", "a part may be binary or in base64, nothing else")
    return encoding == "base64" or kind in _BASE64_TYPES


def _new_path(folder: Path, number: int, name: str) -> Path:
    """Return the path of a new file; each has its own folder, since names may be equal."""
    own = folder / str(number)
    own.mkdir()
    clean = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    return own / (clean.encode()[:120].decode(errors="ignore") or f"document-{number + 1}")


class _Base64:
    """Decodes base64 piece by piece; skips the head of a data URI."""

    _HEAD = 512

    def __init__(self) -> None:
        self._text = b""
        self._headless = False

    def feed(self, piece: bytes) -> bytes:
        self._text += piece
        if not self._headless and len(self._text) < self._HEAD:
            return b""
        return self._decode(whole=False)

    def rest(self) -> bytes:
        return self._decode(whole=True)

    def _decode(self, *, whole: bool) -> bytes:
        text = self._text if self._headless else _DATA_URI.sub(b"", self._text, count=1)
        self._headless = True
        text = b"".join(text.split())
        length = len(text) if whole else len(text) - len(text) % 4
        self._text = text[length:]
        try:
            return base64.b64decode(text[:length], validate=True)
        except binascii.Error as error:
            raise _bad_base64() from error


def _bad_base64() -> ApiError:
    return invalid("file", "encoding", "failed to decode base64 data")
