"""One HTTP exchange on a connection of its own: resolve, check, connect, request, response.

h11 does HTTP/1.1 on a gevent socket. A client library would bring its own resolver, pool,
proxies, redirects and decompression, each of which would have to be switched off or replaced: the
address that was checked must be the one that is connected to, and every octet is counted. The
rest is what h11 does.

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
"""Returns the addresses of a host for a port, best first; raises `socket.gaierror`."""

_HTTP = b"HTTP/"  # given another greeting, as of mail and SSH servers, h11 waits for more
_RECEIVE = 16 * 1024
_MAX_HEADERS = 32 * 1024  # octets of status line and headers; servers accept 8 to 16 Ki
_MAX_INTERIM = 8  # responses 1xx before the final one
_MAX_ADDRESSES = 8  # of one name that are tried
_TURN = 0.005  # seconds of work before other greenlets run

# Failures of the name service that are not temporary (getaddrinfo(3)).
_NO_NAME = {
    plain_socket.EAI_NONAME: "there is no such name",
    plain_socket.EAI_FAIL: "the name server refuses to answer",
    getattr(plain_socket, "EAI_NODATA", plain_socket.EAI_NONAME): "the name has no address",
    getattr(plain_socket, "EAI_ADDRFAMILY", plain_socket.EAI_NONAME): "the name has no address",
}


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host from the system's resolver, in the order of RFC 6724.

    Every form of an IPv4 address that the C library reads is accepted (decimal, octal, short):
    the resulting address is checked.

    Raises:
        OSError: `socket.gaierror` with the reason.
    """
    found = socket.getaddrinfo(host, port, type=plain_socket.SOCK_STREAM)
    # A zone ("%eth0") is removed: link-local addresses are refused by the number.
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(addresses))


class HubYield:
    """Lets other greenlets run during long work.

    A socket that always has data, and a file, never wait: without this, a fast server could
    stop all other greenlets of the hub.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()

    def yield_if_due(self) -> None:
        """Let other greenlets run if this one has run for 5 ms."""
        if time.monotonic() - self._since > _TURN:
            # Not 0: gevent runs up to fifty of those before it serves timers and sockets.
            gevent.sleep(0.0001)
            self._since = time.monotonic()


class Exchange:
    """A connection for one request and its response; a context manager.

    After `send_request`, ``status`` and ``headers`` (lower-case names; the first of each) are set,
    and `body` yields the body.
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
        self._silence = f"{settings.read:g} s without data ({settings.section}.read)"
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

    def send_request(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
    ) -> None:
        """Send the request and read the response up to its body.

        Raises:
            FetchError: the server closed the connection, timed out, or did not send HTTP.
        """
        http = self._http
        request = h11.Request(method=method, target=path, headers=headers)
        data = (http.send(request) or b"") + (http.send(h11.Data(data=body)) or b"")
        data += http.send(h11.EndOfMessage()) or b""
        with self._fetch_errors():
            # A server may respond, with 413 for instance, and close before it has read it all.
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
        raise FetchError(f"{self._where} sends no final response; check that server")

    def body(self) -> Iterator[bytes]:
        """Yield the body as it was sent, piece by piece.

        Raises:
            FetchError: it ended early, the server timed out, or it is not HTTP.
        """
        while True:
            with self._fetch_errors():
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
        self._turns.yield_if_due()
        return event

    @contextmanager
    def _fetch_errors(self) -> Iterator[None]:
        """Turn the errors of the connection into FetchError."""
        try:
            yield
        except h11.RemoteProtocolError as error:
            if self._eof:
                raise self._truncated() from error
            # Its message quotes what the server sent: for the log only.
            _log.info("not_http", server=self._where, reason=str(error)[:200])
            raise self._not_http() from error
        except TimeoutError as error:
            raise FetchError(
                f"{self._where} timed out after {self._silence}; try again later",
                temporary=True,
            ) from error
        except OSError as error:  # also ssl.SSLError
            raise self._truncated() from error

    def _not_http(self) -> FetchError:
        return FetchError(
            f"{self._where} does not answer in proper HTTP, or its headers are too long; "
            "check that the URL names a web server"
        )

    def _truncated(self) -> FetchError:
        return FetchError(
            f"{self._where} closed the connection before everything was sent; try again later",
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
    """Return a connection to the first address that accepts one; with TLS for https."""
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
            f"{target.host} was not found: the name service does not answer; try again later",
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
        # One limit for all steps: the socket's own restarts with every octet of TLS.
        with gevent.Timeout(settings.connect, TimeoutError()):
            connection.connect((str(address), target.port))
            if context is not None:
                connection = context.wrap_socket(
                    connection,
                    server_hostname=target.host.removesuffix("."),
                    do_handshake_on_connect=False,
                    # A connection that is cut is not a complete response (RFC 9112 9.8).
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
            f"correct it there, or name its authority in {settings.section}.ca_file"
        )
    if isinstance(error, plain_ssl.SSLError) and not _is_cut(error):
        return FetchError(f"{where} and fsfax cannot agree on TLS; check that it speaks https")
    if isinstance(error, TimeoutError):
        what = f"timed out after {settings.connect:g} s ({settings.section}.connect)"
    elif isinstance(error, ConnectionRefusedError):
        what = "was refused"
    elif error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        what = "failed: there is no route"
    else:
        what = "was broken off"
    return FetchError(f"the connection to {where} {what}; is that server up?", temporary=True)


def _is_cut(error: plain_ssl.SSLError) -> bool:
    """Return whether TLS ended with the connection; the class differs between Python versions."""
    return (
        isinstance(error, plain_ssl.SSLEOFError | plain_ssl.SSLZeroReturnError)
        or error.reason == "UNEXPECTED_EOF_WHILE_READING"
    )


@lru_cache(maxsize=4)
def _tls_context(ca_file: Path | None, section: str) -> ssl.SSLContext:
    """Return a context that verifies certificates and their names; cached, as it takes 30 ms.

    Not made by ``create_default_context``: that of gevent.ssl, too, returns a context of the
    standard library, whose handshake would block the hub. This protocol requires a certificate
    and checks its name by default.
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
    # By default Python lets OpenSSL treat a cut connection as a regular end.
    context.options &= ~plain_ssl.OP_IGNORE_UNEXPECTED_EOF
    return context
