"""Calls placed: originate, the called side's dialplan, calls from outside."""

from __future__ import annotations

import contextlib

import pytest

from fsfax.document import tiff_f
from fsfax.errors import CommandFailed
from tests.softswitch.calling import dial, eventually, labels, named, send, until
from tests.softswitch.client import PATIENCE


def test_a_value_that_freeswitch_would_expand_is_not_set(link, tiff):
    with dial(link, "call", named("busy"), tiff, "evil=${uuid},fine=1") as watch:
        create = until(watch, "CHANNEL_CREATE")[-1]
    assert (create.variable("evil"), create.variable("fine")) == ("", "1")


def test_one_id_is_one_channel(link, tiff):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=900") as watch:
        until(watch, "CHANNEL_PROGRESS")
        answer = link.command(
            "api originate {origination_uuid=call}sofia/gateway/softswitch/1 &park"
        ).body
        assert answer == b"-ERR DESTINATION_OUT_OF_ORDER\n"
        link.api("uuid_kill", "call USER_BUSY")
        assert until(watch, "CHANNEL_DESTROY")[-1].get("Hangup-Cause") == "USER_BUSY"


def test_marks_of_the_called_side(link, switch, tiff):
    until(dial(link, "call", named("fax"), tiff), "CHANNEL_DESTROY")
    switch.wait_idle(5)
    called = switch.calls[0].called_uuid
    assert switch.api("db", f"select/fsfax/{called}") == "success"
    assert switch.api("hash", f"select/fsfax/{called}") == "ended"


def test_a_call_from_outside(link, switch, tiff):
    with link.watch_all(["CHANNEL_CREATE", "spandsp::rxfaxresult"]) as watch:
        call = switch.call_in("5551234", tiff, "+4930123", "Joe's Fax", ident="+49 30 123")
        create, result = watch.get(timeout=PATIENCE), watch.get(timeout=PATIENCE)
    assert create.get("Caller-Caller-ID-Number") == "+4930123"
    assert create.get("Caller-Caller-ID-Name") == "Joe's Fax"
    assert create.get("Caller-Destination-Number") == "5551234"
    assert result.get("fax-remote-station-id") == "+49 30 123"
    assert result.get("fax-t38-status") == "negotiated"
    switch.wait_idle(5)
    assert (call.pages, call.code, call.cause) == (3, 0, "NORMAL_CLEARING")
    assert call.file == switch.root / "in" / f"{call.uuid}.tif"
    assert len(tiff_f.read(call.file.read_bytes()).pages) == 3
    assert call.created <= call.answered <= call.ended


@pytest.mark.parametrize(
    ("name", "pages", "code"),
    [("drop_in_page_2", 1, 49), ("t38_refused", 3, 0), ("no_ecm", 3, 0)],
)
def test_faults_of_a_call_from_outside(switch, tiff, name, pages, code):
    call = switch.call_in(named(name), tiff)
    switch.wait_idle(10)
    assert (call.pages, call.code) == (pages, code)


def test_a_refused_call_from_outside(switch, tiff):
    call = switch.call_in(named("busy"), tiff)
    assert (call.cause, call.answered) == ("USER_BUSY", None)
    switch.wait_idle(0.1)


def test_a_call_from_outside_that_a_client_takes(link, switch, tiff, tmp_path):
    with link.watch_all(["CHANNEL_PARK"]) as parks:
        call = switch.call_in(named("takeover"), tiff)
        call_id = parks.get(timeout=PATIENCE).uuid
    assert call_id == call.uuid
    with link.watch(call_id) as watch:
        link.execute(call_id, "answer")
        link.execute(call_id, "rxfax", str(tmp_path / "x.tif"))
        until(watch, "spandsp::rxfaxresult")
        with contextlib.suppress(CommandFailed):  # the far end may have hung up before
            link.api("uuid_kill", call_id)
        until(watch, "CHANNEL_DESTROY")
    switch.wait_idle(5)
    assert (call.pages, call.code) == (3, 0)


def test_fail_over_to_another_gateway(link, tiff, switch):
    result = send(link, tiff, named("fax"), gateways=("down", "softswitch"))
    assert result.success
    assert [one.cause for one in result.failed_gateways] == ["GATEWAY_DOWN"]


def test_a_ringing_call_is_killed(link, tiff, switch):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=600") as watch:
        until(watch, "CHANNEL_PROGRESS")
        assert link.api("uuid_kill", "call") == "+OK"
        seen = until(watch, "CHANNEL_DESTROY")
        if "BACKGROUND_JOB" not in labels(seen):
            seen += until(watch, "BACKGROUND_JOB")
    job = next(event for event in seen if event.name == "BACKGROUND_JOB")
    assert job.body == b"-ERR NORMAL_CLEARING\n"
    switch.wait_idle(5)


def test_takeover_by_a_client(link, tiff, switch, tmp_path):
    """An ESL client answers a parked call, receives the fax and hangs up."""
    parks = link.watch_all(["CHANNEL_PARK"])
    caller = dial(link, "call", named("takeover"), tiff)
    park = parks.get(timeout=5)
    assert (park.variable("fsfax_takeover"), park.get("Answer-State")) == ("true", "ringing")
    assert link.api("uuid_getvar", "call sip_term_status") == "_undef_"
    call_id, path = park.uuid, tmp_path / "taken.tif"
    with link.watch(call_id) as called:
        link.api("uuid_setvar", f"{call_id} fax_enable_t38 true")
        link.api("uuid_setvar", f"{call_id} fax_ident me%20here%00never")
        link.execute(call_id, "answer")
        link.execute(call_id, "rxfax", str(path))
        seen = until(called, "spandsp::rxfaxresult")
        seen += until(called, "CHANNEL_EXECUTE_COMPLETE")
    assert seen[-1].get("Application") == "rxfax"
    assert link.api("uuid_exists", call_id) == "true"  # parked again
    result = until(caller, "spandsp::txfaxresult")[-1]
    assert (result.get("fax-success"), result.get("fax-remote-station-id")) == ("1", "me here")
    assert result.get("fax-t38-status") == "negotiated"
    assert link.api("uuid_kill", call_id) == "+OK"
    until(caller, "CHANNEL_DESTROY")
    switch.wait_idle(5)
    assert len(tiff_f.read(path.read_bytes()).pages) == 3


def test_a_parked_call_that_no_client_takes_over(link, tiff, switch):
    watch = dial(link, "call", named("takeover"), tiff, "originate_timeout=1")
    assert until(watch, "BACKGROUND_JOB")[-1].body == b"-ERR NO_ANSWER\n"
    eventually(lambda: link.api("show", "channels as json") == '{"row_count": 0}')
