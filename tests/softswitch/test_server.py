"""The event socket as a client meets it: logging in, commands, subscriptions, hostile input."""

from __future__ import annotations

import json

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.errors import AuthenticationError, SoftswitchError
from fsfax.esl.link import Link
from fsfax.esl.wire import Event
from fsfax.settings import NodeSettings
from fsfax.softswitch import Softswitch
from fsfax.softswitch.events import EventFactory, Subscription
from tests.softswitch.conftest import Client, dial, eventually, named, until


def test_logging_in(connect):
    client = connect(log_in=False)
    assert client.log_in() == "+OK accepted"
    assert client.ask("api echo hello  there") == "hello  there"


def test_a_wrong_password(connect, switch):
    client = connect(log_in=False)
    assert client.log_in("wrong") == "-ERR invalid"
    assert client.next().content_type == "text/disconnect-notice"
    assert client.is_closed()
    node = switch.node_settings().model_dump() | {"password": "wrong"}
    with pytest.raises(AuthenticationError):
        Link(NodeSettings(**node)).connect()


@pytest.mark.parametrize("command", ["api status", "event plain ALL", "sendmsg x", "filter a b"])
def test_nothing_without_a_password(connect, command):
    client = connect(log_in=False)
    client.next()
    assert client.ask(command) == "-ERR command not found"


_HASH_USAGE = (
    "-ERR Usage: hash insert|insert_ifempty|select|delete|delete_ifmatch/realm/key[/value]\n"
)

# What FreeSWITCH 1.10.12 answered to the same lines, or to the same ones with its own names.
REPLIES = [
    ("event plain HEARTBEAT CUSTOM x", "+OK event listener enabled plain"),
    ("event plain all", "+OK event listener enabled plain"),
    ("event nix", "-ERR no keywords supplied"),
    ("event plain", "-ERR no keywords supplied"),
    ("nixevent ALL", "+OK events nixed"),
    ("nixevent nix", "-ERR no keywords supplied"),
    ("noevents", "-ERR not listening for events"),
    ("filter Unique-ID a", "+OK filter added. [Unique-ID]=[a]"),
    ("filter delete all", "+OK filter deleted. [all][]"),
    ("filter", "-ERR command not found"),
    ("filter a", "-ERR invalid syntax"),
    ("linger", "-ERR not controlling a session"),
    ("nolinger", "-ERR not controlling a session"),
    ("sendmsg nix", "-ERR invalid session id [nix]"),
    ("sendmsg", "-ERR invalid session id []"),
    ("log 7", "+OK log level 7 [7]"),
    ("log debug", "+OK log level debug [7]"),
    ("log nix", "-ERR invalid log level"),
    ("nolog", "-ERR not loging"),
    ("auth again", "+OK accepted"),
    ("foo bar", "-ERR command not found"),
    ("api", "-ERR command not found"),
    ("bgapi", "-ERR command not found"),
    ("api foo", "-ERR foo Command not found!\n"),
    ("api uuid_kill nix", "-ERR No such channel!\n"),
    ("api uuid_kill", "-USAGE: <uuid> [cause]\n"),
    ("api uuid_exists nix", "false"),
    ("api uuid_dump nix", "-ERR No such channel!\n"),
    ("api uuid_getvar nix x", "-ERR No such channel!\n"),
    ("api uuid_setvar nix x y", "-ERR No such channel!\n"),
    (
        "api uuid_setvar_multi nix x=y",
        "-ERR No such channel!\n-USAGE: <uuid> <var>=<value>;<var>=<value>...\n",
    ),
    ("api uuid_answer nix", "-ERROR\n"),
    ("api uuid_transfer nix 100", "-ERR No such channel!\n"),
    (
        "api uuid_transfer nix",
        "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n",
    ),
    ("api uuid_broadcast nix x", "-ERR invalid uuid\n"),
    ("api uuid_broadcast nix", "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"),
    ("api uuid_park nix", "-ERR No such channel!\n"),
    ("api fsctl pause_check", "false"),
    ("api fsctl sps", "+OK sessions per second: 100\n"),
    ("api strftime %%", "%"),
    ("api db select/a/b", "-ERR no reply\n"),
    ("api db insert/a/b/c/d", "+OK"),
    ("api db insert/a/b", "!err!"),
    ("api db insert/a/b/", "!err!"),
    ("api db exists/a/b", "false"),
    ("api db count/a", "0"),
    ("api db list/a", "-ERR no reply\n"),
    ("api db delete/a/nix", "+OK"),
    ("api db", "!err!"),
    ("api hash select/a/b", "-ERR no reply\n"),
    ("api hash insert/a/b/c", "+OK\n"),
    ("api hash insert/a/b", _HASH_USAGE),
    ("api hash insert/a/b/", _HASH_USAGE),
    ("api hash", _HASH_USAGE),
    ("api hash delete/a/nix", "-ERR Not found\n"),
    ("api sofia status gateway nix", "Invalid Gateway!\n"),
    ("api sofia status profile nix", "Invalid Profile!\n"),
    ("api sofia nix", "Unknown Command [nix]\n"),
    ("api global_getvar nix", "-ERR no reply\n"),
    ("api global_getvar hostname", "softswitch"),
    ("api show channels as json", '{"row_count": 0}\n'),
    ("api show calls as json", '{"row_count": 0}\n'),
    ("api show channels count as json", '{"row_count":0,"rows":[]}'),
    ("api show channels count", "\n0 total.\n"),
    ("api show calls count", "\n0 total.\n"),
    ("api file_exists /nix", "false"),
    ("api file_exists /", "true"),
    ("api module_exists mod_spandsp", "true"),
    ("api module_exists mod_nix", "false"),
    ("api module_exists", "-ERR no reply\n"),
    ("api reloadxml", "+OK [Success]\n"),
    ("api hupall", "+OK hangup all channels with cause MANAGER_REQUEST\n"),
    ("api xml_locate nix", "can't find anything\n"),
    ("api originate x", None),
    ("api originate sofia/gateway/nix/1 &park", "-ERR INVALID_GATEWAY\n"),
    ("api originate sofia/gateway/down/1 &park", "-ERR GATEWAY_DOWN\n"),
    ("api originate user/1 &park", "-ERR SUBSCRIBER_ABSENT\n"),
    ("api originate {a=b user/1 &park", "-ERR DESTINATION_OUT_OF_ORDER\n"),
]


