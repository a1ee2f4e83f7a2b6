"""The stand-in fires the same events and headers as FreeSWITCH 1.10.12 in the recordings."""

from __future__ import annotations

import pytest

from fsfax.engine.observations import SUBSCRIPTIONS
from fsfax.esl.wire import Event
from tests.engine import captured
from tests.softswitch.calling import dial, labels, named, until
from tests.softswitch.client import PATIENCE

# What the recordings were not subscribed to.
UNRECORDED = {"CHANNEL_HANGUP", "CHANNEL_DESTROY"}

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


def recorded(name: str) -> list[Event]:
    return [event for event in captured.events(name) if event.name not in UNRECORDED]


def outline(events: list[Event]) -> list[str]:
    """The order of events; answer, job and execute come within a millisecond in any order."""
    return [label for label in labels(events) if label not in UNRECORDED]


def fax_headers(events: list[Event]) -> list[tuple[str, list[str]]]:
    return [
        (event.subclass, [name for name in event.headers if name.startswith("fax-")])
        for event in events
        if event.name == "CUSTOM"
    ]


@pytest.mark.parametrize(("recording", "number", "variables"), CASES)
def test_the_order_of_events(link, tiff, recording, number, variables):
    watch = dial(link, "call", named(number), tiff, variables)
    seen = until(watch, "CHANNEL_DESTROY")
    if "BACKGROUND_JOB" not in labels(seen):
        seen += until(watch, "BACKGROUND_JOB")
    expected = outline(recorded(recording))
    if recording == "busy":  # a race in FreeSWITCH
        assert sorted(outline(seen)) == sorted(expected)
    else:
        assert outline(seen) == expected
    assert fax_headers(seen) == fax_headers(recorded(recording))


@pytest.mark.parametrize(("recording", "number", "variables"), CASES)
def test_no_header_of_a_channel_is_missing(link, tiff, recording, number, variables):
    seen = until(dial(link, "call", named(number), tiff, variables), "CHANNEL_DESTROY")
    ours = dict(zip(labels(seen), seen, strict=True))
    for label, real in zip(labels(recorded(recording)), recorded(recording), strict=True):
        if label == "BACKGROUND_JOB":
            continue
        names = {n for n in real.headers if not n.startswith("variable_")}
        assert names - set(ours[label].headers) == set(), label


def test_the_order_of_events_of_a_received_fax(link, tiff):
    with link.watch_all(SUBSCRIPTIONS) as everything:
        dial(link, "call", named("fax"), tiff).close()
        inbound = []
        while not inbound or inbound[-1].name != "CHANNEL_DESTROY":
            event = everything.get(timeout=PATIENCE)
            if event.get("Call-Direction") == "inbound":
                inbound.append(event)
    seen = inbound
    real = list(captured.events("rx-t38-ok"))
    assert labels(seen) == labels(real)
    assert fax_headers(seen) == fax_headers(real)
    assert seen[-1].variable("fax_filename").endswith(f"/in/{seen[0].uuid}.tif")


def test_a_file_that_is_not_there(link, tiff, switch):
    hooks = "api_on_fax_failure=db insert/r/call/failure,api_hangup_hook=hash insert/r/call/ended"
    watch = dial(link, "call", "5550100", tiff.with_name("nix.tif"), hooks.replace(" ", "\\\\s"))
    seen = until(watch, "CHANNEL_DESTROY")
    assert outline(seen) == outline(recorded("nofile"))
    complete = next(event for event in seen if event.name == "CHANNEL_EXECUTE_COMPLETE")
    assert complete.get("Application-Response") == "Cannot send non-existant fax file"
    assert seen[-1].get("Hangup-Cause") == "NORMAL_CLEARING"
    assert link.api("hash", "select/r/call") == "ended"
    assert switch.api("db", "select/r/call") == "-ERR no reply\n"


@pytest.mark.parametrize("recording", ["t38-ok", "midhang", "voice"])
def test_the_variables_of_the_result(link, tiff, recording):
    number = next(number for name, number, _ in CASES if name == recording)
    seen = until(dial(link, "call", named(number), tiff), "CHANNEL_DESTROY")
    hangup = next(event for event in seen if event.name == "CHANNEL_HANGUP_COMPLETE")
    real = recorded(recording)[-1]
    missing = {n for n in real.headers if n.startswith("variable_fax_")} - set(hangup.headers)
    # set by the recording's own originate
    assert missing <= {"variable_fax_ident", "variable_fax_header", "variable_fax_verbose"}
    for name in ("fax_success", "fax_result_code", "sip_hangup_disposition", "hangup_cause"):
        assert hangup.variable(name) == real.variable(name), name
