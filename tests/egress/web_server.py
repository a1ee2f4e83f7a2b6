"""A web server on loopback that answers exactly what a test specifies, valid or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import h11
from gevent import socket, ssl
from gevent.event import Event
from gevent.server import StreamServer

PDF = b"%PDF-1.7\n" + b"letter " * 2000
Handler = Callable[["Visit"], None]


class Visit:
    """A request that came, and the socket to answer on."""

    def __init__(self, connection: Any) -> None:
        self.socket = connection
        self.method = self.path = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    def read(self) -> None:
        parser = h11.Connection(h11.SERVER)
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                parser.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.Request):
                self.method, self.path = event.method.decode(), event.target.decode()
                self.headers = {k.decode(): v.decode() for k, v in event.headers}
            elif isinstance(event, h11.Data):
                self.body += event.data
            else:
                raise ConnectionResetError

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, status: int = 200, body: bytes = PDF, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)


class WebServer:
    """Answers with ``handler``, or by path with ``handlers``; ``visits`` are those that came."""

    def __init__(self, handler: Handler | None = None, *, tls: ssl.SSLContext | None = None):
        self.handlers: dict[str, Handler] = {}
        self.handler = handler or Visit.answer
        self.visits: list[Visit] = []
        options = {"ssl_context": tls} if tls else {}
        self._server = StreamServer(("127.0.0.1", 0), self._serve, **options)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=0)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def _serve(self, connection: Any, _: object) -> None:
        visit = Visit(connection)
        try:
            visit.read()
            self.visits.append(visit)
            self.handlers.get(visit.path, self.handler)(visit)
        except OSError:
            pass  # the client went away: that is often what is tested
        finally:
            connection.close()


class RawServer(WebServer):
    """Sends its octets to every client, whatever the request, until the client disconnects."""

    def __init__(self, says: Iterable[bytes] | bytes = b"", *, close: bool = False) -> None:
        super().__init__()
        self._says = [says] if isinstance(says, bytes) else says
        self._close = close
        self.sent = 0
        self.gone = Event()

    def _serve(self, connection: Any, _: object) -> None:
        try:
            connection.recv(65536)
            for piece in self._says:
                connection.sendall(piece)
                self.sent += len(piece)
            while not self._close and connection.recv(65536):
                pass
        except OSError:
            pass
        finally:
            connection.close()
            self.gone.set()


def closed_port() -> int:
    """Return a port of loopback on which no program listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