@pytest.mark.parametrize(("line", "reply"), REPLIES)
def test_replies(connect, line, reply):
    answer = connect().ask(line)
    if reply is None:
        assert answer.startswith("-USAGE: <call url>")
    else:
        assert answer == reply


def test_marks_are_stored_and_removed(connect):
    client = connect()
    for store in ("db", "hash"):
        assert client.ask(f"api {store} insert/r/k/value/with/slashes").strip() == "+OK"
        assert client.ask(f"api {store} select/r/k") == "value/with/slashes"
        assert client.ask(f"api {store} delete/r/k").strip() == "+OK"
        assert client.ask(f"api {store} select/r/k") == "-ERR no reply\n"


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


def test_the_doctor_finds_nothing_wrong(switch, tmp_path):
    from fsfax.engine.doctor import CheckStatus, examine
    from fsfax.settings import Settings

    found = list(examine(switch.node_settings(), Settings(spool=tmp_path)))
    assert [check for check in found if check.verdict is not CheckStatus.OK] == []


def test_a_background_job_has_the_id_of_the_client(connect):
    client = connect()
    client.ask("event plain BACKGROUND_JOB")
    assert client.ask("bgapi echo a b", Job_UUID="mine") == "+OK Job-UUID: mine"
    event = client.event()
    assert (event.get("Job-UUID"), event.get("Job-Command"), event.body) == (
        "mine",
        "echo",
        b"a b",
    )
    assert client.ask("bgapi echo").startswith("+OK Job-UUID: ")


def test_a_job_survives_its_client(connect, switch, tiff):
    client = connect()
    client.ask(f"bgapi originate sofia/gateway/softswitch/5550100 &txfax({tiff})")
    client.close()
    eventually(lambda: switch.calls and switch.calls[0].ended)
    assert switch.calls[0].code == 0


def test_filters(link, connect, tiff):
    client = connect()
    client.ask("event plain ALL")
    client.ask("filter Unique-ID wanted")
    for call_id in ("unwanted", "wanted"):
        until(dial(link, call_id, named("busy"), tiff), "CHANNEL_DESTROY")
    names = []
    while not names or names[-1][0] != "CHANNEL_DESTROY":
        event = client.event()
        names.append((event.name, event.uuid))
    assert {call_id for _, call_id in names} == {"wanted"}


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


