"""A link that connects, sends commands and closes, against a scripted server on a real port."""

from __future__ import annotations

from typing import Any

import gevent
import gevent.socket
import pytest

from fsfax.errors import (
    Closed,
    CommandFailed,
    ConnectError,
    Disconnected,
    EslError,
    EslTimeout,
    InvalidCommand,
)
from fsfax.esl.link import Link, Lost
from fsfax.esl.wire import encode_frame, encode_reply
from tests.esl.scripted import (
    ACCEPTED,
    AUTH_REQUEST,
    PATIENCE,
    QUICK,
    Server,
    api_response,
    event,
    saying,
    silent,
    take,
    until,
)

# --- coming up ---------------------------------------------------------------------------------


def test_a_context_manager(server: Server) -> None:
    with Link(server.node(), QUICK) as link:
        assert link.connected
        assert link.problem is None
        assert link.api("echo", "x") == "echo x"
    assert not link.connected
    server.peer.ended.wait(PATIENCE)
    assert server.peer.lines == ["auth ClueCon", "api echo x"]


def test_default_timeouts(server: Server) -> None:
    with Link(server.node()) as link:
        assert link.connected


def test_a_port_without_a_listener(server: Server, links: Any) -> None:
    link = links(server)
    server.stop()
    with pytest.raises(ConnectError, match=r"cannot connect to a \(127.*is FreeSWITCH running"):
        link.connect()
    assert isinstance(link.problem, ConnectError)


def test_a_link_that_failed_can_be_connected_later(server: Server, links: Any) -> None:
    link = links(server)
    for broken in ("auth", "event"):
        link.subscribe("CHANNEL_HANGUP")
        server.answers[broken] = saying(encode_reply("-ERR not now"))
        with pytest.raises(EslError):
            link.connect()
        assert not link.connected
        assert link.problem is not None
        del server.answers[broken]
    link.connect()
    link.connect()
    assert link.api("echo") == "echo"
    assert link.problem is None
    assert link.stats.reconnects == 0


def test_a_started_link_connects_when_the_server_is_up(server: Server, links: Any) -> None:
    link = links(server)
    server.stop()
    link.start()
    link.start()
    with pytest.raises(ConnectError):
        link.wait_connected(0.05)
    with server.again():
        link.wait_connected(PATIENCE)
        link.connect()
        assert link.stats.reconnects == 0


def test_wait_connected_on_a_link_that_was_not_started(server: Server, links: Any) -> None:
    with pytest.raises(EslTimeout, match="no connection"):
        links(server).wait_connected(0.01)


def test_connect_waits_for_what_was_started(server: Server, links: Any) -> None:
    link = links(server)
    link.start()
    link.connect()
    assert link.connected
    assert len(server.peers) == 1


def test_two_greenlets_connect_at_once(server: Server, links: Any) -> None:
    link = links(server)
    gevent.joinall([gevent.spawn(link.connect) for _ in range(5)], raise_error=True)
    assert len(server.peers) == 1


def test_connect_and_start_at_once(server: Server, links: Any) -> None:
    link = links(server)
    server.answers["auth"] = silent
    connecting = gevent.spawn(link.connect)
    until(lambda: server.peers)
    server.peer.saw("auth")
    link.start()
    server.answers.clear()
    server.peer.send(ACCEPTED)
    connecting.get()
    assert link.api("echo") == "echo"
    assert len(server.peers) == 1


# --- closing -----------------------------------------------------------------------------------


def test_a_closed_link(link: Link, server: Server) -> None:
    watch = link.watch("40e2")
    link.close()
    link.close()
    assert isinstance(take(watch), Lost)
    for call in (link.connect, link.start, lambda: link.wait_connected(1), lambda: link.api("x")):
        with pytest.raises(Closed):
            call()
    server.peer.ended.wait(PATIENCE)


def test_close_wakes_all_waiters(link: Link, server: Server) -> None:
    server.answers["api"] = silent
    asking = gevent.spawn(link.api, "status")
    server.peer.saw("api status")
    link.close()
    with pytest.raises(Disconnected, match="was closed"):
        asking.get()


def test_close_while_it_is_down_ends_watches_too(server: Server, links: Any) -> None:
    link = links(server)
    watch = link.watch("40e2")
    link.close()
    assert isinstance(take(watch), Lost)


@pytest.mark.parametrize("stage", ["greeting", "auth", "event"])
@pytest.mark.parametrize("start", ["start", "connect"])
def test_close_while_it_is_connecting(server: Server, links: Any, stage: str, start: str) -> None:
    if stage == "greeting":
        server.greeting = b""
    server.answers[stage] = silent
    link = links(server)
    if stage == "event":
        link.subscribe("CHANNEL_HANGUP")
    starting = gevent.spawn(getattr(link, start))
    until(lambda: server.peers and (stage == "greeting" or server.peer.saw(stage)))
    link.close()
    assert not link.connected
    if start == "connect":
        # A greenlet of the caller is not killed: `connect` itself has to see that it was closed.
        server.answers.clear()
        server.peer.send({"greeting": AUTH_REQUEST, "auth": ACCEPTED, "event": b""}[stage])
        with pytest.raises((Disconnected, Closed), match="was closed"):
            starting.get()
    assert server.peers[0].ended.wait(PATIENCE)
    assert link._transport is None
    assert len(server.peers) == 1


