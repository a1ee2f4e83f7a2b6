"""Fetching a document from a URL: a file in a folder, or an error that says what to do.

    fetched = fetch(FetchRequest(url="https://host/letter.pdf"), folder, settings.fetch)

Whoever may send a fax names the URL, and whoever answers there chooses every octet: both are
hostile until checked. Redirects are followed here, one connection each, because every hop is
judged like the first (`fetch_target`); what the document is, its own bytes say (`kinds`).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import gevent

from fsfax.document.kinds import HEAD, Kind, sniff
from fsfax.egress.exchange import Exchange, HubYield, Resolver, resolve
from fsfax.egress.request import FetchRequest
from fsfax.egress.target import Target, follow, parse_url
from fsfax.errors import DocumentEmpty, DocumentUnsupported, FetchError, InvalidFetch
from fsfax.log import get_logger
from fsfax.settings import FetchSettings

_log = get_logger(__name__)

MEDIA_TYPES: dict[Kind, str] = {
    "pdf": "application/pdf",
    "tiff": "image/tiff",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "text": "text/plain",
}
"""The media type of each kind of document that fsfax reads."""

_SUFFIXES: dict[Kind, str] = {
    "pdf": ".pdf",
    "tiff": ".tif",
    "png": ".png",
    "jpeg": ".jpg",
    "text": ".txt",
}

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 15.4
_SAME_METHOD = frozenset({307, 308})  # after the others a post becomes a get, as in browsers
_TRY_AGAIN = frozenset({408, 425, 429})  # and all of 5xx
_SERVER_ERROR = 500


_PIECE = 64 * 1024  # of uncompressed data at once
_COMPRESSED = frozenset({"gzip", "x-gzip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A document that was fetched.

    ``path`` is a new file, the caller's from now on; ``media_type`` is told from its content,
    whatever the server said; ``size`` in bytes; ``sha256`` in hex; ``url`` is where it came from
    after redirects, without credentials.
    """

    path: Path
    media_type: str
    size: int
    sha256: str
    url: str


def fetch(
    request: FetchRequest, into: Path, settings: FetchSettings, *, resolver: Resolver = resolve
) -> Fetched:
    """Fetch a document into a new file in the folder ``into``.

    It is written under a name that begins with a dot and ends in ``.part``; of a fetch that
    failed or was killed nothing stays. ``resolver`` finds the addresses of names.

    Raises:
        FetchError: ``temporary`` if it may succeed later: the server answers 5xx, 408, 425 or
            429, cannot be reached, keeps silent, is too slow or breaks off, or there is no room.
            An HTTP error says "could not retrieve file, HTTP response 404".
        ConfigurationError: ``fetch.ca_file`` cannot be read.
    """
    limit = gevent.Timeout(settings.total)
    try:
        with limit, _Part(into, settings.max_bytes) as part:
            url = _fetch(request, part, settings, resolver)
            fetched = part.keep(url)
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        raise FetchError(
            f"the document was not fetched: timed out after {settings.total:g} s (fetch.total); "
            "is that server too slow?",
            temporary=True,
        ) from timeout
    _log.info("fetched", url=url.partition("?")[0], size=fetched.size, type=fetched.media_type)
    return fetched


def _fetch(request: FetchRequest, part: _Part, settings: FetchSettings, resolver: Resolver) -> str:
    """Follow redirects to the document and write it; return its URL."""
    start = target = parse_url(request.url)
    method: Literal["get", "post"] = request.method
    known = True
    for _ in range(settings.max_redirects + 1):
        known = known and start.trusts(target)
        if method == "post" and not known:
            raise FetchError(
                "the server redirects the post to another host, which the content is not meant "
                "for; name the final URL"
            )
        body = (request.content or "").encode() if method == "post" else b""
        with Exchange(target, settings, resolver) as exchange:
            headers = _headers(target, settings, request if known else None, method)
            exchange.ask(method.upper(), target.path, headers, body)
            if exchange.status == _OK:
                part.expect(exchange.headers.get("content-length", ""))
                part.fill(_decoded(exchange))
                return target.url
            location = exchange.headers.get("location")
            if exchange.status not in _REDIRECTS or not location:
                raise _http_error(exchange.status)
            if exchange.status not in _SAME_METHOD:
                method = "get"
        try:
            target = follow(target, location)
        except InvalidFetch as error:
            raise FetchError(
                f"the server redirects to where nothing can be fetched: {error}"
            ) from error
    raise FetchError(
        f"more than {settings.max_redirects} redirects (fetch.max_redirects); name the final URL"
    )


