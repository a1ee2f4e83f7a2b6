"""Events with FreeSWITCH's basic headers; subscriptions and filters."""

from __future__ import annotations

import pytest

from fsfax.softswitch.events import EventFactory, Subscription


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
def test_what_a_listener_gets(words, name, subclass, wanted):
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
def test_how_filters_work(filters, wanted):
    subscription = Subscription({"ALL"})
    for name, value in filters:
        subscription.add_filter(name, value)
    assert subscription.wants(make("API", A="1", B="2")) is wanted
    subscription.delete_filter("all")
    assert subscription.wants(make("API", A="1", B="2"))
