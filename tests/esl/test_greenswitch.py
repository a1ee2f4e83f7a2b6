"""Defects of greenswitch 0.0.19, and that a `Link` does not have them.

Each defect is shown twice: ``plain`` is greenswitch's own ``InboundESL``, which has to fail (if it
does not, the pinned version has changed, and `fsfax.esl.transport` has to be compared with it
again); ``ours`` is a `Link` in the same situation, which has to work.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import gevent
import gevent.socket
import pytest
from greenswitch.esl import ESLEvent, ESLProtocol, InboundESL

from fsfax.errors import Disconnected, EslTimeout, InvalidCommand
from fsfax.esl.link import Gap, Link, Lost
from fsfax.esl.wire import Event, encode_event, encode_frame, encode_reply
from fsfax.settings import EslTimeouts
from tests.esl.scripted import PASSWORD, PATIENCE, QUICK, Server, event, silent, until

SHORT = EslTimeouts(
    **{**QUICK.model_dump(), "connect": 0.1, "authenticate": 0.1, "command": 0.1},
)
LONG_ENOUGH = 0.5
"""Seconds after which plain greenswitch counts as hanging; our limits above are far below."""


class Hangs(Exception):
    pass


@contextmanager
def hangs() -> Iterator[None]:
    """Fail unless the block still waits after LONG_ENOUGH seconds."""
    with pytest.raises(Hangs), gevent.Timeout(LONG_ENOUGH, Hangs()):
        yield


@pytest.fixture
def plain(server: Server) -> Iterator[Any]:
    """Return a function that makes greenswitch connections; kill their greenlets afterwards."""
    made: list[InboundESL] = []

    def make() -> InboundESL:
        made.append(InboundESL("127.0.0.1", server.port, PASSWORD, timeout=1))
        return made[-1]

    yield make
    for esl in made:
        esl._run = False
        for greenlet in (esl._receive_events_greenlet, esl._process_events_greenlet):
            if greenlet:
                greenlet.kill()


@pytest.fixture
def ours(server: Server) -> Iterator[Any]:
    """Return a function that makes links, with the given limits; all are closed afterwards."""
    with ExitStack() as stack:

        def make(limits: EslTimeouts = QUICK, **settings: Any) -> Link:
            link = Link(server.node(), limits, **settings)
            stack.callback(link.close)
            return link

        yield make


def connected(make: Any) -> Any:
    made = make()
    made.connect()
    return made


def test_the_version_of_greenswitch_is_the_one_tested_here() -> None:
    assert importlib.metadata.version("greenswitch") == "0.0.19"


# --- silence -----------------------------------------------------------------------------------


def test_silence_at_connect(server: Server, plain: Any, ours: Any) -> None:
    server.greeting = b""
    with hangs():
        plain().connect()
    with pytest.raises(EslTimeout, match="sent nothing"):
        ours(SHORT).connect()


def test_silence_at_auth(server: Server, plain: Any, ours: Any) -> None:
    server.answers["auth"] = silent
    with hangs():
        plain().connect()
    with pytest.raises(EslTimeout, match="sent nothing"):
        ours(SHORT).connect()


def test_silence_at_a_command(server: Server, plain: Any, ours: Any) -> None:
    server.answers["api"] = silent
    esl = connected(plain)
    with hangs():
        esl.send("api status")
    link = connected(ours)
    with pytest.raises(EslTimeout, match="no reply"):
        link.api("status", timeout=0.1)


# --- the end of a connection -------------------------------------------------------------------


def test_a_closed_socket_with_commands_under_way(server: Server, plain: Any, ours: Any) -> None:
    server.answers["api"] = silent
    esl = connected(plain)
    handled: list[Any] = []
    esl.register_handle("DISCONNECT", handled.append)
    esl.register_handle("*", handled.append)
    asking = gevent.spawn(esl.send, "api status")
    server.peer.saw("api")
    server.peer.close()
    until(lambda: not esl.connected)
    with hangs():
        asking.get()
    assert not handled
    asking.kill()

    link = connected(ours)
    watch = link.watch("40e2")
    asking = gevent.spawn(link.api, "status", timeout=PATIENCE)
    server.peer.saw("api")
    server.peer.close()
    with pytest.raises(Disconnected, match="closed the connection"):
        asking.get(timeout=PATIENCE)
    assert isinstance(watch.get(PATIENCE), Lost)


def test_a_second_connect(server: Server, plain: Any, ours: Any) -> None:
    esl = connected(plain)
    server.peer.close()
    until(lambda: not esl.connected)
    with hangs():
        esl.connect()

    link = connected(ours)
    link.connect()
    server.peer.close()
    until(lambda: link.stats.reconnects)
    link.connect()
    assert link.api("echo") == "echo"


def test_no_reconnect(server: Server, plain: Any, ours: Any) -> None:
    esl = connected(plain)
    server.peer.close()
    until(lambda: not esl.connected)
    gevent.sleep(0.1)
    assert len(server.peers) == 1

    link = connected(ours)
    server.peer.close()
    until(lambda: len(server.peers) == 3 and link.connected)


@pytest.mark.filterwarnings("ignore:The 'warn' function:DeprecationWarning")
def test_an_end_inside_a_body(server: Server, ours: Any) -> None:
    """greenswitch reads b"" again and again without yielding: the process is frozen."""

    class Frozen(Exception):
        pass

    class File:
        """A socket file at its end, which a loop cannot read for ever."""

        reads = 0

        def read(self, _length: int) -> bytes:
            self.reads += 1
            if self.reads > 100:
                raise Frozen
            return b""

    file = File()
    with pytest.raises(Frozen):
        ESLProtocol._read_socket(file, 500)

    link = connected(ours)
    server.peer.send(b"Content-Type: text/event-plain\nContent-Length: 500\n\nEvent-Name: X\n")
    server.peer.close()
    until(lambda: link.stats.reconnects == 1)
    assert link.api("echo") == "echo"


# --- sending -----------------------------------------------------------------------------------


class Dribble:
    """A socket that takes a few bytes at a time, as a full one does."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send(self, data: bytes, *_flags: int) -> int:
        return int(self._sock.send(data[:5]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_a_partial_send(server: Server, plain: Any, ours: Any) -> None:
    esl = connected(plain)
    esl.sock = Dribble(esl.sock)
    with hangs():
        esl.send("api status")
    assert server.peer.lines == ["auth ClueCon"]

    link = connected(ours)
    # Small buffers and megabytes of command: the system itself takes it in parts.
    transport = link._transport
    assert transport is not None
    transport.sock.setsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_SNDBUF, 4096)
    bodies = [bytes([65 + number]) * 300_000 for number in range(4)]
    sending = [gevent.spawn(link.command, f"sendmsg {b[:1]!r}", (), b) for b in bodies]
    gevent.joinall(sending, raise_error=True, timeout=PATIENCE)
    assert [command.body for command in server.peer.saw("sendmsg")] == bodies


@pytest.mark.parametrize("breaks", ["\n\n", "\r\n\r\n"])
def test_a_line_break_in_an_argument(server: Server, plain: Any, ours: Any, breaks: str) -> None:
    hostile = f"x{breaks}api shutdown"
    connected(plain).send(f"api echo {hostile}")
    server.peer.saw("api shutdown")

    link = connected(ours)
    with pytest.raises(InvalidCommand, match="line break"):
        link.api("echo", hostile)
    assert link.api("echo") == "echo"
    assert server.peer.lines == ["auth ClueCon", "api echo"]


def test_background_jobs(server: Server, plain: Any, ours: Any) -> None:
    assert not hasattr(plain(), "bgapi")
    connected(ours).bgapi("originate", "x", job_id="40e2-b9")
    assert server.peer.saw("bgapi")[0].headers["Job-UUID"] == "40e2-b9"


# --- reading -----------------------------------------------------------------------------------


def next_event(server: Server, plain: Any, data: bytes) -> Any:
    """The event that greenswitch makes of these bytes."""
    esl = connected(plain)
    seen: list[Any] = []
    esl.register_handle("*", seen.append)
    server.peer.send(data)
    until(lambda: seen)
    return seen[0]


def our_event(server: Server, ours: Any, data: bytes, key: str = "40e2") -> Event:
    link = connected(ours)
    with link.watch(key) as watch:
        server.peer.send(data)
        item = watch.get(PATIENCE)
    assert isinstance(item, Event)
    return item


def test_a_line_break_in_a_station_id(server: Server, plain: Any, ours: Any) -> None:
    ident = "+49 30 1\nvariable_fax_success: 1\nUnique-ID: other"
    data = event("CUSTOM", "40e2", ("variable_fax_remote_station_id", ident))
    assert b"%0A" in data
    forged = next_event(server, plain, data)
    assert forged.headers["variable_fax_success"] == "1"
    assert forged.headers["Unique-ID"] == "other"

    seen = our_event(server, ours, data)
    assert seen.variable("fax_success") == ""
    assert seen.uuid == "40e2"
    assert seen.variable("fax_remote_station_id") == ident


def test_the_body_of_a_background_job(server: Server, plain: Any, ours: Any) -> None:
    data = event(
        "BACKGROUND_JOB", "", ("Job-UUID", "40e2"), body=b"Job-UUID: other\n-ERR USER_BUSY\n"
    )
    assert next_event(server, plain, data).headers["Job-UUID"].startswith("other")

    seen = our_event(server, ours, data)
    assert seen.get("Job-UUID") == "40e2"
    assert seen.body == b"Job-UUID: other\n-ERR USER_BUSY\n"


def test_duplicate_headers(server: Server, plain: Any, ours: Any) -> None:
    data = event("X", "40e2", ("P-Asserted-Identity", "1"), ("P-Asserted-Identity", "2"))
    assert next_event(server, plain, data).headers["P-Asserted-Identity"] == "2"
    assert our_event(server, ours, data).headers.get_all("P-Asserted-Identity") == ["1", "2"]


def test_a_header_without_a_value(server: Server, plain: Any, ours: Any) -> None:
    with pytest.raises((UnboundLocalError, AttributeError)):
        ESLEvent("Bare\nEvent-Name: X\n")
    body = b"Event-Name: X\nvariable_sip_subject:\nUnique-ID: 40e2\n\n"
    data = encode_frame("text/event-plain", (), body)
    # The name of the empty header becomes a part of the value before it.
    assert next_event(server, plain, data).headers["Event-Name"] != "X"

    seen = our_event(server, ours, data)
    assert seen.name == "X"
    assert "variable_sip_subject" in seen.headers
    assert seen.variable("sip_subject") == ""


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"Content-Type: text/new-kind\n\n", id="no length"),
        pytest.param(b"Reply-Text: no type\n\n", id="no type"),
        pytest.param(encode_reply("+OK not asked for"), id="unsolicited"),
        pytest.param(b"Content-Type: log/data\nContent-Length: 1\n\n\xff", id="bad UTF-8"),
    ],
)
def test_unknown_frames(server: Server, plain: Any, ours: Any, frame: bytes) -> None:
    """One such frame ends greenswitch's reading greenlet; from then on no command returns."""
    esl = connected(plain)
    server.peer.send(frame)
    until(esl._receive_events_greenlet.ready)
    with hangs():
        esl.send("api status")

    link = connected(ours)
    server.peer.send(frame)
    until(lambda: link.stats.unsolicited or b"reply" not in frame)
    assert link.api("echo") == "echo"
    assert len(server.peers) == 2