def test_nixevent_and_noevents(connect, switch):
    client = connect()
    client.ask("event plain HEARTBEAT BACKGROUND_JOB")
    assert client.ask("nixevent BACKGROUND_JOB") == "+OK events nixed"
    client.ask("bgapi echo x")
    switch._server.publish(switch.heartbeat())
    event = client.event()
    assert (event.name, event.get("Event-Info")) == ("HEARTBEAT", "System Ready")
    assert client.ask("noevents") == "+OK no longer listening for events"
    client.ask("event plain ALL")
    client.ask("nixevent HEARTBEAT")
    switch._server.publish(switch.heartbeat())
    client.ask("bgapi echo y")
    assert client.event().body == b"y"


def test_heartbeats_come_by_themselves(connect, switch, monkeypatch):
    monkeypatch.setattr("fsfax.softswitch.server.HEARTBEAT_INTERVAL", 0.01)
    switch._server.stop()
    switch._server.start()
    client = connect()
    client.ask("event plain HEARTBEAT")
    assert client.event().get("Heartbeat-Interval") == "20"


def test_exit(connect):
    client = connect()
    assert client.ask("exit") == "+OK bye"
    assert client.next().content_type == "text/disconnect-notice"
    assert client.is_closed()


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


def test_sendmsg_to_a_parked_channel(link, tiff):
    with link.watch("call") as watch:
        link.api("originate", "{origination_uuid=call}sofia/gateway/softswitch/5550111 &park")
        until(watch, "CHANNEL_PARK")
        link.execute("call", "set", "colour=red")
        until(watch, "CHANNEL_EXECUTE_COMPLETE")
        assert link.api("uuid_getvar", "call colour") == "red"
        link.execute("call", "sleep", "10")
        assert until(watch, "CHANNEL_EXECUTE_COMPLETE")[-1].get("Application") == "sleep"
        headers = [("call-command", "hangup"), ("hangup-cause", "USER_BUSY")]
        link.command("sendmsg call", headers)
        seen = until(watch, "CHANNEL_DESTROY")
    assert seen[0].get("Hangup-Cause") == "USER_BUSY"
    assert "CHANNEL_UNPARK" not in [event.name for event in seen]  # not subscribed to


def test_an_application_that_does_not_exist_ends_the_call(link):
    with link.watch("call") as watch:
        assert link.api(
            "originate", "{origination_uuid=call}sofia/gateway/softswitch/5550111 &nonsense"
        ).startswith("+OK")
        hangup = until(watch, "CHANNEL_HANGUP_COMPLETE")[-1]
    assert hangup.get("Hangup-Cause") == "DESTINATION_OUT_OF_ORDER"


# --- hostile input ----------------------------------------------------------------------------


def still_works(switch: Softswitch) -> None:
    client = Client(switch.port)
    assert client.log_in() == "+OK accepted"
    assert client.ask("api echo alive") == "alive"
    client.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\n\n\n\n",
        b"\0\xff\xfe garbage \x1b[2J\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"auth ClueCon\nContent-Length: nonsense\n\n",
        b"auth ClueCon\nContent-Length: 99999999999999999999\n\n",
        b"auth ClueCon\nContent-Length: -1\n\n",
        b"x" * 2_000_000,
        b"auth ClueCon\n\nbgapi echo\nJob-UUID: a\x0bb\rc\n\n",
        b"auth ClueCon\n\nsendmsg \xff\xfe\ncall-command: execute\n\n",
        b"auth ClueCon\n\nsendmsg x\x00y\n\n",
        b"auth ClueCon\n\nfilter a\x00b \x00\n\n",
        b"auth ClueCon\n\napi originate {a=\x00}sofia/gateway/softswitch/\x00 &txfax(\x00)\n\n",
        b"auth ClueCon\n\napi file_exists \x00\n\n",
        b"auth ClueCon\n\napi originate " + b"{" * 10_000 + b" &x\n\n",
        b"auth ClueCon\n\napi originate sofia/gateway/softswitch/" + b"9" * 9999 + b" &x\n\n",
    ],
)
def test_nonsense_harms_no_other_client(switch, data):
    client = Client(switch.port)
    client.socket.sendall(data + b"exit\n\n")
    assert client.is_closed()
    still_works(switch)


