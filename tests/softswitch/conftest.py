"""A running softswitch, a link to it, and a document; no real FreeSWITCH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gevent
import gevent.socket
import pytest

from fsfax.engine.observations import SUBSCRIPTIONS
from fsfax.esl.link import Gap, Link, Lost, Watch
from fsfax.esl.wire import Event, Frame, FrameReader, encode_command
from fsfax.softswitch import Softswitch, number_of
from fsfax.testing import sample_tiff

PATIENCE = 20.0


@dataclass
class Client:
    """A raw connection to the event socket: bytes out, frames in."""

    port: int
    frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = gevent.socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.socket.settimeout(PATIENCE)
        self._reader = FrameReader()

    def send(self, *lines: str, body: bytes = b"", **headers: str) -> None:
        for line in lines:
            pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
            self.socket.sendall(encode_command(line, pairs, body))

    def next(self) -> Frame:
        while not self.frames:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.frames.extend(self._reader.feed(data))
        return self.frames.pop(0)

    def ask(self, line: str, **headers: str) -> str:
        """Send a command and skip events; return the answer."""
        self.send(line, **headers)
        while True:
            frame = self.next()
            if frame.content_type == "api/response":
                return frame.body.decode()
            if frame.content_type == "command/reply":
                return frame.headers["Reply-Text"]

    def event(self) -> Event:
        while True:
            frame = self.next()
            if frame.content_type == "text/event-plain":
                return Event.from_frame(frame)

    def log_in(self, password: str = "ClueCon") -> str:  # noqa: S107
        assert self.next().content_type == "auth/request"
        return self.ask(f"auth {password}")

    def is_closed(self) -> bool:
        """Read to the end of the stream; return True, or time out."""
        try:
            while True:
                self.next()
        except (EOFError, ConnectionError):
            return True

    def close(self) -> None:
        self.socket.close()


@pytest.fixture(scope="module")
def tiff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_tiff(tmp_path_factory.mktemp("tiff") / "three.tif")


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Softswitch]:
    with Softswitch(root=tmp_path) as running:
        yield running


@pytest.fixture
def link(switch: Softswitch) -> Iterator[Link]:
    with Link(switch.node_settings()) as connected:
        connected.subscribe(*SUBSCRIPTIONS, "CHANNEL_HANGUP")
        yield connected


@pytest.fixture
def connect(switch: Softswitch) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(log_in: bool = True) -> Client:
        clients.append(Client(switch.port))
        if log_in:
            assert clients[-1].log_in() == "+OK accepted"
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def named(name: str) -> str:
    """Return the number of a behaviour, as a user would write it."""
    return f"+1{number_of(name)}"


def dial(
    link: Link, call_id: str, number: str, file: Path, variables: str = "", app: str = "txfax"
) -> Watch:
    """Place a call in the background; the watch gets its events."""
    watch = link.watch(call_id)
    settings = f"origination_uuid={call_id},fax_enable_t38=true,fax_enable_t38_request=true"
    if variables:
        settings += f",{variables}"
    line = f"{{{settings}}}sofia/gateway/softswitch/{number} &{app}({file})"
    link.bgapi("originate", line, job_id=call_id)
    return watch


def until(watch: Watch, name: str) -> list[Event]:
    """Return the events up to one of that name or subclass."""
    seen: list[Event] = []
    while True:
        item = watch.get(timeout=PATIENCE)
        assert not isinstance(item, Gap | Lost | None), item
        seen.append(item)
        if name in (item.name, item.subclass):
            return seen


def labels(events: list[Event]) -> list[str]:
    """Return a short name for each event."""
    return [
        event.subclass or " ".join(filter(None, (event.name, event.get("Application"))))
        for event in events
    ]


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait until a condition is true."""
    with gevent.Timeout(timeout):
        while not condition():
            gevent.sleep(0.002)