def test_a_connect_that_is_killed_while_subscribing(server: Server, links: Any) -> None:
    link = links(server)
    link.subscribe("A")
    server.answers["event"] = silent
    connecting = gevent.spawn(link.connect)
    until(lambda: server.peers)
    server.peer.saw("event")
    connecting.kill()
    assert server.peer.ended.wait(PATIENCE)
    assert not link.connected
    server.answers.clear()
    link.connect()
    assert link.connected


def test_close_from_a_callback_of_its_own_supervisor(server: Server, links: Any) -> None:
    link = links(server)
    link.on_state(lambda up: link.close() if up else None)
    link.start()
    until(lambda: server.peers)
    assert server.peer.ended.wait(PATIENCE)
    assert not link.connected
    assert link._transport is None


# --- commands ----------------------------------------------------------------------------------


def test_api_returns_the_text(link: Link, server: Server) -> None:
    server.answers["api"] = saying(api_response("  two\nlines ü \r\n"))
    assert link.api("status") == "  two\nlines ü "


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (api_response("-ERR No such channel!\n"), "No such channel!"),
        (api_response("-ERR\n"), ""),
        (api_response("-USAGE: <uuid> [cause]\n"), "<uuid> [cause]"),
        (encode_reply("-ERR command not found"), "command not found"),
    ],
)
def test_a_command_that_failed(link: Link, server: Server, answer: bytes, reply: str) -> None:
    server.answers["api"] = saying(answer)
    with pytest.raises(CommandFailed, match="refused 'uuid_kill'") as caught:
        link.api("uuid_kill", "x")
    assert caught.value.reply == reply


def test_bgapi_sends_the_given_job_id(link: Link, server: Server) -> None:
    link.bgapi("originate", "sofia/x/1 &park", job_id="40e2")
    (command,) = server.peer.saw("bgapi")
    assert command.line == "bgapi originate sofia/x/1 &park"
    assert command.headers["Job-UUID"] == "40e2"
    server.answers["bgapi"] = saying(encode_reply("-ERR no"))
    with pytest.raises(CommandFailed):
        link.bgapi("originate", job_id="40e2")


def test_execute(link: Link, server: Server) -> None:
    link.execute("40e2", "rxfax", "/spool/a b.tif")
    link.execute("40e2", "answer")
    first, second = server.peer.saw("sendmsg")
    assert first.line == "sendmsg 40e2"
    assert dict(first.headers) == {
        "call-command": "execute",
        "execute-app-name": "rxfax",
        "execute-app-arg": "/spool/a b.tif",
    }
    assert "execute-app-arg" not in second.headers
    server.answers["sendmsg"] = saying(encode_reply("-ERR invalid session id [40e2]"))
    with pytest.raises(CommandFailed, match="invalid session"):
        link.execute("40e2", "answer")


def test_raw_commands(link: Link, server: Server) -> None:
    frame = link.command("filter Unique-ID 1", [("A", "b")], b"body")
    assert frame.headers["Reply-Text"] == "+OK filter Unique-ID 1"
    (command,) = server.peer.saw("filter")
    assert (command.headers["A"], command.body) == ("b", b"body")


def test_a_command_while_it_is_down(server: Server, links: Any) -> None:
    link = links(server)
    with pytest.raises(Disconnected, match=r"not connected yet; nothing was sent"):
        link.api("status")
    server.stop()
    link.start()
    until(lambda: link.problem)
    with pytest.raises(Disconnected, match=r"cannot connect.*nothing was sent"):
        link.api("status")


def test_many_greenlets_get_their_own_answers(link: Link, server: Server) -> None:
    server.answers["api"] = lambda c: (
        event("NOISE", "1") + api_response(c.arg) + encode_frame("log/data", (), b"noise\n\n")
    )
    asking = [gevent.spawn(link.api, "echo", str(number)) for number in range(300)]
    assert [each.get() for each in asking] == [f"echo {number}" for number in range(300)]


def test_a_late_answer_is_dropped_and_the_next_one_matched(link: Link, server: Server) -> None:
    server.answers["api"] = silent
    with pytest.raises(EslTimeout, match=r"'api slow' in 0\.02 s; it may have been"):
        link.api("slow", timeout=0.02)
    server.answers["api"] = lambda c: api_response("late") + api_response(c.arg)
    assert link.api("quick") == "quick"
    assert link.stats.late_replies == 1
    assert link.connected


def test_a_killed_greenlet_leaves_its_place_in_the_queue(link: Link, server: Server) -> None:
    server.answers["api"] = silent
    asking = gevent.spawn(link.api, "slow")
    server.peer.saw("api slow")
    asking.kill()
    server.answers["api"] = lambda c: api_response("late") + api_response(c.arg)
    assert link.api("quick") == "quick"
    assert link.stats.late_replies == 1


