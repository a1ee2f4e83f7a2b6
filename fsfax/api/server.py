"""The HTTP server: gevent's WSGI server with time limits, and a stop that loses no request.

It listens with SO_REUSEPORT: a new process can accept connections before the old one ends, so that
a restart refuses none. `Server.stop` accepts no new connection, closes idle ones, and lets running
requests end.
"""

from __future__ import annotations

import json
import logging
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from typing import Any

import gevent
import gevent.pool
import gevent.socket
from gevent import pywsgi

from fsfax.api import http_head
from fsfax.runtime.sockets import listening_socket, server_tls, url_host
from fsfax.settings import ApiSettings

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]

_LINGER = 2.0
"""Seconds in which the rest of a body is read after its request was answered."""


class _Head(Message):
    """The header fields, with the interface that gevent's handler expects."""

    status = ""  # set by gevent's own parser, which is not used

    @property
    def headers(self) -> list[str]:
        """The header lines."""
        return [f"{name}: {value}\r\n" for name, value in self.items()]

    @property
    def typeheader(self) -> str | None:
        """The media type of the body, if one is given."""
        return self.get("content-type")

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return the first field of a name, ``default`` if there is none."""
        return self.get(name, default)


class _Body(pywsgi.Input):
    """A body; the rest that the application did not read is discarded (RFC 9112, section 9.6).

    That takes at most `_LINGER` seconds; then the connection is closed.
    """

    handler: pywsgi.WSGIHandler

    def _discard(self) -> None:
        if self.socket is not None:  # the client waits for "100 Continue", which was not sent
            self.handler.close_connection = True
            return
        with gevent.Timeout(_LINGER, False):  # type: ignore[arg-type]
            super()._discard()  # type: ignore[misc]
            return
        self.handler.close_connection = True
        with suppress(OSError):
            self.handler.socket.shutdown(socket.SHUT_WR)


class _Connection(pywsgi.WSGIHandler):
    """One connection; it is closed if the head of a request is not complete in time."""

    server: _Wsgi

    def handle_one_request(self) -> Any:
        """Read a request's head within the time limit, and answer the request."""
        self._patience = gevent.Timeout.start_new(self.server.patience)
        try:
            return super().handle_one_request()
        except gevent.Timeout as timeout:
            if timeout is not self._patience:
                raise
            return None
        finally:
            self._patience.close()

    def read_requestline(self) -> Any:
        """Wait for the next request; during that the connection counts as idle."""
        current = gevent.getcurrent()
        self.server.waiting.add(current)
        try:
            return super().read_requestline()
        finally:
            self.server.waiting.discard(current)

    def read_request(self, raw_requestline: Any) -> Any:
        """Read the head; the time limit of the body is the application's."""
        if len(raw_requestline.split()) != 3:  # noqa: PLR2004 (method, target, version)
            raise http_head.FaultyHead(HTTPStatus.BAD_REQUEST, "not a request line of HTTP/1.1")
        known = super().read_request(raw_requestline)
        self._patience.close()
        if self.server.stopping:
            self.close_connection = True
        return known

    def finalize_headers(self) -> None:
        """Add ``Connection: close`` while stopping, so that clients do not reuse the connection."""
        super().finalize_headers()
        if self.server.stopping:
            self.close_connection = True
        headers: Any = self.response_headers  # bytes, other than annotated
        if self.close_connection and b"connection" not in {name.lower() for name, _ in headers}:
            headers.append((b"Connection", b"close"))

    def MessageClass(self, fp: Any, *_: Any) -> Any:  # noqa: N802 (gevent's name)
        """Return the header fields."""
        fields = http_head.read(fp)
        http_head.check(fields, self.request_version or "")
        head = _Head()
        for name, value in fields:
            head.add_header(name, value)
        return head

    def _connection_upgrade_requested(self) -> bool:
        # No upgrade is supported; gevent would pass the connection to the application as the body.
        return False

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        if not isinstance(ex, ValueError):
            raise ex
        status = ex.status if isinstance(ex, http_head.FaultyHead) else HTTPStatus.BAD_REQUEST
        request_id = uuid.uuid4().hex
        self.log_error("%s from %s: %s, request %s", status, self.client_address, ex, request_id)
        return str(status.value), _refusal(status, str(ex), request_id)

    def get_environ(self) -> Any:
        """Return the WSGI environment, with a body that is discarded within a time limit."""
        environ = super().get_environ()
        given: Any = self.wsgi_input
        body = _Body(
            self.rfile, self.content_length, socket=given.socket, chunked_input=given.chunked_input
        )
        body.handler = self
        environ["wsgi.input"] = self.wsgi_input = body
        return environ

    def log_request(self) -> None:
        """Do nothing: `fsfax.api.middleware` logs requests, with their ids."""

    def log_error(self, msg: str, *args: Any) -> None:
        """Log an error of a connection at debug level: these are errors of clients."""
        logging.getLogger("fsfax.api.connection").debug(msg, *args)


class _Wsgi(pywsgi.WSGIServer):
    stopping = False

    def __init__(self, *args: Any, patience: float, **named: Any) -> None:
        super().__init__(*args, **named)
        self.patience = patience
        self.waiting: set[Any] = set()

    def handle(self, sock: Any, address: Any) -> None:
        """Serve one connection; each read and write has the time limit ``patience``."""
        sock.settimeout(self.patience)
        # Head and body of an answer are written separately: with Nagle's algorithm the second
        # write would wait until the client acknowledges the first, which Linux does after 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle(sock, address)


class Server:
    """Serves an application until it is stopped.

    Args:
        application: the WSGI application.
        settings: address, certificate, time limits.

    Raises:
        ConfigurationError: the address cannot be used, or the certificate cannot be read.
    """

    def __init__(self, application: Application, settings: ApiSettings) -> None:
        tls = {}
        if settings.certificate:
            tls["ssl_context"] = server_tls(settings.certificate, settings.key)
        # The type is gevent's, whether the program is monkey-patched or not.
        plain = listening_socket(settings.host, settings.port, section="api")
        listener = gevent.socket.socket(
            plain.family, plain.type, plain.proto, fileno=plain.detach()
        )
        self.port: int = listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{url_host(settings.host)}:{self.port}"
        self._wsgi = _Wsgi(
            listener,
            application,
            handler_class=_Connection,
            spawn=gevent.pool.Pool(settings.connections),
            log=None,
            error_log=logging.getLogger("fsfax.api.connection"),
            patience=settings.idle_timeout,
            **tls,
        )

    def start(self) -> None:
        """Accept connections."""
        self._wsgi.start()

    def stop(self, patience: float) -> None:
        """Accept no new connection; running requests get ``patience`` seconds to end."""
        self._wsgi.stopping = True
        for connection in list(self._wsgi.waiting):
            connection.kill(block=False)
        self._wsgi.stop(patience)


def _refusal(status: HTTPStatus, reason: str, request_id: str) -> bytes:
    """Return the whole answer to a malformed request, which does not reach the application."""
    envelope = {
        "data": {"message": reason},
        "error": str(status.value),
        "message": "faulty_request",
    }
    body = json.dumps({**envelope, "status": "error", "request_id": request_id}).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
