"""Events with FreeSWITCH's basic headers; subscriptions and filters."""

from __future__ import annotations

import pytest

from fsfax.esl.wire import CommandReader, Event, FrameReader
from fsfax.softswitch.events import EventFactory, Subscription, decode_headers


def make(name: str, subclass: str = "", **headers: str):
    return EventFactory("x").make(
        name, subclass=subclass, rest=[(n.replace("_", "-"), v) for n, v in headers.items()]
    )


@pytest.mark.parametrize(
    ("words", "name", "subclass", "wanted"),
    [
        ("ALL", "CUSTOM", "a::b", True),
        ("CHANNEL_CREATE", "CHANNEL_CREATE", "", True),
        ("channel_create", "CHANNEL_CREATE", "", True),
        ("CHANNEL_CREATE", "CHANNEL_DESTROY", "", False),
        ("CUSTOM a::b c::d", "CUSTOM", "c::d", True),
        ("CUSTOM a::b", "CUSTOM", "c::d", False),
        ("CUSTOM", "CUSTOM", "c::d", False),
        # behind CUSTOM all words are subclasses
        ("CUSTOM a::b CHANNEL_CREATE", "CHANNEL_CREATE", "", False),
        ("CHANNEL_CREATE CUSTOM a::b", "CHANNEL_CREATE", "", True),
    ],
)
def test_which_events_a_subscription_includes(words, name, subclass, wanted):
    subscription = Subscription()
    assert subscription.add(words.split())
    assert subscription.wants(make(name, subclass)) is wanted


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([], True),
        ([("A", "1")], True),
        ([("a", "1")], True),
        ([("A", "2")], False),
        ([("A", "2"), ("B", "2")], True),
        ([("Missing", "1")], False),
        ([("A", "1"), ("B", "-2")], False),
        ([("A", "/^[01]$/")], True),
        ([("A", "/[/")], False),
    ],
)
def test_filters_of_a_subscription(filters, wanted):
    subscription = Subscription({"ALL"})
    for name, value in filters:
        subscription.add_filter(name, value)
    assert subscription.wants(make("API", A="1", B="2")) is wanted
    subscription.delete_filter("all")
    assert subscription.wants(make("API", A="1", B="2"))


def test_the_basic_headers_of_an_event() -> None:
    factory = EventFactory("node")
    one, two = factory.make("HEARTBEAT"), factory.make("HEARTBEAT")
    assert one.get("FreeSWITCH-Switchname") == "node"
    assert one.get("core-uuid") == factory.core_uuid != EventFactory("node").core_uuid
    assert int(two.get("Event-Sequence") or 0) == int(one.get("Event-Sequence") or 0) + 1
    assert one.get("Event-Calling-Function") == "send_heartbeat"
    assert one.get("Event-Subclass") is None
    assert one.get("Missing") is None


@pytest.mark.parametrize(
    ("subclass", "function"),
    [
        ("spandsp::txfaxnegociateresult", "phase_b_handler"),
        ("spandsp::rxfaxpageresult", "phase_d_handler"),
        ("spandsp::txfaxresult", "phase_e_handler"),
        ("sofia::register", "switch_event_fire"),
    ],
)
def test_the_function_that_fires_a_custom_event(subclass: str, function: str) -> None:
    event = make("CUSTOM", subclass)
    assert event.headers[0] == ("Event-Subclass", subclass)
    assert event.get("Event-Calling-Function") == function


def test_headers_stand_in_order_and_empty_ones_are_left_out() -> None:
    event = EventFactory("x").make(
        "API", first=[("First", "1"), ("Empty", "")], rest=[("Rest", "2"), ("Rest", "3")]
    )
    assert event.headers[-3:] == [("First", "1"), ("Rest", "2"), ("Rest", "3")]
    assert event.get("Rest") == "2"


def test_a_frame_is_read_by_the_client_and_made_once() -> None:
    event = EventFactory("x").make("API", rest=[("Evil", "a\nb: c%")], body=b"body\n\n")
    (frame,) = FrameReader().feed(event.encode())
    read = Event.from_frame(frame)
    assert (read.name, read.get("Evil"), read.body) == ("API", "a\nb: c%", b"body\n\n")
    assert event.encode() is event.encode()


def test_events_are_unsubscribed_one_by_one() -> None:
    subscription = Subscription()
    subscription.add(["ALL"])
    assert subscription.remove(["heartbeat"])
    assert not subscription.wants(make("HEARTBEAT"))
    assert subscription.wants(make("API"))
    assert not subscription.wants(make("CUSTOM", "a::b")), "its subclass was never named"
    assert not subscription.remove(["NONSENSE"])
    subscription.add(["CUSTOM", "a::b", "c::d"])
    subscription.remove(["CUSTOM", "a::b"])
    subscription.add(["CUSTOM"])
    assert not subscription.wants(make("CUSTOM", "a::b"))
    assert subscription.wants(make("CUSTOM", "c::d"))
    subscription.clear()
    assert not subscription.wants(make("API"))


def test_one_filter_of_several_is_deleted() -> None:
    subscription = Subscription({"ALL"})
    for value in ("1", "2"):
        subscription.add_filter("A", value)
    subscription.delete_filter("a", "1")
    assert subscription.filters == [("A", "2")]
    subscription.delete_filter("b")
    assert subscription.filters == [("A", "2")]
    subscription.delete_filter("A")
    assert subscription.filters == []


def test_the_names_of_a_commands_headers_are_in_lower_case() -> None:
    (command,) = CommandReader(1000).feed(b"sendmsg x\nCall-Command: Hangup\n\n")
    assert decode_headers(command.headers) == {"call-command": "Hangup"}
