"""Trouble on purpose: lost connections and events, restarts; calls from outside; no SpanDSP."""

from __future__ import annotations

import contextlib

import gevent
import pytest

from fsfax.document import tiff_f
from fsfax.errors import CommandFailed, Disconnected, EslTimeout, SoftswitchError
from fsfax.esl.link import Gap, Link, Lost
from fsfax.settings import EslTimeouts
from fsfax.softswitch import Softswitch, spandsp
from fsfax.softswitch.fax import decoded
from tests.softswitch.conftest import PATIENCE, dial, eventually, labels, named, until

HOOKS = (
    r"api_on_fax_success=db\\sinsert/r/call/success,"
    r"api_on_fax_failure=db\\sinsert/r/call/failure,"
    r"api_hangup_hook=hash\\sinsert/r/call/ended"
)


@pytest.mark.parametrize(
    ("name", "db", "hash_"),
    [
        ("fax", "success", "ended"),
        ("drop_in_page_2", "failure", "ended"),
        ("voice", "failure", "ended"),
        ("busy", "-ERR no reply\n", "ended"),
        ("no_answer", "-ERR no reply\n", "ended"),
    ],
)
def test_marks_of_the_caller(link, switch, tiff, name, db, hash_):
    until(dial(link, "call", named(name), tiff, HOOKS), "CHANNEL_DESTROY")
    assert switch.api("db", "select/r/call") == db
    assert switch.api("hash", "select/r/call") == hash_


def test_marks_of_the_called_side(link, switch, tiff):
    until(dial(link, "call", named("fax"), tiff), "CHANNEL_DESTROY")
    switch.wait_idle(5)
    called = switch.calls[0].called_uuid
    assert switch.api("db", f"select/fsfax/{called}") == "success"
    assert switch.api("hash", f"select/fsfax/{called}") == "ended"


def test_other_hooks_are_not_run(link, switch, tiff, tmp_path):
    evil = tmp_path / "evil"
    hook = rf"api_hangup_hook=system\\stouch\\s{evil}"
    until(dial(link, "call", named("busy"), tiff, hook), "CHANNEL_DESTROY")
    assert not evil.exists()


def test_calls_outlive_the_connection(link, switch, tiff):
    with dial(link, "call", named("linger"), tiff, HOOKS) as watch:
        until(watch, "CHANNEL_EXECUTE")
        switch.drop_connections()
        item = watch.get(timeout=PATIENCE)
        while not isinstance(item, Lost):
            item = watch.get(timeout=PATIENCE)
        while not isinstance(item, Gap):
            item = watch.get(timeout=PATIENCE)
        eventually(lambda: link.api("uuid_getvar", "call fax_success") == "1")
        link.api("uuid_kill", "call")
        until(watch, "CHANNEL_DESTROY")
    assert switch.api("db", "select/r/call") == "success"


def test_a_stalled_event_socket(switch):
    with Link(switch.node_settings(), EslTimeouts(command=0.1)) as link:
        switch.stall(0.3)
        with pytest.raises(EslTimeout):
            link.api("status")
        eventually(lambda: link.stats.late_replies or link.stats.reconnects)
        link.wait_connected(5)


def test_lost_events(link, switch, tiff):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=900") as watch:
        until(watch, "CHANNEL_PROGRESS")
        switch.lose_events(1)
        link.api("uuid_kill", "call")
        seen = until(watch, "CHANNEL_DESTROY")
    assert "CHANNEL_HANGUP" not in labels(seen)
    assert "CHANNEL_HANGUP_COMPLETE" in labels(seen)


def test_a_restart_loses_all_but_db_and_files(link, switch, tiff):
    port, core = switch.port, switch.api("global_getvar", "core_uuid")
    switch.api("db", "insert/r/k/stored")
    switch.api("hash", "insert/r/k/forgotten")
    with dial(link, "call", named("linger"), tiff, HOOKS) as watch:
        until(watch, "spandsp::txfaxpageresult")
        switch.restart()
        item = watch.get(timeout=PATIENCE)
        while not isinstance(item, Gap):
            assert getattr(item, "name", "") not in ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")
            item = watch.get(timeout=PATIENCE)
    assert switch.port == port
    assert switch.api("global_getvar", "core_uuid") != core
    assert link.api("show", "channels as json") == '{"row_count": 0}'
    assert link.api("db", "select/r/k") == "stored"
    assert switch.api("hash", "select/r/k") == "-ERR no reply\n"
    assert switch.api("hash", "select/r/call") == "-ERR no reply\n"
    # and it goes on
    until(dial(link, "next", named("fax"), tiff), "CHANNEL_DESTROY")


