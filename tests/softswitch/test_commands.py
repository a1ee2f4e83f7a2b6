"""API commands: the answers of FreeSWITCH, and what they do to a call under way."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from fsfax.document import tiff_f
from fsfax.esl.wire import Event
from fsfax.softswitch.commands import run
from tests.softswitch.calling import dial, eventually, labels, named, until

_HASH_USAGE = (
    "-ERR Usage: hash insert|insert_ifempty|select|delete|delete_ifmatch/realm/key[/value]\n"
)

# What FreeSWITCH 1.10.12 answered to the same lines, or to the same ones with its own names.
ANSWERS = [
    ("foo", "-ERR foo Command not found!\n"),
    ("uuid_kill nix", "-ERR No such channel!\n"),
    ("uuid_kill", "-USAGE: <uuid> [cause]\n"),
    ("uuid_exists nix", "false"),
    ("uuid_dump nix", "-ERR No such channel!\n"),
    ("uuid_getvar nix x", "-ERR No such channel!\n"),
    ("uuid_setvar nix x y", "-ERR No such channel!\n"),
    (
        "uuid_setvar_multi nix x=y",
        "-ERR No such channel!\n-USAGE: <uuid> <var>=<value>;<var>=<value>...\n",
    ),
    ("uuid_answer nix", "-ERROR\n"),
    ("uuid_transfer nix 100", "-ERR No such channel!\n"),
    (
        "uuid_transfer nix",
        "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n",
    ),
    ("uuid_broadcast nix x", "-ERR invalid uuid\n"),
    ("uuid_broadcast nix", "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"),
    ("uuid_park nix", "-ERR No such channel!\n"),
    ("fsctl pause_check", "false"),
    ("fsctl sps", "+OK sessions per second: 100\n"),
    ("strftime %%", "%"),
    ("db select/a/b", "-ERR no reply\n"),
    ("db insert/a/b/c/d", "+OK"),
    ("db insert/a/b", "!err!"),
    ("db insert/a/b/", "!err!"),
    ("db exists/a/b", "false"),
    ("db count/a", "0"),
    ("db list/a", "-ERR no reply\n"),
    ("db delete/a/nix", "+OK"),
    ("db", "!err!"),
    ("hash select/a/b", "-ERR no reply\n"),
    ("hash insert/a/b/c", "+OK\n"),
    ("hash insert/a/b", _HASH_USAGE),
    ("hash insert/a/b/", _HASH_USAGE),
    ("hash", _HASH_USAGE),
    ("hash delete/a/nix", "-ERR Not found\n"),
    ("sofia status gateway nix", "Invalid Gateway!\n"),
    ("sofia status profile nix", "Invalid Profile!\n"),
    ("sofia nix", "Unknown Command [nix]\n"),
    ("global_getvar nix", "-ERR no reply\n"),
    ("global_getvar hostname", "softswitch"),
    ("show channels as json", '{"row_count": 0}\n'),
    ("show calls as json", '{"row_count": 0}\n'),
    ("show channels count as json", '{"row_count":0,"rows":[]}'),
    ("show channels count", "\n0 total.\n"),
    ("show calls count", "\n0 total.\n"),
    ("file_exists /nix", "false"),
    ("file_exists /", "true"),
    ("module_exists mod_spandsp", "true"),
    ("module_exists mod_nix", "false"),
    ("module_exists", "-ERR no reply\n"),
    ("reloadxml", "+OK [Success]\n"),
    ("hupall", "+OK hangup all channels with cause MANAGER_REQUEST\n"),
    ("xml_locate nix", "can't find anything\n"),
    ("originate x", None),
    ("originate sofia/gateway/nix/1 &park", "-ERR INVALID_GATEWAY\n"),
    ("originate sofia/gateway/down/1 &park", "-ERR GATEWAY_DOWN\n"),
    ("originate user/1 &park", "-ERR SUBSCRIBER_ABSENT\n"),
    ("originate {a=b user/1 &park", "-ERR DESTINATION_OUT_OF_ORDER\n"),
]


@pytest.mark.parametrize(("line", "answer"), ANSWERS)
def test_answers(core, line, answer):
    command, _, arg = line.partition(" ")
    given = run(core, command, arg)
    if answer is None:
        assert given.startswith("-USAGE: <call url>")
    else:
        assert given == answer


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
def test_invalid_arguments_of_a_call_from_outside(switch, arg, answer):
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


def test_status_gateway_and_profile(connect):
    client = connect()
    assert "is ready" in client.ask("api status")
    gateway = client.ask("api sofia status gateway softswitch")
    assert "Profile \tfax" in gateway
    assert "Status  \tUP" in gateway
    assert "Status  \tDOWN" in client.ask("api sofia status gateway down")
    assert "<status>UP</status>" in client.ask("api sofia xmlstatus gateway softswitch")
    assert "RTP-TIMER-NAME   \tsoft" in client.ask("api sofia status profile fax")
    assert "soft" in client.ask("api sofia xmlstatus profile fax")
    assert "fax::softswitch" in client.ask("api sofia status")


def test_variables_of_a_channel(link, tiff):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=900") as watch:
        until(watch, "CHANNEL_PROGRESS")
        assert link.api("uuid_setvar", "call a b c") == "+OK"
        assert link.api("uuid_getvar", "call a") == "b c"
        assert link.api("uuid_setvar_multi", "call x=1;y=2 3;=4;z") == "+OK"
        assert link.api("uuid_getvar", "call y") == "2 3"
        assert link.api("uuid_getvar", "call z") == "_undef_"
        link.api("uuid_setvar", "call a")
        assert link.api("uuid_getvar", "call a") == "_undef_"
        link.api("uuid_setvar", "call evil a\tb%0Ac:ü")
        dump = Event.from_body(link.api("uuid_dump", "call").encode())
        assert dump.uuid == "call"
        assert dump.get("Answer-State") == "ringing"
        listed = json.loads(link.api("show", "channels as json"))
        assert listed["row_count"] == len(listed["rows"]) == 2
        row = next(row for row in listed["rows"] if row["uuid"] == "call")
        assert (row["direction"], row["dest"], row["callstate"]) == (
            "outbound",
            named("no_answer"),
            "RINGING",
        )
        link.api("hupall")
        assert until(watch, "CHANNEL_HANGUP")[-1].get("Hangup-Cause") == "MANAGER_REQUEST"
