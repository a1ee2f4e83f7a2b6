"""Commands that act on a call under way, and the call from outside that no FreeSWITCH has."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from fsfax.document import tiff_f
from tests.softswitch.conftest import dial, eventually, labels, named, until


def parked(switch, link, tiff):
    """A call from outside that waits for a client to take it over."""
    record = switch.call_in(named("takeover"), tiff)
    watch = link.watch(record.uuid)
    # Parked when its application is; the event may be older than the watch.
    eventually(lambda: link.api("uuid_getvar", f"{record.uuid} current_application") == "park")
    return record, watch


def test_transfer_to_an_inline_dialplan(switch, link, tiff):
    record, watch = parked(switch, link, tiff)
    path = switch.root / "in" / "taken.tif"
    assert link.api("uuid_transfer", f"{record.uuid} 'answer,rxfax:{path}' inline") == "+OK"
    seen = labels(until(watch, "CHANNEL_DESTROY"))
    assert "spandsp::rxfaxresult" in seen
    assert record.code == 0
    assert len(tiff_f.read(path.read_bytes()).pages) == 3


def test_transfer_to_an_unknown_extension(switch, link, tiff):
    record, watch = parked(switch, link, tiff)
    link.api("uuid_transfer", f"{record.uuid} 100 XML public")
    assert until(watch, "CHANNEL_DESTROY")[-1].get("Hangup-Cause") == "NO_ROUTE_DESTINATION"


def test_broadcast_runs_an_application(switch, link, tiff):
    record, watch = parked(switch, link, tiff)
    assert link.api("uuid_broadcast", f"{record.uuid} set::colour=red aleg") == "+OK Message sent"
    until(watch, "CHANNEL_EXECUTE_COMPLETE")
    assert link.api("uuid_getvar", f"{record.uuid} colour") == "red"
    assert link.api("uuid_broadcast", f"{record.uuid} /tone.wav both") == "+OK Message sent"
    assert link.api("uuid_park", record.uuid) == "+OK"
    link.execute(record.uuid, "playback", "/tone.wav")
    link.execute(record.uuid, "export", "nolocal:shape=round")
    eventually(lambda: link.api("uuid_getvar", f"{record.uuid} shape") == "round")
    assert link.api("uuid_exists", record.uuid) == "true"


def test_a_call_from_outside_by_command(switch, link, tiff):
    wicked = "Evil\nUnique-ID: other\r\n\r\n<b>'\"|:"
    words = [named("fax"), str(tiff), "+99 1", wicked, "+99 1"]
    answer = link.api("softswitch_call_in", " ".join(quote(word, safe="") for word in words))
    assert answer.startswith("+OK ")
    switch.wait_idle()
    (call,) = switch.calls
    assert (call.uuid, call.pages, call.code) == (answer.removeprefix("+OK "), 3, 0)
    assert len(tiff_f.read(call.file.read_bytes()).pages) == 3


@pytest.mark.parametrize(
    ("arg", "answer"),
    [
        ("", "-USAGE: <number> <tiff>"),
        ("5550100", "-USAGE: <number> <tiff>"),
        ("5550100 /nix.tif", "-ERR no such file: /nix.tif"),
        ("5550100 %00", "-ERR no such file"),
        ("1 2 3 4 5 6", "-USAGE"),
    ],
)
def test_a_call_from_outside_that_cannot_be(switch, arg, answer):
    assert switch.api("softswitch_call_in", arg).startswith(answer)
    assert switch.calls == []


def test_a_killed_call_has_the_cause_of_the_kill(switch, link, tiff):
    watch = dial(link, "call", named("stall_in_page_2"), tiff)
    until(watch, "spandsp::txfaxpageresult")
    link.api("uuid_kill", "call NETWORK_OUT_OF_ORDER")
    seen = until(watch, "CHANNEL_DESTROY")
    result = next(event for event in seen if event.subclass == "spandsp::txfaxresult")
    assert (result.get("fax-result-code"), result.get("fax-document-transferred-pages")) == (
        "49",
        "1",
    )
    assert seen[-1].get("Hangup-Cause") == "NETWORK_OUT_OF_ORDER"