def _headers(
    target: Target,
    settings: FetchSettings,
    request: FetchRequest | None,
    method: Literal["get", "post"],
) -> list[tuple[str, str]]:
    """The headers for a hop; ``request`` is None where it is none of the hop's business."""
    headers = [
        ("Host", (request and request.host) or target.authority),
        ("User-Agent", settings.user_agent),
        ("Accept", ", ".join([*MEDIA_TYPES.values(), "*/*;q=0.1"])),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if target.authorization:
        headers.append(("Authorization", target.authorization))
    if request and request.referer:
        headers.append(("Referer", request.referer))
    if request and method == "post":
        headers.append(("Content-Type", request.content_type or "text/plain; charset=utf-8"))
        headers.append(("Content-Length", str(len((request.content or "").encode()))))
    return headers


def _http_error(status: int) -> FetchError:
    return FetchError(
        f"could not retrieve file, HTTP response {status}",
        temporary=status >= _SERVER_ERROR or status in _TRY_AGAIN,
        status=status,
    )


def _decoded(exchange: Exchange) -> Iterator[bytes]:
    """The body, uncompressed: some servers compress what was asked for as it is."""
    coding = exchange.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return exchange.body()
    if coding in _COMPRESSED:
        return _gunzip(exchange.body())
    raise FetchError("the server sends the document compressed, and not by gzip; mend it there")


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Uncompress bit by bit, so that a bomb is noticed by its size before it is in memory."""
    gzip = zlib.decompressobj(wbits=31)
    turns = HubYield()
    try:
        for piece in pieces:
            data = piece
            while data and not gzip.eof:
                yield gzip.decompress(data, _PIECE)
                turns.yield_if_due()
                data = gzip.unconsumed_tail
    except zlib.error as error:
        raise FetchError("the server sends damaged gzip data; mend it there") from error
    if not gzip.eof:
        raise FetchError("the document ended early; it will be worth another try", temporary=True)


class _Part:
    """The file being written: counted, hashed and looked at on the way; gone if not kept."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._name = f"fetched-{secrets.token_hex(12)}"
        self._path = folder / f".{self._name}.part"
        self._max = max_bytes
        self._hash = hashlib.sha256()
        self._head = b""
        self._size = 0
        self._kind: Kind | None = None
        with self._room():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            # Unbuffered: a full disk is met while writing, not in closing.
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def expect(self, length: str) -> None:
        """Refuse a document that is announced to be too large, before it is transferred."""
        if length.isdecimal() and int(length) > self._max:
            raise self._too_large()

    def fill(self, pieces: Iterator[bytes]) -> None:
        """Write the pieces; stop as soon as they are too many or no document."""
        for piece in pieces:
            self._size += len(piece)
            if self._size > self._max:
                raise self._too_large()
            self._hash.update(piece)
            if self._kind is None:
                self._head += piece
                if len(self._head) >= HEAD:
                    self._kind = _kind(self._head[:HEAD])
            self._write(piece)
        if self._kind is None:
            self._kind = _kind(self._head)

    def keep(self, url: str) -> Fetched:
        """Give the file its name."""
        kind = self._kind or _kind(self._head)
        path = self._path.with_name(self._name + _SUFFIXES[kind])
        with self._room():
            self._path.rename(path)
        return Fetched(
            path=path,
            media_type=MEDIA_TYPES[kind],
            size=self._size,
            sha256=self._hash.hexdigest(),
            url=url,
        )

    def _too_large(self) -> FetchError:
        return FetchError(
            f"the document is too large: more than {self._max:,} bytes are not accepted "
            "(fetch.max_bytes); make it smaller or send it in parts"
        )

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        with self._room():
            while rest:  # an unbuffered write may write a part
                rest = rest[self._file.write(rest) :]

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # The server is not to blame and the document may be fine: once there is room
            # (or the folder is mended), the same request succeeds.
            raise FetchError(
                f"the document cannot be written to {self._path.parent}: {error.strerror}; "
                "make room there",
                temporary=True,
            ) from error


def _kind(head: bytes) -> Kind:
    try:
        return sniff(head)
    except DocumentEmpty as error:
        raise FetchError("the server gave an empty file; check the URL") from error
    except DocumentUnsupported as error:
        raise FetchError(f"what the server gave is not a document we can read: {error}") from error
