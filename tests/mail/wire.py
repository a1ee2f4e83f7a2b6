"""An SMTP client that sends any bytes, and disconnects at any point."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Self


class Wire:
    """A connection to a mail server, after its greeting."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")
        self.greeting = self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> str:
        """The next answer, the last of its lines; "" at the end of the connection."""
        while line := self._file.readline():
            if line[3:4] != b"-":
                return line.decode().strip()
        return ""

    def say(self, *lines: str) -> list[str]:
        """Send lines; return the answer to each."""
        answers = []
        for line in lines:
            self.write(line.encode() + b"\r\n")
            answers.append(self.answer())
        return answers

    def begin(self, sender: str, to: Sequence[str]) -> None:
        """Send the commands up to DATA."""
        self.say("EHLO client")
        words = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{each}>" for each in to), "DATA"]
        answers = self.say(*words)
        assert [answer[:3] for answer in answers] == ["250"] * (len(words) - 1) + ["354"], answers

    def until_end(self) -> str:
        """Everything that comes up to the end of the connection."""
        return self._file.read().decode()