_WORDS = (
    "api bgapi event plain ALL CUSTOM filter delete sendmsg uuid_kill uuid_setvar uuid_dump show"
    " channels as json db hash insert/a/b/c select/a hupall sofia status originate gateway {a=b}"
    " ' \\ ${x} sofia/gateway/softswitch/5550101 &park &txfax(/x)"
)
WORDS = _WORDS.split()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(
        st.sampled_from(WORDS),
        min_size=1,
        max_size=7,
    )
)
def test_any_words_get_an_answer(switch, words):
    client = Client(switch.port)
    client.log_in()
    if words[0] not in ("exit",):
        assert client.ask(" ".join(words)) is not None
    assert client.ask("api echo alive") == "alive"
    client.close()


def test_a_hostile_station_id(switch, link, tiff):
    """A line feed in a station id stays a value, it becomes no header."""
    with link.watch_all(["spandsp::rxfaxresult"]) as results:
        switch.call_in("5550100", tiff, ident="x\nEvil: 1", caller_name="a\r\nEvil: 2")
        event = results.get(timeout=10)
    assert event.get("Evil") == ""
    assert event.get("Caller-Caller-ID-Name") == "a\r\nEvil: 2"
    switch.wait_idle(5)


def test_a_client_that_does_not_read_delays_no_other(switch, connect, link, tiff):
    lazy = connect()
    lazy.ask("event plain ALL")
    for n in range(5):
        until(dial(link, f"call-{n}", named("fax"), tiff), "CHANNEL_DESTROY")


def test_a_listener_whose_queue_overflows_is_dropped(switch, connect, monkeypatch):
    monkeypatch.setattr("fsfax.softswitch.server._QUEUE", 3)
    client = connect()
    client.ask("event plain HEARTBEAT")
    switch.stall(0.1)
    for _ in range(9):
        switch._server.publish(switch.heartbeat())
    assert client.is_closed()
    still_works(switch)


def test_a_port_that_is_taken(switch):
    with pytest.raises(SoftswitchError, match="another port"):
        Softswitch(port=switch.port).start()
    with pytest.raises(SoftswitchError, match="negative"):
        Softswitch(speed=-1)


def test_serve_ends_with_a_signal(tmp_path):
    import os
    import signal

    from fsfax.softswitch import serve

    ready = []

    def on_ready(switch: Softswitch) -> None:
        ready.append(switch.port)
        gevent.spawn_later(0.05, os.kill, os.getpid(), signal.SIGTERM)

    with gevent.Timeout(10):
        serve(port=0, root=tmp_path, on_ready=on_ready)
    assert ready


def test_answers_of_the_stores(connect):
    client = connect()

    def ask(store: str, arg: str) -> str:
        return client.ask(f"api {store} {arg}")

    assert ask("hash", "insert_ifempty/r/k/v") == "+OK\n"
    assert ask("hash", "insert_ifempty/r/k/w") == "-ERR key already exists\n"
    assert ask("hash", "delete_ifmatch/r/k/w") == "-ERR Doesn't match\n"
    assert ask("hash", "delete_ifmatch/r/k/v") == "+OK\n"
    assert ask("hash", "delete_ifmatch/r/k/v") == "-ERR Not found\n"
    ask("db", "insert/r/k/v")
    ask("db", "insert/s/k/v")
    assert ask("db", "exists/r/k") == "true"
    assert (ask("db", "count"), ask("db", "count/r")) == ("2", "1")
    assert (ask("db", "list"), ask("db", "list/r")) == ("r,s", "k")


def test_a_filter_that_was_deleted_filters_no_more(connect, switch):
    client = connect()
    client.ask("event plain HEARTBEAT")
    client.ask("filter Event-Name NIX")
    switch._server.publish(switch.heartbeat())
    assert client.ask("filter delete Event-Name NIX") == "+OK filter deleted. [Event-Name][NIX]"
    later = switch.heartbeat()
    switch._server.publish(later)
    assert client.event().get("Event-Sequence") == later.get("Event-Sequence")
