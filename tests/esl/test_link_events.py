"""Events that a link receives, and the watches that get them."""

from __future__ import annotations

from typing import Any

import gevent
import gevent.socket
import pytest

from fsfax.errors import CommandFailed
from fsfax.esl.link import Gap, Link
from fsfax.esl.wire import encode_reply
from tests.esl.scripted import Server, event, items, saying, take, until


def test_events_go_to_their_channel(link: Link, server: Server) -> None:
    with link.watch("a") as a, link.watch("b") as b, link.watch("a") as twin:
        server.peer.send(event("1", "a"), event("2", "b"), event("3", "a"), event("4", "c"))
        server.peer.send(event("END", "a"), event("END", "b"))
        until(lambda: link.stats.events == 6)
        assert items(a) == items(twin) == ["1", "3", "END"]
        assert items(b) == ["2", "END"]
    assert link.stats.unwatched == 1
    server.peer.send(event("5", "a"))
    until(lambda: link.stats.events == 7)
    assert items(a) == ["NoneType"]
    assert not link._by_key


def test_a_background_job_goes_to_its_id_with_its_body(link: Link, server: Server) -> None:
    watch = link.watch("40e2")
    body = b"-ERR USER_BUSY\nUnique-ID: other\n\n"
    server.peer.send(event("BACKGROUND_JOB", "", ("Job-UUID", "40e2"), body=body))
    assert take(watch).body == body


def test_a_channel_event_with_a_job_id_goes_to_its_channel(link: Link, server: Server) -> None:
    job, channel = link.watch("job"), link.watch("channel")
    server.peer.send(event("CHANNEL_CREATE", "channel", ("Job-UUID", "job")))
    assert take(channel).name == "CHANNEL_CREATE"
    assert items(job) == []


def test_events_by_name(link: Link, server: Server) -> None:
    watch = link.watch_all(["CHANNEL_PARK", "spandsp::rxfaxresult"])
    server.peer.send(
        event("CHANNEL_PARK", "1"),
        event("CUSTOM", "1", ("Event-Subclass", "spandsp::rxfaxresult")),
        event("CUSTOM", "1", ("Event-Subclass", "spandsp::other")),
        event("spandsp::rxfaxresult"),
        event("CHANNEL_HANGUP"),
    )
    until(lambda: link.stats.events == 5)
    assert items(watch) == ["CHANNEL_PARK", "CUSTOM", "spandsp::rxfaxresult"]
    watch.close()
    assert not link._by_name


def test_events_of_a_channel_stay_in_order(link: Link, server: Server) -> None:
    watches = [link.watch(str(number)) for number in range(5)]
    server.peer.send(*(event(str(number), str(number % 5)) for number in range(500)))
    until(lambda: link.stats.events == 500)
    for index, watch in enumerate(watches):
        assert items(watch) == [str(number) for number in range(index, 500, 5)]


def test_subscriptions(link: Link, server: Server) -> None:
    link.subscribe("CHANNEL_CREATE", "spandsp::txfaxresult", "BACKGROUND_JOB", "a::b")
    link.subscribe("CHANNEL_CREATE")
    link.subscribe("a::b", "HEARTBEAT")
    link.subscribe("c::d")
    assert server.peer.lines[1:] == [
        "event plain CHANNEL_CREATE BACKGROUND_JOB CUSTOM spandsp::txfaxresult a::b",
        "event plain HEARTBEAT",
        "event plain CUSTOM c::d",
    ]
    server.answers["event"] = saying(encode_reply("-ERR no keywords supplied"))
    with pytest.raises(CommandFailed, match="no keywords"):
        link.subscribe("NONSENSE")


def test_a_flood_leaves_time_for_others(link: Link, server: Server) -> None:
    """While thousands of events come in, other greenlets still get their turn, and soon."""
    watch = link.watch("flood")
    noise = event("NOISE", "flood", ("variable_x", "y" * 2000)) * 100
    flooding = True

    def flood() -> None:
        while flooding:
            server.peer.send(noise)

    greenlet = gevent.spawn(flood)
    try:
        until(lambda: link.stats.events > 500)
        between = []
        for _ in range(30):
            before = link.stats.events
            gevent.sleep(0.001)
            between.append(link.stats.events - before)
        until(lambda: link.stats.events > 5000)
    finally:
        flooding = False
        greenlet.join()
    # Counted in events, not seconds, because the machine may be busy. Measured: 60 from one tick
    # to the next, and 1400 with a bare `sleep(0)` between chunks.
    assert sorted(between)[len(between) // 2] < 400
    assert watch.dropped
    assert link.api("echo") == "echo"


def test_a_full_watch_drops_events_and_reports_a_gap(server: Server, links: Any) -> None:
    link = links(server, queue_size=10)
    link.connect()
    slow, quick = link.watch("slow"), link.watch("quick")
    server.peer.send(*(event(str(number), "slow") for number in range(25)), event("X", "quick"))
    assert take(quick).name == "X"
    gap = take(slow)
    assert isinstance(gap, Gap)
    assert "16 events were dropped" in gap.reason
    assert items(slow) == [str(number) for number in range(16, 25)]
    assert slow.dropped == link.stats.dropped == 16
    assert quick.dropped == 0
    # There is space again: no further event is dropped.
    server.peer.send(event("MORE", "slow"))
    assert take(slow).name == "MORE"


def test_a_watch_may_be_closed_twice(link: Link) -> None:
    first, second = link.watch("1"), link.watch("1")
    first.close()
    first.close()
    assert link._by_key == {"1": [second]}
    second.close()
    second.close()
    assert not link._by_key
