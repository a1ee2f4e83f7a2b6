"""One HTTP exchange on one connection of ours: find, check, connect, ask, read the answer.

h11 speaks HTTP/1.1 here, straight on a gevent socket. A client library would bring its own
resolver, pool, proxies, redirects and decompression, each of which would have to be switched
off or replaced: the address that was checked must be the one that is connected to, and every
octet is counted. What remains is what h11 does.

Nothing here is monkey-patched: `gevent.socket` and `gevent.ssl` wait in the hub, names are
looked up in gevent's thread pool.
"""

from __future__ import annotations

import errno
import ipaddress
import socket as plain_socket
import ssl as plain_ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import gevent
import h11
from gevent import socket, ssl

from fsfax.egress.target import Address, Target, require_allowed
from fsfax.errors import ConfigurationError, FetchError
from fsfax.log import get_logger
from fsfax.settings.base import WebLimits

_log = get_logger(__name__)

Resolver = Callable[[str, int], Sequence[Address]]
"""Finds the addresses of a host for a port, best first; raises `socket.gaierror`."""

_HTTP = b"HTTP/"  # h11 waits for more of another greeting, as servers of mail and SSH give it
_RECEIVE = 16 * 1024
_MAX_HEADERS = 32 * 1024  # octets of status line and headers; servers accept 8 to 16 Ki
_MAX_INTERIM = 8  # answers 1xx before the final one
_MAX_ADDRESSES = 8  # of one name that are tried
_TURN = 0.005  # seconds of work before the others have their turn

# Failures of the name service that asking again does not mend (getaddrinfo(3)).
_NO_NAME = {
    plain_socket.EAI_NONAME: "there is no such name",
    plain_socket.EAI_FAIL: "the name server refuses to answer",
    getattr(plain_socket, "EAI_NODATA", plain_socket.EAI_NONAME): "the name has no address",
    getattr(plain_socket, "EAI_ADDRFAMILY", plain_socket.EAI_NONAME): "the name has no address",
}


def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a host, in the order of RFC 6724.

    Also takes every form of an IPv4 address that the C library takes (decimal, octal, short):
    what counts is the address that comes out.

    Raises:
        OSError: `socket.gaierror` with the reason.
    """
    found = socket.getaddrinfo(host, port, type=plain_socket.SOCK_STREAM)
    # A zone ("%eth0") is cut off: link-local addresses are refused by the number.
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(addresses))


class HubYield:
    """Gives the other greenlets their turn.

    A socket that always has something to read, and a file, never wait: without this, a fast
    server could keep the hub from everything else.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()

    def give(self) -> None:
        """Let the others run if we did for long enough."""
        if time.monotonic() - self._since > _TURN:
            # Not 0: of such sleeps gevent runs fifty before it looks at timers and sockets.
            gevent.sleep(0.0001)
            self._since = time.monotonic()


