"""A connection that is lost or falls silent, and the reconnection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import gevent
import gevent.socket
import pytest

from fsfax.errors import Disconnected
from fsfax.esl.link import Gap, Link, Lost
from fsfax.esl.transport import Transport
from fsfax.esl.wire import Command, Event, Frame, FrameReader, encode_frame, encode_reply
from tests.esl.scripted import (
    PATIENCE,
    Server,
    api_response,
    event,
    items,
    saying,
    silent,
    take,
    until,
)


def endings() -> dict[str, bytes]:
    return {
        "closed": b"",
        "notice": encode_frame("text/disconnect-notice", (), b"Disconnected, goodbye.\n"),
        "in a body": b"Content-Type: text/event-plain\nContent-Length: 500\n\nEvent-Name: X\n",
        "in headers": b"Content-Type: text/ev",
        "garbage": b"Content-Length: garbage\n\n",
        "too large": b"Content-Length: 99999999999\n\n",
    }


@pytest.mark.parametrize("way", endings())
def test_a_lost_connection_comes_back(link: Link, server: Server, way: str) -> None:
    states: list[bool] = []
    link.on_state(states.append)
    link.subscribe("CHANNEL_HANGUP", "spandsp::txfaxresult")
    watch, other = link.watch("40e2"), link.watch_all(["CHANNEL_HANGUP"])
    server.answers["api"] = silent
    asking = [gevent.spawn(link.api, "status") for _ in range(3)]
    until(lambda: len(server.peer.saw("api status")) == 3)
    first = server.peer
    first.send(endings()[way])
    if way in ("closed", "in a body", "in headers"):
        first.close()
    for each in asking:
        with pytest.raises(Disconnected):
            each.get(timeout=PATIENCE)
    link.wait_connected(PATIENCE)
    assert server.peer is not first
    assert link.stats.reconnects == 1
    assert server.peer.lines == [
        "auth ClueCon",
        "event plain CHANNEL_HANGUP CUSTOM spandsp::txfaxresult",
    ]
    server.peer.send(event("CHANNEL_HANGUP", "40e2"))
    for each in (watch, other):
        lost, gap, hangup = take(each), take(each), take(each)
        assert isinstance(lost, Lost)
        assert lost.reason
        assert isinstance(gap, Gap)
        assert hangup.name == "CHANNEL_HANGUP"
    assert states[0] is False
    assert states[-1] is True


def test_the_gap_comes_before_the_first_event(link: Link, server: Server) -> None:
    """Events may follow the answer to the subscription so closely that they come together."""
    link.subscribe("A")
    watch = link.watch("40e2")
    server.answers["event"] = lambda _c: encode_reply("+OK") + event("A", "40e2")
    server.peer.close()
    assert [type(take(watch)) for _ in range(3)] == [Lost, Gap, Event]


def test_a_link_is_up_when_its_subscriptions_are(server: Server, links: Any) -> None:
    link = links(server)
    link.subscribe("A")
    server.answers["event"] = silent
    link.start()
    until(lambda: server.peers)
    server.peer.saw("event")
    assert not link.connected
    with pytest.raises(Disconnected):
        link.api("status")
    link.subscribe("B")  # is asked for too before the link is up
    del server.answers["event"]
    server.peer.send(encode_reply("+OK"))
    link.wait_connected(PATIENCE)
    assert server.peer.lines[1:] == ["event plain A", "event plain B"]


def test_the_connection_ends_while_subscribing(server: Server, links: Any) -> None:
    link = links(server)
    link.subscribe("A")

    def hang_up(_command: Command) -> bytes:
        server.answers.clear()
        server.peer.close()
        return b""

    server.answers["event"] = hang_up
    with pytest.raises(Disconnected):
        link.connect()
    link.connect()


def test_the_connection_ends_right_behind_the_subscription(server: Server, links: Any) -> None:
    link = links(server)
    link.subscribe("A")
    notice = encode_frame("text/disconnect-notice", (), b"Bye\n")
    server.answers["event"] = saying(encode_reply("+OK"), notice)
    with pytest.raises(Disconnected, match="closed the connection"):
        link.connect()
    assert not link.connected


def test_late_frames_of_an_old_connection_are_ignored(link: Link, server: Server) -> None:
    """Its reader may hold frames already when the connection is given up."""
    watch = link.watch("40e2")
    stale = FrameReader().feed(event("A", "40e2") + encode_reply("+OK stale"))

    class Old:
        def frames(self) -> Iterator[Frame]:
            yield from stale

    link._read(cast(Transport, Old()))
    assert items(watch) == []
    assert link.stats.unsolicited == 0
    assert link.connected


def test_pauses_grow_and_differ(server: Server, links: Any) -> None:
    link = links(server, backoff_first=0.2, backoff_max=15.0)
    pauses = [[link._pause(failures) for failures in range(1, 40)] for _ in range(20)]
    assert all(0.1 <= each[0] <= 0.2 for each in pauses)
    assert all(7.5 <= each[-1] <= 15 for each in pauses)
    assert len({each[0] for each in pauses}) > 10


def test_a_silent_connection_is_probed(server: Server, links: Any) -> None:
    link = links(server, heartbeat=0.03)
    link.connect()
    until(lambda: len(server.peer.saw("api uuid_exists")) >= 3)
    assert len(server.peers) == 1
    server.answers["api"] = saying(api_response("-ERR no such command"))
    seen = len(server.peer.lines)
    until(lambda: len(server.peer.lines) > seen + 2)
    assert link.connected


def test_a_connection_that_does_not_answer_is_closed(server: Server, links: Any) -> None:
    link = links(server, heartbeat=0.05, command=0.05)
    link.connect()
    watch = link.watch("40e2")
    server.answers["api"] = silent
    lost = take(watch)
    assert isinstance(lost, Lost)
    assert "does not answer" in lost.reason
    del server.answers["api"]
    assert isinstance(take(watch), Gap)
    assert link.stats.reconnects >= 1


def test_the_connection_ends_during_a_probe(server: Server, links: Any) -> None:
    link = links(server, heartbeat=0.03)
    server.answers["api"] = silent
    link.connect()
    watch = link.watch("40e2")
    server.peer.saw("api uuid_exists")
    server.answers.clear()
    server.peer.close()
    lost = take(watch)
    assert isinstance(lost, Lost)
    assert "closed the connection" in lost.reason
    assert isinstance(take(watch), Gap)
    assert items(watch) == []


def test_traffic_postpones_the_probe(server: Server, links: Any) -> None:
    link = links(server, heartbeat=0.3)
    link.connect()
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        server.peer.send(event("HEARTBEAT"))
        gevent.sleep(0.02)
    assert server.peer.lines == ["auth ClueCon"]


def test_repeated_loss_of_the_connection(link: Link, server: Server) -> None:
    for number in range(10):
        link.wait_connected(PATIENCE)
        until(lambda count=number: len(server.peers) == count + 1)
        server.peer.close()
        until(lambda count=number: link.stats.reconnects == count + 1)
    link.wait_connected(PATIENCE)
    assert link.stats.reconnects == 10
    assert link.api("echo") == "echo"
