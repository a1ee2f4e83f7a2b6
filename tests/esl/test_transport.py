"""One connection: logging in, sending commands, reading frames, the end."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import gevent
import gevent.socket
import pytest

from fsfax.errors import (
    AuthenticationError,
    ConnectError,
    Disconnected,
    EslTimeout,
    InvalidCommand,
    ProtocolError,
)
from fsfax.esl.transport import Transport
from fsfax.esl.wire import Command, Event, encode_command, encode_frame
from fsfax.settings import NodeSettings
from tests.esl.scripted import (
    ACCEPTED,
    PATIENCE,
    QUICK,
    Server,
    api_response,
    event,
    saying,
    silent,
)


def test_a_host_that_drops_packets() -> None:
    """As a firewall does: the queue of connections is full, and none of them is answered."""
    with ExitStack() as stack:
        full = stack.enter_context(gevent.socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(gevent.socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        node = NodeSettings(port=full.getsockname()[1])
        with pytest.raises(EslTimeout, match=r"no connection to .* firewall"):
            Transport.open(node, QUICK.model_copy(update={"connect": 0.05}))


def test_the_wrong_password(server: Server) -> None:
    server.password = "other"
    with pytest.raises(AuthenticationError, match="refused the password") as caught:
        Transport.open(server.node(), QUICK)
    assert "ClueCon" not in str(caught.value)


def test_a_password_that_cannot_be_sent(server: Server) -> None:
    with pytest.raises(AuthenticationError, match="line break") as caught:
        Transport.open(server.node(password="se\ncret"), QUICK)
    assert "cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_invalid_host_name(server: Server) -> None:
    with pytest.raises(ConnectError, match="is no host name") as caught:
        Transport.open(server.node(host="a" * 70 + ".example"), QUICK)
    assert not isinstance(caught.value, AuthenticationError)


def test_an_access_list_that_refuses_this_address(server: Server) -> None:
    server.greeting = encode_frame("text/rude-rejection", (), b"Access Denied, go away.\n")
    with pytest.raises(ConnectError, match="apply-inbound-acl"):
        Transport.open(server.node(), QUICK)


@pytest.mark.parametrize(
    ("greeting", "problem"),
    [
        (b"220 mail.example ESMTP\r\n\r\n", "greets with ''"),
        (b"Content-Type: text/html\n\n", "greets with 'text/html'"),
        (b"Content-Length: many\n\n", "not ESL"),
    ],
)
def test_a_server_that_is_no_event_socket(server: Server, greeting: bytes, problem: str) -> None:
    server.greeting = greeting
    with pytest.raises(ConnectError, match=problem):
        Transport.open(server.node(), QUICK)


def test_a_login_reply_without_text(server: Server) -> None:
    server.answers["auth"] = saying(encode_frame("command/reply"))
    with pytest.raises(ConnectError, match="not ESL"):
        Transport.open(server.node(), QUICK)


def test_the_connection_ends_during_the_login(server: Server) -> None:
    def hang_up(_command: Command) -> bytes:
        server.peer.close()
        return b""

    server.answers["auth"] = hang_up
    with pytest.raises(Disconnected, match=r"login|broke"):
        Transport.open(server.node(), QUICK)


def test_a_port_without_a_listener(server: Server) -> None:
    server.stop()
    with pytest.raises(ConnectError, match=r"cannot connect to a \(127.*is FreeSWITCH running"):
        Transport.open(server.node(), QUICK)


@pytest.mark.parametrize(("stage", "seconds"), [("greeting", 0.1), ("auth", 0.2)])
def test_a_server_that_falls_silent_during_the_login(
    server: Server, stage: str, seconds: float
) -> None:
    """The greeting has a limit; the login as a whole has both limits together."""
    if stage == "greeting":
        server.greeting = b""
    server.answers["auth"] = silent
    short = QUICK.model_copy(update={"connect": 0.1, "authenticate": 0.1})
    with pytest.raises(EslTimeout) as caught:
        Transport.open(server.node(), short)
    assert server.peer.ended.wait(PATIENCE), "the connection was closed"
    assert str(caught.value).endswith(f"sent nothing for {seconds} s")


@pytest.fixture
def transport(server: Server) -> Iterator[Transport]:
    """A connection that is logged in."""
    opened = Transport.open(server.node(), QUICK)
    yield opened
    opened.close()


def test_the_frames_that_follow_the_login(transport: Transport, server: Server) -> None:
    """The last one is returned only when it is complete."""
    assert server.peer.lines == ["auth ClueCon"]
    frames = transport.frames()
    whole = event("B", "40e2")
    server.peer.send(event("A", "40e2"), whole[:20])
    assert Event.from_frame(next(frames)).name == "A"
    server.peer.send(whole[20:], api_response("text"))
    assert Event.from_frame(next(frames)).name == "B"
    assert next(frames).body == b"text"
    server.peer.close()
    assert list(frames) == []


def test_frames_that_came_with_the_login_reply(server: Server) -> None:
    server.answers["auth"] = saying(ACCEPTED, event("A", "40e2"))
    transport = Transport.open(server.node(), QUICK)
    assert Event.from_frame(next(transport.frames())).name == "A"
    transport.close()


def test_the_connection_ends_inside_a_frame(transport: Transport, server: Server) -> None:
    server.peer.send(event("A", "40e2")[:-1])
    server.peer.close()
    with pytest.raises(ProtocolError, match="middle"):
        next(transport.frames())


def test_the_connection_breaks_while_frames_are_read(transport: Transport, server: Server) -> None:
    linger = struct.pack("ii", 1, 0)  # close() sends a reset
    server.peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    server.peer.sock.close()
    with pytest.raises(Disconnected, match=r"the connection to a .* broke"):
        next(transport.frames())


def test_bytes_are_sent_without_waiting_for_a_reply(transport: Transport, server: Server) -> None:
    assert transport.send(encode_command("api status")) is None
    assert [command.line for command in server.peer.saw("api")] == ["api status"]


def test_a_text_is_sent_as_a_command_and_its_reply_returned(transport: Transport) -> None:
    reply = transport.send("noevents")
    assert reply is not None
    assert reply.headers["Reply-Text"] == "+OK noevents"
    with pytest.raises(InvalidCommand, match="line break"):
        transport.send("noevents\n\napi shutdown")


def test_a_peer_that_does_not_read(transport: Transport, server: Server) -> None:
    server.answers["api"] = lambda _command: bytes(gevent.sleep(PATIENCE) or 0)
    transport.send(encode_command("api block"))
    server.peer.saw("api block")
    with pytest.raises(EslTimeout, match=r"sent nothing for 0\.05 s"):
        transport.send(b"x" * 30_000_000, timeout=0.05)


def test_close_wakes_a_reader_that_waits(transport: Transport, server: Server) -> None:
    reading = gevent.spawn(next, transport.frames())
    gevent.sleep(0)
    transport.close()
    transport.close()
    with pytest.raises(Disconnected, match="broke"):
        reading.get(timeout=PATIENCE)
    assert server.peer.ended.wait(PATIENCE)
    with pytest.raises(Disconnected, match="broke"):
        transport.send(encode_command("api status"))
