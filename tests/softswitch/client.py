"""A raw client of the event socket: bytes out, frames in."""

from __future__ import annotations

from dataclasses import dataclass, field

import gevent
import gevent.socket

from fsfax.esl.wire import Event, Frame, FrameReader, encode_command

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
