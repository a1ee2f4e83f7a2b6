"""A document fetched from a URL into a file, or an error that says what to do.

    fetched = fetch(FetchRequest(url="https://host/letter.pdf"), folder, settings.fetch)

The URL comes from a client, and the server behind it chooses every octet: both are hostile until
checked. Redirects are followed here, with a connection for each hop, because every hop is checked
like the first (`fsfax.egress.target`); the kind of the document is found from its bytes (`kinds`).
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
from fsfax.egress.target import Target, parse_url, redirect_target
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
_TEMPORARY = frozenset({408, 425, 429})  # and all of 5xx
_SERVER_ERROR = 500

_PIECE = 64 * 1024  # bytes that are uncompressed at a time
_COMPRESSED = frozenset({"gzip", "x-gzip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A document that was fetched.

    ``path`` is a new file, which belongs to the caller; ``media_type`` is that of its content,
    whatever the server said; ``size`` is in bytes, ``sha256`` in hex; ``url`` is the URL after
    redirects, without credentials.
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

    The file is written under a name that begins with a dot and ends in ``.part``, and removed if
    the fetch fails or its greenlet is killed. ``resolver`` finds the addresses of names.

    Raises:
        FetchError: ``temporary`` if it may succeed later: the server answers 5xx, 408, 425 or
            429, cannot be reached, does not answer, is too slow or breaks off, or the disk is
            full. An HTTP error says "could not retrieve file, HTTP response 404".
        InvalidFetch: the request, which may have been stored, is not valid.
        ConfigurationError: ``fetch.ca_file`` cannot be read.
    """
    request.check()
    limit = gevent.Timeout(settings.total)
    try:
        with limit, _PartFile(into, settings.max_bytes) as part:
            url = _fetch(request, part, settings, resolver)
            fetched = part.finish(url)
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        raise FetchError(
            f"the document was not fetched: timed out after {settings.total:g} s (fetch.total); "
            "is that server too slow?",
            temporary=True,
        ) from timeout
    _log.info(
        "document_fetched", url=url.partition("?")[0], size=fetched.size, type=fetched.media_type
    )
    return fetched


def _fetch(
    request: FetchRequest, part: _PartFile, settings: FetchSettings, resolver: Resolver
) -> str:
    """Follow redirects to the document, write it and return its URL."""
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
            exchange.send_request(method.upper(), target.path, headers, body)
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
            target = redirect_target(target, location)
        except InvalidFetch as error:
            raise FetchError(
                f"the server redirects to a URL that cannot be fetched: {error}"
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
    """Return the headers for a hop; ``request`` is None where the hop must not see its fields."""
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
        temporary=status >= _SERVER_ERROR or status in _TEMPORARY,
        status=status,
    )


def _decoded(exchange: Exchange) -> Iterator[bytes]:
    """Yield the body, uncompressed: some servers compress although identity was requested."""
    coding = exchange.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return exchange.body()
    if coding in _COMPRESSED:
        return _gunzip(exchange.body())
    raise FetchError(
        f"the server sends the document compressed as {coding!r}; it must send it as it is, or "
        "as gzip"
    )


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield uncompressed pieces of 64 KiB, so that a bomb exceeds the limit before the memory."""
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
        raise FetchError(
            "the server sends damaged gzip data; check the document on the server"
        ) from error
    if not gzip.eof:
        raise FetchError("the document ended early; try again later", temporary=True)


class _PartFile:
    """The file being written: counted, hashed, its kind checked; removed unless finished."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._name = f"fetched-{secrets.token_hex(12)}"
        self._path = folder / f".{self._name}.part"
        self._max = max_bytes
        self._hash = hashlib.sha256()
        self._head = b""
        self._size = 0
        self._kind: Kind | None = None
        with self._disk_errors():
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
        """Raise if Content-Length announces too large a document, before it is transferred."""
        if length.isdecimal() and int(length) > self._max:
            raise self._too_large()

    def fill(self, pieces: Iterator[bytes]) -> None:
        """Write the pieces; raise as soon as they are too many or not a document."""
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

    def finish(self, url: str) -> Fetched:
        """Give the file its final name and return what was fetched."""
        kind = self._kind or _kind(self._head)
        path = self._path.with_name(self._name + _SUFFIXES[kind])
        with self._disk_errors():
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
        with self._disk_errors():
            while rest:  # an unbuffered write may write a part
                rest = rest[self._file.write(rest) :]

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Raise a temporary FetchError for an OSError."""
        try:
            yield
        except OSError as error:
            # Neither the server nor the document is at fault: once there is free space
            # (or the folder can be written), the same request succeeds.
            raise FetchError(
                f"the document cannot be written to {self._path.parent}: {error.strerror}; "
                "check the free space and the folder's permissions",
                temporary=True,
            ) from error


def _kind(head: bytes) -> Kind:
    try:
        return sniff(head)
    except DocumentEmpty as error:
        raise FetchError("the server sent an empty file; check the URL") from error
    except DocumentUnsupported as error:
        raise FetchError(
            f"what the server sent is not a document that can be faxed: {error}"
        ) from error