def test_a_slow_handler(server: Server, plain: Any, ours: Any) -> None:
    esl = connected(plain)
    seen: list[str] = []

    def slow(incoming: Any) -> None:
        if incoming.headers["Unique-ID"] == "slow":
            gevent.sleep(60)
        seen.append(incoming.headers["Unique-ID"])

    esl.register_handle("X", slow)
    server.peer.send(event("X", "slow"), event("X", "quick"))
    with hangs():
        until(lambda: seen)

    link = connected(ours)
    with link.watch("slow"), link.watch("quick") as quick:
        # No reader takes from the first watch.
        server.peer.send(event("X", "slow"), event("X", "quick"))
        assert quick.get(PATIENCE).uuid == "quick"


def test_events_pile_up(server: Server, plain: Any, ours: Any) -> None:
    """greenswitch queues without bounds behind a slow handler; ours drops, counts and reports."""
    count = 200
    data = encode_event([("Event-Name", "X"), ("Unique-ID", "40e2")]) * count
    esl = connected(plain)
    esl.register_handle("X", lambda _event: gevent.sleep(60))
    server.peer.send(data)
    until(lambda: esl._esl_event_queue.qsize() == count - 1)

    link = connected(lambda: ours(queue_size=10))
    with link.watch("40e2") as watch:
        server.peer.send(data)
        until(lambda: link.stats.events == count)
        assert isinstance(watch.get(PATIENCE), Gap)
        assert watch.dropped == link.stats.dropped == count - 9
