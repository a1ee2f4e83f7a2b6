"""Every event of a call, states included, in the order of real calls.

``data/event_order.json`` lists the events of recorded calls of FreeSWITCH 1.10.12 with
``event plain ALL``, but for CODEC, which the stand-in leaves out: it has one codec.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsfax.esl.wire import Event
from tests.softswitch.calling import dial, named, until

RECORDED = json.loads((Path(__file__).parent / "data" / "event_order.json").read_text())
AFTER_THE_RECORDING = {"CHANNEL_DESTROY", "CHANNEL_STATE CS_DESTROY"}

CASES = [
    # recording, number, extra variables
    ("t38-ok", "fax", ""),
    ("audio-ok", "fax", "fax_enable_t38=false,fax_enable_t38_request=false"),
    ("t38-refused", "t38_refused", ""),
    ("busy", "busy", ""),
    ("noanswer", "no_answer", "originate_timeout=3"),
    ("voice", "voice", ""),
    ("midhang", "drop_in_page_2", ""),
]


@pytest.fixture
def everything(link):
    link.subscribe("ALL")
    return link


def story(events: list[Event]) -> list[str]:
    lines = []
    for event in events:
        match event.name:
            case "CHANNEL_STATE":
                detail = event.get("Channel-State")
            case "CHANNEL_CALLSTATE":
                detail = event.get("Channel-Call-State")
            case "CUSTOM":
                detail = event.subclass
            case _:
                detail = event.get("Application")
        lines.append(f"{event.name} {detail}".strip())
    return lines


def settled(lines: list[str]) -> list[str]:
    """Without BACKGROUND_JOB: it runs a race with the channel's own thread in FreeSWITCH."""
    return [line for line in lines if line not in AFTER_THE_RECORDING | {"BACKGROUND_JOB"}]


def ended(watch) -> list[Event]:
    """All events of a channel, to the last one."""
    seen = until(watch, "CHANNEL_DESTROY")
    while seen[-1].get("Channel-State") != "CS_DESTROY":
        seen += until(watch, "CHANNEL_STATE")
    return seen


@pytest.mark.parametrize(("recording", "number", "variables"), CASES)
def test_every_event_of_a_call(everything, tiff, recording, number, variables):
    watch = dial(everything, "call", named(number), tiff, variables)
    lines = story(ended(watch))
    assert settled(lines) == settled(RECORDED[recording])
    assert lines[-1] == "CHANNEL_STATE CS_DESTROY"


def test_every_event_of_a_received_fax(everything, tiff):
    recorded = RECORDED["rx-t38-ok"]
    names = {line.split()[line.startswith("CUSTOM")] for line in recorded}
    with everything.watch_all(names) as watch:
        dial(everything, "call", named("fax"), tiff).close()
        seen: list[Event] = []
        while not seen or seen[-1].get("Channel-State") != "CS_DESTROY":
            event = watch.get(timeout=20)
            if event.get("Call-Direction") == "inbound":
                seen.append(event)
    assert story(seen) == recorded


def test_every_event_of_a_fax_from_outside(everything, switch, tiff):
    recorded = RECORDED["rx-t38-ok"]
    with everything.watch_all(
        {line.split()[line.startswith("CUSTOM")] for line in recorded}
    ) as watch:
        switch.call_in(named("fax"), tiff)
        seen: list[Event] = []
        while not seen or seen[-1].get("Channel-State") != "CS_DESTROY":
            seen.append(watch.get(timeout=20))
    assert story(seen) == recorded


def test_a_missing_file(everything, tiff):
    watch = dial(everything, "call", named("fax"), tiff.with_name("nix.tif"))
    assert settled(story(ended(watch))) == settled(RECORDED["nofile"])


def test_state_events_carry_no_variables(everything, tiff):
    seen = ended(dial(everything, "call", named("busy"), tiff, "fax_ident=123"))
    for event in seen:
        bare = event.name in ("CHANNEL_OUTGOING", "CHANNEL_STATE", "CHANNEL_CALLSTATE")
        assert (event.variable("fax_ident") == "") == bare or event.name == "BACKGROUND_JOB"
    turned = next(event for event in seen if event.name == "CHANNEL_CALLSTATE")
    assert turned.get("Original-Channel-Call-State") == "DOWN"
    assert turned.get("Channel-Call-State-Number") == "7"