def test_a_timeout_of_the_caller_is_raised_unchanged(link: Link, server: Server) -> None:
    server.answers["api"] = silent
    with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(0.02) as mine:
        link.api("slow")
    assert caught.value is mine
    server.answers["api"] = lambda c: api_response("late") + api_response(c.arg)
    assert link.api("quick") == "quick"


def test_an_unsolicited_reply_is_survived(link: Link, server: Server) -> None:
    server.peer.send(encode_reply("+OK not asked for"), api_response("not asked for"))
    until(lambda: link.stats.unsolicited == 2)
    assert link.api("echo") == "echo"


def test_frames_of_unknown_kinds_are_survived(link: Link, server: Server) -> None:
    server.peer.send(
        b"Content-Type: new/kind\nContent-Length: 2\n\n\n\n",
        b"No-Type: at all\n\n",
        b"Content-Type\n\n",
        encode_frame("text/event-json", (), b"{}"),
    )
    assert link.api("echo") == "echo"


def test_a_peer_that_reads_no_bytes(server: Server, links: Any) -> None:
    """Sending has a time limit, and a command that waits behind it has its own."""
    link = links(server, command=0.3)
    link.connect()
    server.answers["api"] = lambda _c: bytes(gevent.sleep(30) or 0)
    gevent.spawn(link.api, "block")
    server.peer.saw("api block")
    sending = gevent.spawn(link.command, "big", (), b"x" * 30_000_000)
    gevent.sleep(0)
    with pytest.raises(EslTimeout, match="was not sent"):
        link.api("behind", timeout=0.02)
    with pytest.raises(Disconnected, match=r"sending to a .* failed"):
        sending.get()
    # It has to be a new connection: half a command was sent on the old one.
    until(lambda: len(server.peers) == 2 and link.connected)


def test_a_caller_that_is_killed_while_sending_costs_the_connection(
    server: Server, links: Any
) -> None:
    link = links(server)
    link.connect()
    server.answers["api"] = lambda _c: bytes(gevent.sleep(30) or 0)
    gevent.spawn(link.api, "block")
    server.peer.saw("api block")
    sending = gevent.spawn(link.command, "big", (), b"x" * 30_000_000)
    until(link._send_lock.locked)
    del server.answers["api"]
    sending.kill()
    until(lambda: len(server.peers) == 2 and link.connected)
    assert link.api("echo") == "echo"


def test_a_send_that_fails(link: Link, server: Server) -> None:
    transport = link._transport
    assert transport is not None
    transport.sock.shutdown(gevent.socket.SHUT_WR)
    with pytest.raises(Disconnected, match=r"sending to a .* broke"):
        link.api("status")
    link.wait_connected(PATIENCE)


def test_a_send_that_fails_late_spares_the_next_connection(server: Server, links: Any) -> None:
    """The connection drops under a sender; when it notices, there is a new one already."""
    link = links(server)
    link.connect()
    old = link._transport
    link._drop(Disconnected("gone"))
    link.wait_connected(PATIENCE)
    link._drop(Disconnected("gone, noticed late"), old)
    assert link.connected
    assert link.api("echo") == "echo"


# --- nothing may be injected -------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\n\napi shutdown\n\n"])
def test_line_breaks_are_refused_before_anything_is_sent(
    link: Link, server: Server, bad: str
) -> None:
    for call in (
        lambda: link.api(f"status{bad}"),
        lambda: link.api("originate", f"x{bad}y"),
        lambda: link.bgapi("originate", f"x{bad}y", job_id="1"),
        lambda: link.bgapi("originate", "x", job_id=f"1{bad}"),
        lambda: link.execute(f"1{bad}", "answer"),
        lambda: link.execute("1", f"answer{bad}"),
        lambda: link.execute("1", "txfax", f"/a{bad}"),
        lambda: link.command("a", [("b", bad)]),
        lambda: link.subscribe(f"A{bad}"),
    ):
        with pytest.raises(InvalidCommand):
            call()
    assert link.api("echo") == "echo"
    assert server.peer.lines == ["auth ClueCon", "api echo"]


def test_the_core_uuid_shows_a_restart(link: Link, server: Server) -> None:
    assert link.core == server.core
    first, server.core = server.core, "0c7b1e0a-71a7-4d5e-9d2f-5c8f5f1c1a11"
    states: list[tuple[bool, str]] = []
    link.on_state(lambda up: states.append((up, link.core)))
    server.peer.close()
    until(lambda: any(up for up, _ in states))
    assert states[0] == (False, ""), "while the link is down the core is not known"
    assert states[-1] == (True, server.core)
    assert link.core != first
    link.close()
    assert link.core == ""


@pytest.mark.parametrize("answer", ["", "-ERR no reply\n", "-ERR command not found\n", "x" * 36])
def test_a_freeswitch_without_a_core_uuid(server: Server, links: Any, answer: str) -> None:
    server.core = ""
    server.answers["api"] = saying(api_response(answer))
    link = links(server)
    link.connect()
    assert link.core == ""
