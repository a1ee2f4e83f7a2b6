"""FreeSWITCH's event socket as bytes: frames in, frames out, no I/O.

The format is mod_event_socket's: header lines ``Name: value`` ended by LF, an empty line, and
a body of ``Content-Length`` bytes. An event is a frame whose body is again header lines, this
time percent-encoded, with a possible inner ``Content-Length`` body (``BACKGROUND_JOB``).

Theory of operation: a reader takes bytes in any fragmentation and returns whole frames. Lines
are split on the raw bytes and a value is decoded only when it is read. So a ``%0A`` in a far
end's station id can never become a line break, and the two hundred headers of an event that are
never read cost nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from fsfax.errors import InvalidCommand, ProtocolError

MAX_FRAME = 8 * 1024 * 1024
"""Bytes of headers and body of one frame; the largest real ones are event dumps of some 30 kB."""

Fields = Iterable[tuple[str, str]]

# switch_event_serialize() encodes with switch_url_encode(), which leaves these as they are.
# Encoding more than FreeSWITCH does is harmless, encoding less is not.
_PLAIN = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'(),/$&=;|[]^+?"
) - frozenset(b"+?&=;|[]^$")
_ENCODED = tuple(chr(b) if b in _PLAIN else f"%{b:02X}" for b in range(256))
_BREAKS = re.compile(r"[\r\n\0]")
# read_packet() of mod_event_socket takes CRLF as well.
_END = re.compile(rb"\n\r?\n")
_ARRAY = "ARRAY::"
_COLON = ord(":")


def percent_decode(raw: bytes) -> str:
    """Decode one header value; bytes that are not UTF-8 become replacement characters."""
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


def percent_encode(value: str) -> str:
    """Encode one header value so that it is a single line of plain ASCII."""
    return "".join([_ENCODED[byte] for byte in value.encode("utf-8", "replace")])


class Headers(Mapping[str, str]):
    """Header lines: names without regard to case, values decoded when they are read.

    Order and duplicates are preserved: indexing returns the first value, `get_all` all of them.
    A line without a colon is a name with an empty value.

    A look-up searches the raw block for the line. An event has some two hundred headers of
    which fewer than ten are read, so this is far cheaper than splitting all of them.
    """

    __slots__ = ("_block", "_encoded", "_folded")

    def __init__(self, block: bytes, *, encoded: bool = True) -> None:
        self._block = b"\n" + block + b"\n"
        self._folded: bytes | None = None
        self._encoded = encoded

    def raw(self, name: str) -> bytes | None:
        """Return the first value as it was on the wire, or None."""
        return next(self._values(name), None)

    def get_all(self, name: str) -> list[str]:
        """Return every value of that name, in order."""
        return [self._decode(value) for value in self._values(name)]

    def array(self, name: str) -> list[str]:
        """Return the items of an array (``ARRAY::one|:two``), or each of several values."""
        items: list[str] = []
        for value in self.get_all(name):
            if value.startswith(_ARRAY):
                items.extend(value.removeprefix(_ARRAY).split("|:"))
            else:
                items.append(value)
        return items

    def __getitem__(self, name: str) -> str:
        value = self.raw(name)
        if value is None:
            raise KeyError(name)
        return self._decode(value)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names as they were sent, each one once.

        A name that is not UTF-8 is left out: it could not be looked up either.
        """
        seen = set()
        for line in self._block.split(b"\n"):
            name = line.partition(b":")[0]
            if name and name.lower() not in seen:
                seen.add(name.lower())
                with contextlib.suppress(UnicodeDecodeError):
                    yield name.decode()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.raw(name) is not None

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"

    def _values(self, name: str) -> Iterator[bytes]:
        if not name or "\n" in name:
            return
        if self._folded is None:
            self._folded = self._block.lower()
        wanted = b"\n" + name.encode("utf-8", "replace").lower()
        at = self._folded.find(wanted)
        while at >= 0:
            start = at + len(wanted)
            end = self._block.index(b"\n", start)
            if start == end or self._block[start] == _COLON:
                yield self._block[start + 1 : end].strip()
            at = self._folded.find(wanted, end)

    def _decode(self, value: bytes) -> str:
        return percent_decode(value) if self._encoded else value.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the socket. The outer headers are not percent-encoded."""

    headers: Headers
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The content type in lower case, "" if there was none."""
        return self.headers.get("Content-Type", "").lower()


@dataclass(frozen=True, slots=True)
class Event:
    """A FreeSWITCH event: its headers, and the inner body that some events have."""

    headers: Headers
    body: bytes = b""
    name: str = field(init=False)
    subclass: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.get("Event-Name"))
        object.__setattr__(self, "subclass", self.get("Event-Subclass"))

    @classmethod
    def from_body(cls, data: bytes) -> Event:
        """Return the event in the body of a ``text/event-plain`` frame.

        With a wrong inner Content-Length the body is whatever is there.
        """
        head, _, rest = data.partition(b"\n\n")
        headers = Headers(head)
        length = headers.get("Content-Length", "").strip()
        if length.isascii() and length.isdigit():
            rest = rest[: int(length)] if len(length) <= 12 else rest  # noqa: PLR2004
        return cls(headers, rest)

    @classmethod
    def from_frame(cls, frame: Frame) -> Event:
        """Return the event in the body of a frame."""
        return cls.from_body(frame.body)

    @property
    def uuid(self) -> str:
        """The channel that the event belongs to, "" if none."""
        return self.get("Unique-ID")

    def get(self, name: str, default: str = "") -> str:
        """Return a header, decoded."""
        return self.headers.get(name, default)

    def variable(self, name: str, default: str = "") -> str:
        """Return a channel variable from the event."""
        return self.headers.get(f"variable_{name}", default)


