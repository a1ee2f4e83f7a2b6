"""The HTTP server in the test's process: answers, malformed requests, address, certificate."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest

from fsfax.api.server import Server
from fsfax.errors import ConfigurationError
from fsfax.settings import ApiSettings


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer with the method, the path and the body; ``/slow`` waits for half a second."""
    if environ["PATH_INFO"] == "/slow":
        gevent.sleep(0.5)
    body = b"" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
    head = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode()
    start_response("200 OK", [("Content-Length", str(len(head + body)))])
    return [head + body]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(echo, ApiSettings(port=0, idle_timeout=0.5))
    server.start()
    yield server
    server.stop(0.0)


def exchange(server: Server, request: bytes) -> bytes:
    """Send bytes; return everything until the server closes the connection."""
    connection = gevent.socket.create_connection(("127.0.0.1", server.port), 10)
    try:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received
    finally:
        connection.close()


def test_requests_of_one_connection_are_answered_in_order(server: Server) -> None:
    first = b"PUT /one HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    second = b"GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server, first + second)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"PUT /one abc") < answer.index(b"GET /two ")


def test_a_body_that_was_not_read_is_not_the_next_request(server: Server) -> None:
    inner = b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
    outer = b"PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner)
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server, outer + inner + last)
    assert b"/inner" not in answer
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_malformed_request_gets_an_error_in_the_envelope(server: Server) -> None:
    answer = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in head
    envelope = json.loads(body)
    assert envelope["data"] == {"message": "exactly one Host header field is required"}
    assert (envelope["status"], envelope["error"]) == ("error", "400")
    assert len(envelope["request_id"]) == 32


def test_an_idle_connection_is_closed_after_the_time_limit(server: Server) -> None:
    with gevent.Timeout(5):
        assert exchange(server, b"GET / HTTP/1.1\r\nHost") == b""


def test_a_stop_closes_idle_connections_and_lets_a_running_request_end() -> None:
    server = Server(echo, ApiSettings(port=0, idle_timeout=60))
    server.start()
    request = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
    running = gevent.spawn(exchange, server, request)
    idle = gevent.spawn(exchange, server, b"")
    gevent.sleep(0.1)
    with gevent.Timeout(5):
        server.stop(20.0)
        answer = running.get()
        assert idle.get() == b""
    assert answer.endswith(b"GET /slow ")
    assert b"Connection: close" in answer
    with pytest.raises(ConnectionRefusedError):
        exchange(server, request)


def test_two_servers_share_an_address(server: Server) -> None:
    other = Server(echo, ApiSettings(port=server.port))
    assert other.url == server.url == f"http://127.0.0.1:{server.port}"
    other.start()
    other.stop(0.0)


def test_an_address_in_use_by_another_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            Server(echo, ApiSettings(port=port))


@pytest.mark.parametrize("content", [None, "nothing"])
def test_a_certificate_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "bad.pem"
    if content:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"bad\.pem or its key cannot be used"):
        Server(echo, ApiSettings(port=0, certificate=file))
