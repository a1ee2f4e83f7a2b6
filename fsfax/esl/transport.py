"""One connection: socket and login by greenswitch's ``InboundESL``, reading and writing by fsfax.

What greenswitch 0.0.19 does, and what is done here instead:

* ``connect`` waits without limit for a server that sends nothing: both steps have a time limit;
* ``send`` may send a part, unlocked: ``sendall``, one sender at a time (the link's lock);
* reading decodes headers before splitting lines, parses inner bodies as headers, breaks on a
  header without a value, spins at an EOF inside a body: replaced by `fsfax.esl.wire`;
* CR/LF in an argument becomes a second command: refused by `encode_command`;
* its greenlets keep waiting when the socket closes: none of them is started.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Self

import gevent
import gevent.socket
from greenswitch.esl import InboundESL, NotConnectedError

from fsfax.errors import (
    AuthenticationError,
    ConnectError,
    Disconnected,
    EslTimeout,
    InvalidCommand,
    ProtocolError,
)
from fsfax.esl.wire import Frame, FrameReader, encode_command
from fsfax.settings import EslTimeouts, NodeSettings

_CHUNK = 64 * 1024
_HIGHEST = 2
"""libev's EV_MAXPRI."""


class Transport(InboundESL):  # type: ignore[misc]  # greenswitch has no types
    """One connection, logged in. Unusable after an error: open another one."""

    def __init__(self, node: NodeSettings, timeouts: EslTimeouts) -> None:
        super().__init__(
            node.host, node.port, node.password.get_secret_value(), timeout=timeouts.connect
        )
        self._address = f"{node.name} ({node.host}:{node.port})"
        self._login_limit = timeouts.authenticate
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()

    @classmethod
    def open(cls, node: NodeSettings, timeouts: EslTimeouts) -> Self:
        """Connect and log in.

        Raises:
            ConnectError: the connection was refused, or the access list refuses this address.
            AuthenticationError: the password is wrong.
            EslTimeout: no answer in time.
        """
        transport = cls(node, timeouts)
        total = timeouts.connect + timeouts.authenticate
        try:
            with gevent.Timeout(total, EslTimeout(transport._no_answer(total))):
                transport.connect()
        except BaseException:
            transport.close()
            raise
        return transport

    def connect(self) -> None:
        """Connect and log in by greenswitch's own steps; raise the errors of `open`."""
        try:
            super().connect()
        except NotConnectedError as error:
            raise EslTimeout(
                f"no connection to {self._address} in {self.timeout:g} s: is the address right, is"
                " a firewall in between?"
            ) from error
        except UnicodeError as error:
            raise ConnectError(
                f"{self.host!r} is no host name: correct the node's settings"
            ) from error
        except InvalidCommand:
            # Without the cause, whose message contains the password.
            raise AuthenticationError(
                f"the password for {self._address} has a line break or NUL: correct the node's"
                " settings"
            ) from None
        except ValueError as error:
            raise AuthenticationError(
                f"{self._address} refused the password: compare it with event_socket.conf.xml"
            ) from error
        except (KeyError, ProtocolError) as error:
            raise ConnectError(
                f"{self._address} is no event socket: its answers are not ESL ({error})"
            ) from error
        except OSError as error:
            raise ConnectError(
                f"cannot connect to {self._address}: {error.strerror or error}; is FreeSWITCH"
                " running, with mod_event_socket loaded?"
            ) from error

    def start_event_handlers(self) -> None:
        """Read the greeting (greenswitch would start its two greenlets here)."""
        with gevent.Timeout(self._login_limit, EslTimeout(self._no_answer(self._login_limit))):
            greeting = self._next()
        if greeting.content_type == "text/rude-rejection":
            raise ConnectError(
                f"{self._address} refuses connections from here: its access list"
                " (apply-inbound-acl in event_socket.conf.xml) does not name this address"
            )
        if greeting.content_type != "auth/request":
            raise ConnectError(
                f"{self._address} is no event socket: it greets with {greeting.content_type!r}"
            )
        self._auth_request_event.set()

    def send(self, data: str | bytes, timeout: float = 10.0) -> Frame | None:
        """Send a whole command; return the reply to a login command (str), None for bytes.

        Raises:
            EslTimeout: FreeSWITCH does not read the bytes.
            Disconnected: the connection is lost.
        """
        raw = data if isinstance(data, bytes) else encode_command(data)
        try:
            with gevent.Timeout(timeout, EslTimeout(self._no_answer(timeout))):
                self.sock.sendall(raw)
        except OSError as error:
            raise Disconnected(f"the connection to {self._address} broke: {error}") from error
        return None if isinstance(data, bytes) else self._next()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames from the server until it closes the connection.

        Raises:
            ProtocolError: what comes is not ESL, or ends in the middle of a frame.
            Disconnected: the connection broke.
        """
        while True:
            while self._frames:
                yield self._frames.popleft()
            if not self._fill():
                self._reader.eof()
                return
            # A flood of events must not delay the other greenlets. gevent runs up to fifty
            # `sleep(0)` in a row before it serves timers and sockets again; this waits for one
            # round of the event loop, and at the highest priority not for two.
            gevent.idle(_HIGHEST)

    def close(self) -> None:
        """Close the socket; a greenlet that reads from it sees the end of the stream."""
        self.connected = False
        for name in ("sock_file", "sock"):
            handle = getattr(self, name, None)
            if handle is None:
                continue
            with contextlib.suppress(OSError):
                if name == "sock":
                    handle.shutdown(gevent.socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                handle.close()

    def _next(self) -> Frame:
        while not self._frames:
            if not self._fill():
                raise Disconnected(f"{self._address} closed the connection during the login")
        return self._frames.popleft()

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(_CHUNK)
        except OSError as error:
            raise Disconnected(f"the connection to {self._address} broke: {error}") from error
        if data:
            self._frames.extend(self._reader.feed(data))
        return bool(data)

    def _no_answer(self, seconds: float) -> str:
        return f"{self._address} sent nothing for {seconds:g} s"
