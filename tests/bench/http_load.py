"""HTTP clients that send requests as fast as the server answers, over persistent connections.

Requests are encoded in advance and answers are parsed no further than needed, so that the server is
measured and not a client library. The clients are greenlets of one thread: threads would delay each
other in reading answers that have arrived.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import gevent
import gevent.socket

Request = Callable[[int], bytes]
"""The bytes of the n-th request."""


@dataclass(frozen=True)
class Measured:
    """rate: answers a second; middle, p99: milliseconds."""

    rate: float
    middle: float
    p99: float


class Connection:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = gevent.socket.create_connection((place.hostname, place.port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return the code and the body of the answer."""
        self._socket.sendall(request)
        while (end := self._read.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._read[:end].lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        whole = end + 4 + length
        while len(self._read) < whole:
            self._more()
        body, self._read = self._read[end + 4 : whole], self._read[whole:]
        return int(head[9:12]), body

    def _more(self) -> None:
        piece = self._socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("the server hung up")
        self._read += piece

    def close(self) -> None:
        self._socket.close()


def request(
    method: str, path: str, body: bytes = b"", kind: str = "application/json", **headers: str
) -> bytes:
    """The bytes of a request; underscores in the names of headers stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", "Accept: */*"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if method == "PUT":
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(url: str, asked: Request, *, clients: int, seconds: float, code: int) -> Measured:
    """Let ``clients`` ask for some seconds; every answer must have that code."""
    times: list[float] = []
    begun = time.perf_counter()

    def client(number: int) -> None:
        connection = Connection(url)
        while (sent_at := time.perf_counter()) < begun + seconds:
            sent = asked(number)
            number += clients
            answered, body = connection.ask(sent)
            times.append(1000 * (time.perf_counter() - sent_at))
            assert answered == code, f"{answered} {body[:300]!r} to {sent[:200]!r}"
        connection.close()

    gevent.joinall([gevent.spawn(client, number) for number in range(clients)], raise_error=True)
    passed = time.perf_counter() - begun
    times.sort()
    last = times[min(len(times) - 1, len(times) * 99 // 100)]
    return Measured(len(times) / passed, statistics.median(times), last)
