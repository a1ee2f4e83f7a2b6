"""Mail messages: parsed, with the decoded bytes of each part in a file.

The standard library's parser accepts any input; its cost is bounded here: bytes of the header,
number of parts, depth of parts, time. Memory is about five times the mail (the parser holds lines,
then a string, then the decoded bytes), so the caller limits how much is parsed at once.
"""

from __future__ import annotations

import codecs
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesFeedParser
from pathlib import Path
from typing import Any, BinaryIO

from fsfax.document.kinds import HEAD
from fsfax.log import get_logger
from fsfax.mail.part_selection import Part
from fsfax.mail.refusal import SmtpRefusal
from fsfax.runtime.sanitize import file_name, one_line

_log = get_logger(__name__)

MAX_HEADER = 256 * 1024
MAX_PARTS = 100
MAX_DEPTH = 10
MAX_SECONDS = 30.0

_CHUNK = 64 * 1024
_MAX_FIELD = 8 * 1024
"""Characters of a header field that are parsed: the library is slow on long fields."""

_NOT_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"})
"""Codecs of Python that are not character sets; some take quadratic time."""

_POLICY: Any = policy.default


@dataclass(frozen=True, slots=True)
class Mail:
    """A parsed mail.

    identity: a hash of the Message-ID (else of the date) and of everything after the header, equal
    when the same mail is sent again. Trace fields are left out: a mail that is sent again has new
    ones. named: it has a Message-ID or a date. files: the decoded bytes of each part, in order.
    """

    subject: str
    message_id: str
    identity: str
    named: bool
    parts: tuple[Part, ...]
    files: tuple[Path, ...]
    header: Callable[[str], list[str]]

    def file(self, part: Part) -> Path:
        """Return the file with the decoded bytes of a part."""
        return self.files[part.number - 1]


def parse_mail(
    stream: BinaryIO, folder: Path, *, clock: Callable[[], float] = time.monotonic
) -> Mail:
    """Parse a mail and write the decoded bytes of its parts to files in ``folder``.

    Raises:
        SmtpRefusal: 554, it cannot be parsed, or exceeds a limit.
        OSError: the folder cannot be written.
    """
    deadline = clock() + MAX_SECONDS
    try:
        message, body = _parsed(stream, lambda: clock() > deadline)
        header = _fields_of(message)
        parts, files = _unpacked(message, folder)
    except (SmtpRefusal, OSError):
        raise
    except Exception as error:  # the library raises any class on hostile input
        _log.warning("mail_not_parsed", error=f"{type(error).__name__}: {error}")
        raise SmtpRefusal(554, "5.6.0", "Message decode failed: this is not a mail") from error
    message_id = one_line(next(iter(header("message-id")), ""), 250)
    name = message_id or next(iter(header("date")), "")
    return Mail(
        subject=one_line(next(iter(header("subject")), ""), 250),
        message_id=message_id,
        identity=f"{hashlib.sha256(name.encode(errors='replace')).hexdigest()}{body}",
        named=bool(name),
        parts=parts,
        files=files,
        header=header,
    )


def _parsed(stream: BinaryIO, is_late: Callable[[], bool]) -> tuple[EmailMessage, str]:
    """Return the message and the hash of what follows its header."""
    count = 0

    def new_message(policy: Any = _POLICY) -> EmailMessage:
        nonlocal count
        count += 1
        if count > MAX_PARTS:
            raise SmtpRefusal(554, "5.6.0", f"the mail has more than {MAX_PARTS} parts")
        return EmailMessage(policy)

    parser = BytesFeedParser(new_message, policy=_POLICY)
    start = stream.read(MAX_HEADER)
    end = _end_of_header(start)
    if end < 0 and len(start) == MAX_HEADER:
        raise SmtpRefusal(554, "5.6.0", f"the header has more than {MAX_HEADER} bytes")
    digest = hashlib.sha256(start[end:] if end >= 0 else b"")
    parser.feed(start)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        parser.feed(chunk)
        if is_late():
            raise SmtpRefusal(554, "5.6.0", f"parsing the mail took more than {MAX_SECONDS:.0f} s")
    message = parser.close()
    if not isinstance(message, EmailMessage):
        raise TypeError(f"a {type(message).__name__} is not a message")
    return message, digest.hexdigest()


def _end_of_header(start: bytes) -> int:
    ends = [start.find(blank) for blank in (b"\r\n\r\n", b"\n\n")]
    return min((end for end in ends if end >= 0), default=-1)


def _fields_of(message: EmailMessage) -> Callable[[str], list[str]]:
    """Return a function from a field's name to its values: parsed, else as they were sent."""

    def values(name: str) -> list[str]:
        found: list[str] = []
        for field, raw in list(message.raw_items()):
            if field.lower() == name:
                found.append(_value(name, str(raw)))
        return found

    return values


def _value(name: str, raw: str) -> str:
    raw = raw[:_MAX_FIELD]
    try:
        return str(_POLICY.header_fetch_parse(name, raw))
    except Exception:  # noqa: BLE001  # the library raises many classes
        return raw


def _leaves(message: Any, depth: int = 0, related: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield the parts that have no parts, and whether each is in ``multipart/related``."""
    if depth > MAX_DEPTH:
        raise SmtpRefusal(554, "5.6.0", f"parts are nested more than {MAX_DEPTH} deep")
    kind = _of(message.get_content_type, "application/octet-stream")
    if message.is_multipart() and kind.startswith("multipart/"):
        for part in message.get_payload():
            yield from _leaves(part, depth + 1, related or kind == "multipart/related")
    else:
        yield message, related


def _unpacked(message: EmailMessage, folder: Path) -> tuple[tuple[Part, ...], tuple[Path, ...]]:
    parts: list[Part] = []
    files: list[Path] = []
    for number, (leaf, related) in enumerate(_leaves(message), 1):
        part = _described(leaf, number, related)
        place = folder / str(number)
        place.mkdir()
        # The name of the file is stored with the document, see `fsfax.jobs.intake`.
        file = place / (part.name or "document")
        data = _data(leaf, part.media_type)
        file.write_bytes(data)
        files.append(file)
        parts.append(replace(part, size=len(data), head=data[:HEAD]))
        leaf.set_payload("")  # free its memory
    return tuple(parts), tuple(files)


def _described(leaf: Any, number: int, related: bool) -> Part:
    return Part(
        number=number,
        media_type=one_line(_of(leaf.get_content_type, "application/octet-stream"), 100).lower(),
        name=file_name(_of(leaf.get_filename, "") or ""),
        attached=_of(leaf.get_content_disposition, "") == "attachment",
        related=related and leaf.get("content-id") is not None,
        size=0,
        head=b"",
    )


def _of(read: Callable[[], Any], default: str) -> Any:
    """Return what the library reads from a header, ``default`` if it fails."""
    try:
        return read()
    except Exception:  # noqa: BLE001  # as above
        return default


def _data(leaf: Any, media_type: str) -> bytes:
    """Return the decoded bytes; a plain text is converted to UTF-8."""
    if leaf.is_multipart():  # message/rfc822: not opened
        return b""
    data = leaf.get_payload(decode=True)
    if not isinstance(data, bytes):
        return b""
    if media_type != "text/plain":
        return data
    try:
        charset = codecs.lookup(str(_of(leaf.get_content_charset, "") or "utf-8")).name
        return data.decode("utf-8" if charset in _NOT_CHARSETS else charset).encode()
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace").encode()