class _LineReader:
    """Splits a byte stream into messages: a header block and a body of known length."""

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._scanned = 0
        self._head: bytes | None = None
        self._need = 0

    @property
    def is_idle(self) -> bool:
        """No unfinished message is in the buffer."""
        return self._head is None and not self._buffer.strip(b"\r\n")

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        self._buffer += data
        while True:
            if self._head is None and not self._take_head():
                return
            if len(self._buffer) < self._need:
                return
            body = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
            head, self._head = self._head, None
            assert head is not None  # noqa: S101  # _take_head set it
            yield head, body

    def _take_head(self) -> bool:
        if self._scanned == 0:
            # A line end after a body leaves empty lines before the next message.
            blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            del self._buffer[:blank]
        end = _END.search(self._buffer, max(0, self._scanned - 2))
        if end is None:
            self._scanned = len(self._buffer)
            if self._scanned > self._limit:
                raise ProtocolError(
                    f"a header block of more than {self._limit} bytes: this is not an event socket"
                )
            return False
        head = bytes(self._buffer[: end.start()])
        del self._buffer[: end.end()]
        self._scanned = 0
        self._need = _body_length(head, self._limit)
        self._head = head
        return True


def _body_length(head: bytes, limit: int) -> int:
    text = Headers(head, encoded=False).get("Content-Length", "0").strip()
    if not (text.isascii() and text.isdigit()):
        raise ProtocolError(f"the content length {text[:40]!r} is not a number")
    length = int(text) if len(text) <= 12 else limit + 1  # noqa: PLR2004
    if length + len(head) > limit:
        raise ProtocolError(f"a frame of {text[:40]} bytes is over the limit of {limit}")
    return length


class FrameReader:
    """Turns the bytes of a server into frames.

    Args:
        limit: bytes that one frame may have, headers and body together.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._reader = _LineReader(limit)

    def feed(self, data: bytes) -> list[Frame]:
        """Add received bytes; return the frames that are complete now.

        Raises:
            ProtocolError: a frame is over the limit or has no readable length. The stream
                cannot be trusted from here on: close the connection.
        """
        return [Frame(Headers(head, encoded=False), body) for head, body in self._reader.feed(data)]

    def eof(self) -> None:
        """Check the end of the stream.

        Raises:
            ProtocolError: it ended in the middle of a frame.
        """
        if not self._reader.is_idle:
            raise ProtocolError("the connection ended in the middle of a message")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a client: the first line, the header lines after it, a body."""

    line: str
    headers: Headers
    body: bytes = b""

    @property
    def verb(self) -> str:
        """The first word, in lower case."""
        return self.line.partition(" ")[0].lower()

    @property
    def arg(self) -> str:
        """What follows the first word."""
        return self.line.partition(" ")[2].strip()


class CommandReader:
    """Turns the bytes of a client into commands: the server's side of the wire."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._reader = _LineReader(limit)

    def feed(self, data: bytes) -> list[Command]:
        """Add received bytes; return the commands that are complete now.

        Raises:
            ProtocolError: a command is over the limit or has no readable length.
        """
        commands = []
        for head, body in self._reader.feed(data):
            line, _, rest = head.replace(b"\r\n", b"\n").partition(b"\n")
            text = line.decode("utf-8", "replace").strip()
            commands.append(Command(text, Headers(rest, encoded=False), body))
        return commands


def _line(text: str, what: str) -> str:
    if _BREAKS.search(text):
        raise InvalidCommand(
            f"{what} has a line break or NUL and would become another command: {text[:80]!r}"
        )
    return text


def _block(first: str, headers: Fields, body: bytes | None) -> bytes:
    lines = [first] if first else []
    for name, value in headers:
        if not name or ":" in name:
            raise InvalidCommand(f"{name!r} is not a header name")
        lines.append(f"{_line(name, 'a header name')}: {_line(value, f'the header {name}')}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\n".join(lines).encode("utf-8", "replace") + b"\n\n" + (body or b"")


def encode_command(command: str, headers: Fields = (), body: bytes = b"") -> bytes:
    """Return the bytes of one command.

    Raises:
        InvalidCommand: the command or a header has a CR, LF or NUL.
    """
    if not command.strip():
        raise InvalidCommand("an empty command")
    return _block(_line(command, "the command"), headers, body or None)


def encode_frame(
    content_type: str | None, headers: Fields = (), body: bytes | None = None
) -> bytes:
    """Return the bytes of one frame of a server.

    Raises:
        InvalidCommand: a header has a CR, LF or NUL.
    """
    first = [("Content-Type", content_type)] if content_type else []
    return _block("", [*first, *headers], body)


def encode_reply(text: str, headers: Fields = ()) -> bytes:
    """Return a ``command/reply`` frame; ``text`` is "+OK …" or "-ERR …".

    Raises:
        InvalidCommand: text or a header has a CR, LF or NUL.
    """
    return encode_frame("command/reply", [("Reply-Text", text), *headers])


def encode_event(headers: Fields, body: bytes = b"") -> bytes:
    """Return a ``text/event-plain`` frame with every value percent-encoded.

    Raises:
        InvalidCommand: a header name has a CR, LF, NUL or colon.
    """
    encoded = [(name, percent_encode(value)) for name, value in headers]
    return encode_frame("text/event-plain", (), _block("", encoded, body or None))
