"""An event socket server on a real port that follows a test's script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import gevent
import gevent.event
import gevent.socket
from gevent.server import StreamServer

from fsfax.errors import EslTimeout
from fsfax.esl.link import Watch
from fsfax.esl.wire import Command, CommandReader, Event, encode_event, encode_frame, encode_reply
from fsfax.settings import EslTimeouts, NodeSettings

PASSWORD = "ClueCon"
AUTH_REQUEST = encode_frame("auth/request")
ACCEPTED = encode_reply("+OK accepted")
ASK_CORE = "api global_getvar core_uuid"
PATIENCE = 15.0
"""Seconds after which a test that waits has failed."""

QUICK = EslTimeouts(
    connect=5.0,
    authenticate=5.0,
    command=5.0,
    heartbeat=30.0,
    backoff_first=0.02,
    backoff_max=0.05,
)


def until(true: Callable[[], Any], what: str = "it") -> None:
    """Wait until a condition holds; fail after PATIENCE seconds."""
    with gevent.Timeout(PATIENCE, AssertionError(f"{what} did not happen in {PATIENCE} s")):
        while not true():
            gevent.sleep(0.002)


def api_response(text: str) -> bytes:
    return encode_frame("api/response", (), text.encode())


def event(name: str, uuid: str = "", *fields: tuple[str, str], body: bytes = b"") -> bytes:
    headers = [("Event-Name", name)]
    if uuid:
        headers.append(("Unique-ID", uuid))
    return encode_event([*headers, *fields], body)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.commands: list[Command] = []
        self.ended = gevent.event.Event()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.sock.sendall(part)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(gevent.socket.SHUT_RDWR)
        self.sock.close()

    @property
    def lines(self) -> list[str]:
        return [command.line for command in self.commands]

    def saw(self, start: str) -> list[Command]:
        """Wait for a command that begins like this; return those that do."""
        until(lambda: any(line.startswith(start) for line in self.lines), start)
        return [command for command in self.commands if command.line.startswith(start)]


class Server:
    """Accepts connections, logs in and answers; each answer can be replaced.

    Attributes:
        answer: returns the bytes that answer a command, b"" for no answer.
        greeting: what is sent first.
        core: the Core-UUID; "" = the command that asks for it is answered by `answers`.
        peers: the connections so far, with those that have ended.
    """

    def __init__(self, port: int = 0) -> None:
        self.greeting = AUTH_REQUEST
        self.password = PASSWORD
        self.core = "8f3e52ce-53a5-4a35-8a2f-3a5f7bd7a5f0"
        self.answers: dict[str, Callable[[Command], bytes]] = {}
        self.peers: list[Peer] = []
        self._server = StreamServer(("127.0.0.1", port), self._serve)
        self._server.start()
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def peer(self) -> Peer:
        return self.peers[-1]

    def node(self, name: str = "a", **settings: Any) -> NodeSettings:
        settings.setdefault("password", PASSWORD)
        return NodeSettings(name=name, port=self.port, **settings)

    def stop(self) -> None:
        """Refuse new connections and end the present ones."""
        self._server.stop(timeout=0)
        for peer in self.peers:
            peer.close()

    def again(self) -> Server:
        """Return a new server on the same port."""
        return Server(self.port)

    def answer(self, command: Command) -> bytes:
        if command.verb in self.answers:
            return self.answers[command.verb](command)
        if command.verb == "auth":
            good = command.arg == self.password
            return ACCEPTED if good else encode_reply("-ERR invalid")
        if command.verb == "api":
            return api_response(command.arg + "\n")
        if command.verb == "bgapi":
            job = command.headers.get("Job-UUID", "none")
            return encode_reply(f"+OK Job-UUID: {job}", [("Job-UUID", job)])
        return encode_reply(f"+OK {command.line}")

    def _serve(self, sock: Any, _address: Any) -> None:
        peer = Peer(sock)
        self.peers.append(peer)
        reader = CommandReader()
        with contextlib.suppress(OSError):
            peer.send(self.greeting)
            while data := sock.recv(65536):
                for command in reader.feed(data):
                    if command.line == ASK_CORE and self.core:
                        # A part of every login: `commands` has only what comes after it.
                        peer.send(api_response(self.core))
                        continue
                    peer.commands.append(command)
                    peer.send(self.answer(command))
        peer.ended.set()


def silent(_command: Command) -> bytes:
    return b""


def saying(*parts: bytes) -> Callable[[Command], bytes]:
    """Return a function that gives the same answer to every command."""
    return lambda _command: b"".join(parts)


def items(watch: Watch) -> list[str]:
    """Return what is queued in a watch: names of events, and the types of all other items."""
    found = []
    while True:
        try:
            item = watch.get(0.0)
        except EslTimeout:
            return found
        found.append(item.name if isinstance(item, Event) else type(item).__name__)


def take(watch: Watch) -> Any:
    return watch.get(PATIENCE)
