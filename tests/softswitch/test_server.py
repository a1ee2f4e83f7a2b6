"""The event socket: authentication, commands, subscriptions, filters, hostile input."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.errors import AuthenticationError
from fsfax.esl.link import Link
from fsfax.settings import NodeSettings
from fsfax.softswitch import Softswitch
from tests.softswitch.calling import dial, eventually, named, until
from tests.softswitch.client import Client


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
def test_no_command_before_authentication(connect, command):
    client = connect(log_in=False)
    client.next()
    assert client.ask(command) == "-ERR command not found"


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
]


@pytest.mark.parametrize(("line", "reply"), REPLIES)
def test_replies(connect, line, reply):
    assert connect().ask(line) == reply


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


def test_a_background_job_goes_on_without_its_client(connect, switch, tiff):
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


def test_heartbeats_are_sent_at_intervals(connect, switch, monkeypatch):
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


# --- hostile input ----------------------------------------------------------------------------


def still_works(switch: Softswitch) -> None:
    client = Client(switch.port)
    assert client.log_in() == "+OK accepted"
    assert client.ask("api echo ready") == "ready"
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
def test_invalid_input_affects_no_other_client(switch, data):
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
    assert client.ask("api echo ready") == "ready"
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


def test_a_deleted_filter_has_no_effect(connect, switch):
    client = connect()
    client.ask("event plain HEARTBEAT")
    client.ask("filter Event-Name NIX")
    switch._server.publish(switch.heartbeat())
    assert client.ask("filter delete Event-Name NIX") == "+OK filter deleted. [Event-Name][NIX]"
    later = switch.heartbeat()
    switch._server.publish(later)
    assert client.event().get("Event-Sequence") == later.get("Event-Sequence")