class Exchange:
    """A connection on which one request is sent and one answer read; a context manager.

    After `ask`, ``status`` and ``headers`` (lower-case names; the first of each) are known and
    `body` gives the rest.
    """

    def __init__(self, target: Target, settings: WebLimits, resolver: Resolver) -> None:
        """Connect to the target.

        Raises:
            FetchForbidden: one of its addresses is not allowed.
            FetchError: it has none, or no connection could be made.
        """
        self.status = 0
        self.headers: dict[str, str] = {}
        self._where = target.authority
        self._silence = f"{settings.read:g} s without a word ({settings.section}.read)"
        self._turns = HubYield()
        self._eof = False
        self._start = b""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEADERS)
        self._socket = _connect(target, settings, resolver)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
    ) -> None:
        """Send the request and read the answer up to its body.

        Raises:
            FetchError: the server closed, kept silent, or did not answer in HTTP.
        """
        http = self._http
        request = h11.Request(method=method, target=path, headers=headers)
        data = (http.send(request) or b"") + (http.send(h11.Data(data=body)) or b"")
        data += http.send(h11.EndOfMessage()) or b""
        with self._in_words():
            # A server may answer, say 413, and close before it has read everything.
            with suppress(BrokenPipeError):
                self._socket.sendall(data)
            for _ in range(_MAX_INTERIM + 1):
                event = self._next_event()
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                    for name, value in event.headers:
                        self.headers.setdefault(name.decode("ascii"), _text(value))
                    return
                if not isinstance(event, h11.InformationalResponse):
                    raise self._truncated()
        raise FetchError(f"{self._where} does not come to an answer; check that server")

    def body(self) -> Iterator[bytes]:
        """The body as it was sent, piece by piece.

        Raises:
            FetchError: it ended early, the server kept silent, or it is not HTTP.
        """
        while True:
            with self._in_words():
                event = self._next_event()
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise self._truncated()
            yield bytes(event.data)

    def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = self._socket.recv(_RECEIVE)
            self._eof = not data
            if len(self._start) < len(_HTTP):
                self._start += data[: len(_HTTP) - len(self._start)]
                if not _HTTP.startswith(self._start):
                    raise self._not_http()
            self._http.receive_data(data)
        self._turns.give()
        return event

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say in our words what goes wrong on the connection."""
        try:
            yield
        except h11.RemoteProtocolError as error:
            if self._eof:
                raise self._truncated() from error
            # Its words quote what the server sent: for the log, not for people.
            _log.info("not_http", server=self._where, reason=str(error)[:200])
            raise self._not_http() from error
        except TimeoutError as error:
            raise FetchError(
                f"{self._where} timed out after {self._silence}; it will be worth another try",
                temporary=True,
            ) from error
        except OSError as error:  # also ssl.SSLError
            raise self._truncated() from error

    def _not_http(self) -> FetchError:
        return FetchError(
            f"{self._where} does not answer in proper HTTP, or with too long headers; "
            "check that the URL names a web server"
        )

    def _truncated(self) -> FetchError:
        return FetchError(
            f"{self._where} closed the connection before everything was sent; "
            "it will be worth another try",
            temporary=True,
        )


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _connect(
    target: Target, settings: WebLimits, resolver: Resolver
) -> socket.socket | ssl.SSLSocket:
    """Connect to the first address of the target that answers, by TLS where it is https."""
    addresses = _addresses(target, settings, resolver)
    require_allowed(
        target.host,
        addresses,
        allow_private=settings.allow_private,
        allow_networks=settings.allow_networks,
        section=settings.section,
        refusal=settings.refusal,
    )
    context = _tls_context(settings.ca_file, settings.section) if target.scheme == "https" else None
    failure: FetchError | None = None
    for address in addresses[:_MAX_ADDRESSES]:
        try:
            return _connect_to(address, target, settings, context)
        except FetchError as error:
            failure = error
            if not error.temporary:
                raise
    raise failure or FetchError(f"{target.host} was not found: the name has no address")


def _addresses(target: Target, settings: WebLimits, resolver: Resolver) -> Sequence[Address]:
    try:
        with gevent.Timeout(settings.connect, TimeoutError()):
            return resolver(target.host, target.port)
    except plain_socket.gaierror as error:
        if error.errno in _NO_NAME:
            raise FetchError(
                f"{target.host} was not found: {_NO_NAME[error.errno]}; check the URL"
            ) from error
        raise FetchError(
            f"{target.host} was not found: the name service does not answer at present",
            temporary=True,
        ) from error
    except OSError as error:
        raise FetchError(
            f"{target.host} was not found: the name service timed out after"
            f" {settings.connect:g} s ({settings.section}.connect)",
            temporary=True,
        ) from error


def _connect_to(
    address: Address, target: Target, settings: WebLimits, context: ssl.SSLContext | None
) -> socket.socket | ssl.SSLSocket:
    where = target.authority
    family = plain_socket.AF_INET if address.version == 4 else plain_socket.AF_INET6  # noqa: PLR2004
    connection: socket.socket | ssl.SSLSocket = socket.socket(family, plain_socket.SOCK_STREAM)
    try:
        # A limit around it all: the socket's own would start again with every octet of TLS.
        with gevent.Timeout(settings.connect, TimeoutError()):
            connection.connect((str(address), target.port))
            if context is not None:
                connection = context.wrap_socket(
                    connection,
                    server_hostname=target.host.removesuffix("."),
                    do_handshake_on_connect=False,
                    # A connection that is cut is not an answer that ended (RFC 9112 9.8).
                    suppress_ragged_eofs=False,
                )
                connection.do_handshake()
        connection.settimeout(settings.read)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise _no_connection(where, settings, error) from error
        raise
    return connection


def _no_connection(where: str, settings: WebLimits, error: OSError) -> FetchError:
    if isinstance(error, plain_ssl.SSLCertVerificationError):
        return FetchError(
            f"the certificate of {where} is not valid ({error.verify_message}); "
            f"mend it there, or name its authority in {settings.section}.ca_file"
        )
    if isinstance(error, plain_ssl.SSLError) and not _is_cut(error):
        return FetchError(f"{where} and fsfax cannot agree on TLS; check that it speaks https")
    if isinstance(error, TimeoutError):
        what = f"timed out after {settings.connect:g} s ({settings.section}.connect)"
    elif isinstance(error, ConnectionRefusedError):
        what = "was refused"
    elif error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        what = "found no way there"
    else:
        what = "was broken off"
    return FetchError(f"the connection to {where} {what}; is that server up?", temporary=True)


def _is_cut(error: plain_ssl.SSLError) -> bool:
    """Whether TLS ended with the connection; its class differs between versions of Python."""
    return (
        isinstance(error, plain_ssl.SSLEOFError | plain_ssl.SSLZeroReturnError)
        or error.reason == "UNEXPECTED_EOF_WHILE_READING"
    )


@lru_cache(maxsize=4)
def _tls_context(ca_file: Path | None, section: str) -> ssl.SSLContext:
    """Certificates are verified, against the host of the URL; reading them takes 30 ms, once.

    Not made by ``create_default_context``: that one of gevent.ssl too gives a context of the
    standard library, whose handshake would stop the hub. The defaults of this protocol are to
    require a certificate and to check its name.
    """
    context = ssl.SSLContext(plain_ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=str(ca_file))
    except OSError as error:
        raise ConfigurationError(
            f"{section}.ca_file {ca_file} cannot be read as PEM certificates: {error.strerror}"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    # Python tells OpenSSL to take a cut connection for an end, before the socket is even asked.
    context.options &= ~plain_ssl.OP_IGNORE_UNEXPECTED_EOF
    return context
