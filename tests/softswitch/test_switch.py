"""The stand-in as one object: start, stop, restart, lost connections and events."""

from __future__ import annotations

import time

import gevent
import gevent.pool
import pytest

from fsfax.errors import Disconnected, EslTimeout, SoftswitchError
from fsfax.esl.link import Gap, Link, Lost
from fsfax.settings import EslTimeouts
from fsfax.softswitch import Softswitch
from fsfax.testing import sample_tiff
from fsfax.values.results import TxResult
from tests.softswitch.calling import HOOKS, dial, eventually, labels, named, send, until
from tests.softswitch.client import PATIENCE


def test_calls_go_on_without_the_connection(link, switch, tiff):
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


def test_a_restart_during_ringing(link, switch, tiff):
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


def test_wait_idle_has_a_timeout(link, switch, tiff):
    dial(link, "call", named("no_answer"), tiff, "originate_timeout=900")
    eventually(lambda: switch.calls)
    with pytest.raises(SoftswitchError, match="still up"):
        switch.wait_idle(0.05)


# --- without the library ----------------------------------------------------------------------


def test_the_doctor_finds_nothing_wrong(switch, tmp_path):
    from fsfax.engine.doctor import CheckStatus, examine
    from fsfax.settings import Settings

    found = list(examine(switch.node_settings(), Settings(spool=tmp_path)))
    assert [check for check in found if check.verdict is not CheckStatus.OK] == []


def test_a_port_that_is_taken(switch):
    with pytest.raises(SoftswitchError, match="another port"):
        Softswitch(port=switch.port).start()
    with pytest.raises(SoftswitchError, match="negative"):
        Softswitch(speed=-1)


def test_line_time(tiff, tmp_path):
    """At speed 200 a fax of some 40 s takes 0.2 s, not 0."""
    from fsfax.esl.link import Link
    from fsfax.softswitch import Softswitch

    with (
        Softswitch(speed=200, root=tmp_path) as switch,
        Link(switch.node_settings()) as link,
    ):
        link.subscribe("CHANNEL_DESTROY")
        started = time.monotonic()
        until(dial(link, "call", named("fax"), tiff), "CHANNEL_DESTROY")
        assert 0.1 < time.monotonic() - started < 10


def test_fifty_calls_at_once(link, switch, tmp_path):
    page = sample_tiff(tmp_path / "one.tif", pages=1)

    def one(n: int) -> TxResult:
        return send(link, page, named("drop_in_page_1" if n % 5 == 0 else "fax"), pages=1)

    results = gevent.pool.Pool(50).map(one, range(50))
    assert sum(result.success for result in results) == 40
    assert sum(result.pages_sent for result in results) == 40
    switch.wait_idle(10)
    assert len({call.file for call in switch.calls if call.code == 0}) == 40
    assert link.stats.dropped == 0