def test_a_restart_while_it_rings(link, switch, tiff):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=900") as watch:
        until(watch, "CHANNEL_PROGRESS")
        switch.restart()
        link.wait_connected(PATIENCE)
        while not isinstance(watch.get(timeout=PATIENCE), Gap):
            continue
        with pytest.raises(EslTimeout):
            watch.get(timeout=0.1)


def test_a_job_of_the_time_before_a_restart_is_never_answered(link, switch, tiff, monkeypatch):
    answers = []
    monkeypatch.setattr(switch, "background_done", lambda *job: answers.append(job))
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=900") as watch:
        until(watch, "CHANNEL_PROGRESS")
        switch.restart()
        switch.wait_idle(5)
    assert answers == []
    assert switch.calls[0].cause == "SYSTEM_SHUTDOWN"


def test_stopping_ends_everything(tmp_path, tiff):
    switch = Softswitch(root=tmp_path)
    switch.start()
    with Link(switch.node_settings()) as link:
        link.subscribe("CHANNEL_PROGRESS")
        dial(link, "call", named("no_answer"), tiff, "originate_timeout=900")
        eventually(lambda: switch.calls)
        switch.stop()
        eventually(lambda: not link.connected)
        with pytest.raises(Disconnected):
            link.api("status")


def test_a_temporary_folder_is_removed():
    with Softswitch() as switch:
        root = switch.root
        assert (root / "in").is_dir()
    assert not root.exists()


# --- calls from outside -----------------------------------------------------------------------


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
def test_trouble_of_a_call_from_outside(switch, tiff, name, pages, code):
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


def test_t38_that_no_end_requests(link, switch, tiff, tmp_path):
    """Both ends could, but neither sends the re-INVITE: the fax goes in audio."""
    settings = "origination_uuid=call,fax_enable_t38=true"
    with link.watch_all(["CHANNEL_PARK"]) as parks, link.watch("call") as watch:
        line = f"{{{settings}}}sofia/gateway/softswitch/{named('takeover')} &txfax({tiff})"
        link.bgapi("originate", line, job_id="call")
        call_id = parks.get(timeout=PATIENCE).uuid
        link.api("uuid_setvar", f"{call_id} fax_enable_t38 true")
        link.execute(call_id, "answer")
        link.execute(call_id, "rxfax", str(tmp_path / "x.tif"))
        result = until(watch, "spandsp::txfaxresult")[-1]
        assert (result.get("fax-success"), result.get("fax-t38-status")) == ("1", "off")
        link.api("hupall")
        until(watch, "CHANNEL_DESTROY")
    switch.wait_idle(5)


def test_waiting_has_an_end(link, switch, tiff):
    dial(link, "call", named("no_answer"), tiff, "originate_timeout=900")
    eventually(lambda: switch.calls)
    with pytest.raises(SoftswitchError, match="still up"):
        switch.wait_idle(0.05)


# --- without the library ----------------------------------------------------------------------


def test_without_spandsp(link, switch, tiff, monkeypatch):
    monkeypatch.setattr(spandsp, "SONAME", "libspandsp-nix.so.2")
    monkeypatch.setattr(spandsp, "_loaded", None)
    assert "apt-get install libspandsp2" in link.api("status")
    seen = until(dial(link, "call", named("fax"), tiff), "CHANNEL_DESTROY")
    assert seen[-1].get("Hangup-Cause") == "NORMAL_TEMPORARY_FAILURE"
    switch.wait_idle(5)
    assert "libspandsp2" in switch.calls[0].reason
    until(dial(link, "busy", named("busy"), tiff), "CHANNEL_DESTROY")


@pytest.mark.parametrize(
    ("value", "meaning"),
    [("%00", ""), ("a%20b", "a b"), ("a%00b", "a"), ("%2B49", "+49"), ("%", "%"), ("", "")],
)
def test_how_idents_are_decoded(value, meaning):
    assert decoded(value) == meaning


def test_both_ends_hang_up_at_once(link, switch, tiff):
    """hupall in the middle of a fax leaves no channel behind."""
    with dial(link, "call", named("stall_in_page_1"), tiff) as watch:
        until(watch, "spandsp::txfaxnegociateresult")
        gevent.sleep(0)
        link.api("hupall")
        until(watch, "CHANNEL_DESTROY")
    switch.wait_idle(5)
    assert link.api("show", "channels as json") == '{"row_count": 0}'
