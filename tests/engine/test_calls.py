"""Calls that go wrong in ways that only a switch under the test's control can show."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsfax import (
    CallTimeouts,
    Closed,
    Doubt,
    Engine,
    Fate,
    InvalidNumber,
    InvalidRequest,
    Negotiated,
    NoCapacity,
    NoNode,
    Observation,
    Outcome,
    PageDone,
    Status,
    new_call_id,
)
from fsfax.settings import GatewaySettings, NodeSettings
from fsfax.softswitch import number_of
from tests.engine.conftest import Stage


def test_a_fax_without_progress_is_ended(engine: Engine, letter: Path) -> None:
    result = engine.send(
        letter, number_of("stall_in_page_2"), timeouts=CallTimeouts(page=2, linger=1)
    )
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.LINE_TROUBLE), result
    assert "made no progress" in result.error_message
    assert result.pages_sent == 1
    assert result.first_unconfirmed_page == 2
    assert result.doubt is Doubt.LAST_PAGE


def test_the_result_event_is_lost(stage: Stage, engine: Engine, letter: Path) -> None:
    """The hangup event repeats the result in its variables."""

    def lose(seen: Observation) -> None:
        if isinstance(seen, PageDone) and seen.number == 3:
            stage.switch.lose_events(2)

    result = engine.send(letter, number_of("fax"), on_progress=lose)
    assert result.success, result


def test_the_switch_is_restarted_in_the_middle(stage: Stage, engine: Engine, letter: Path) -> None:
    """All channels are gone and no outcome was recorded: the result is uncertain."""

    def restart(seen: Observation) -> None:
        if isinstance(seen, PageDone) and seen.number == 1:
            stage.switch.restart()

    result = engine.send(
        letter, number_of("fax"), on_progress=restart, timeouts=CallTimeouts(link_lost=5)
    )
    assert not result.success
    assert result.pages_sent <= 1
    assert (result.status is Status.UNCERTAIN) == (result.outcome is Outcome.UNKNOWN)


def test_the_link_stays_away(stage: Stage, letter: Path) -> None:
    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()

        def unplug(seen: Observation) -> None:
            if isinstance(seen, Negotiated):
                stage.switch.stall(60.0)
                stage.switch.drop_connections()

        result = engine.send(
            letter,
            number_of("stall_in_page_2"),
            on_progress=unplug,
            timeouts=CallTimeouts(link_lost=0.5, page=30),
        )
    assert (result.status, result.outcome) == (Status.UNCERTAIN, Outcome.UNKNOWN), result
    assert result.doubt is Doubt.ANY
    # Its file stays: the call may still be up and read it.
    assert list((stage.root / "out").glob("*.tif"))


def test_many_at_once_and_no_call_twice(stage: Stage, engine: Engine, letter: Path) -> None:
    calls = [engine.start(letter, number_of("fax")) for _ in range(30)]
    results = [call.result(60) for call in calls]
    assert all(result.success for result in results)
    log = [record for record in stage.switch.calls if record.uuid in {call.id for call in calls}]
    assert len(log) == 30
    assert engine.nodes()[0].busy == 0


def test_closing_cancels(stage: Stage, letter: Path) -> None:
    engine = Engine(stage.settings(), hub="own")
    call = engine.start(letter, number_of("no_answer"), timeouts=CallTimeouts(answer=3600))
    for seen in call.progress():
        if type(seen).__name__ == "Ringing":
            break
    engine.close()
    assert call.result(1).outcome is Outcome.CANCELLED
    with pytest.raises(Closed):
        engine.start(letter, "1")
    with pytest.raises(Closed):
        engine.receive()
    engine.close()


def test_cancelled_before_it_is_dialled(stage: Stage, engine: Engine, letter: Path) -> None:
    call = engine.start(letter, number_of("fax"))
    call.cancel()
    assert call.result(30).outcome is Outcome.CANCELLED
    assert not [record for record in stage.switch.calls if record.uuid == call.id]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ident": "x" * 30}, InvalidRequest),
        ({"start_page": 9}, InvalidRequest),
        ({"from_name": "a\nb"}, InvalidRequest),
        ({"from_number": "alice"}, InvalidNumber),
        ({"timezone": "Nowhere/Land"}, InvalidRequest),
        ({"resolution": "4k"}, InvalidRequest),
        ({"node": "nowhere"}, InvalidRequest),
        ({"gateways": ("a b",)}, InvalidRequest),
    ],
)
def test_wrong_requests_dial_nothing(
    stage: Stage, engine: Engine, letter: Path, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        engine.send(letter, number_of("fax"), **options)  # type: ignore[arg-type]
    assert stage.switch.calls == []
    assert not list((stage.root / "out").glob("*.tif")), "the spool is clean"


def test_a_hostile_number_dials_nothing(stage: Stage, engine: Engine, letter: Path) -> None:
    for number in ("1}{x=y}", "1 &system(id)", "1|sofia/gateway/x/2", "1\napi system id", "${x}"):
        with pytest.raises(InvalidNumber):
            engine.send(letter, number)
    assert stage.switch.calls == []


def test_full_and_draining(stage: Stage, letter: Path) -> None:
    node = stage.node.model_copy(update={"capacity": 1})
    with Engine(stage.settings(nodes=(node,)), hub="own") as engine:
        engine.wait_up()
        first = engine.start(letter, number_of("no_answer"), timeouts=CallTimeouts(answer=3600))
        for seen in first.progress():
            if type(seen).__name__ == "Ringing":
                break
        with pytest.raises(NoCapacity):
            engine.send(letter, number_of("fax"))
        waiting = engine.start(letter, number_of("fax"), wait=60)
        first.cancel()
        assert waiting.result(60).success
        engine.drain(node.name)
        with pytest.raises(NoCapacity):
            engine.send(letter, number_of("fax"))
        engine.undrain(node.name)
        assert engine.send(letter, number_of("fax"), end_page=1).success


def test_another_node_when_one_is_down(stage: Stage, letter: Path) -> None:
    dead = NodeSettings(name="dead", port=1, gateways=(GatewaySettings(name="softswitch"),))
    with Engine(stage.settings(nodes=(dead, stage.node)), hub="own") as engine:
        engine.wait_up()
        result = engine.send(letter, number_of("fax"), end_page=1)
        assert result.success
        assert result.node == stage.node.name
        states = {status.name: status for status in engine.nodes()}
        assert states["dead"].problem
    with Engine(stage.settings(nodes=(dead,)), hub="own") as engine, pytest.raises(NoNode):
        engine.send(letter, "1")


def test_a_restart_shows_in_the_core(stage: Stage, engine: Engine) -> None:
    before = engine.nodes()[0].core
    assert before == stage.switch.api("global_getvar", "core_uuid")
    stage.switch.restart()
    deadline = time.monotonic() + 15
    while engine.nodes()[0].core in ("", before):
        assert time.monotonic() < deadline
        engine.wait_up()
    assert engine.nodes()[0].core == stage.switch.api("global_getvar", "core_uuid")


def test_the_fate_of_an_unknown_attempt(engine: Engine) -> None:
    assert engine.fate(new_call_id(), gateways=3) is Fate.UNKNOWN


def test_hostile_texts_of_the_caller(stage: Stage, letter: Path) -> None:
    """Words of the far end arrive as harmless text, and its fax in a file of a safe name."""
    tiff = stage.root / "call.tif"
    from fsfax.document import Converter

    with Converter() as converter:
        converter.convert(letter, tiff, resolution="standard")
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        engine.wait_up()
        stage.switch.call_in(
            number_of("fax"),
            tiff,
            caller_number="+1555",
            caller_name="../../etc\r\nEvent-Name: EVIL\x1b[31m\u202e${system id}",
            ident="%0A../../$(id)",
        )
        fax = faxes.get(timeout=30)
    assert fax.success, fax
    assert fax.file
    assert fax.file.parent == stage.root / "inbox"
    assert fax.file.stem == fax.call_id
    for word in (fax.from_name, fax.fax_sender_id, fax.from_number):
        assert word == "" or word.isprintable()
    assert "\u202e" not in fax.from_name


@pytest.mark.parametrize("pages", [1])
def test_a_receiver_that_starts_in_the_middle(stage: Stage, letter: Path, pages: int) -> None:
    """The call is up when an engine begins to listen: it is adopted and followed to its end."""
    with Engine(stage.settings(), hub="own") as sender:
        sender.wait_up()
        call = sender.start(letter, number_of("fax"))
        for seen in call.progress():
            if isinstance(seen, PageDone):
                break
        with Engine(stage.settings(), hub="own") as receiver, receiver.receive() as faxes:
            fax = faxes.get(timeout=30)
        assert call.result(30).success
    assert fax.success, fax
    assert fax.pages_received == 3
    assert fax.gaps


def test_a_stalled_inbound_call_is_adopted_and_ended(stage: Stage, letter: Path) -> None:
    """No event comes any more: only FreeSWITCH's list of channels shows the call."""
    with Engine(stage.settings(), hub="own") as sender:
        sender.wait_up()
        call = sender.start(letter, number_of("stall_in_page_2"))
        for seen in call.progress():
            if isinstance(seen, PageDone):
                break
        impatient = stage.settings(timeouts=CallTimeouts(page=2, linger=1))
        with Engine(impatient, hub="own") as receiver, receiver.receive() as faxes:
            fax = faxes.get(timeout=30)
        assert not call.result(30).success
    assert fax.status is Status.FAILED
    assert fax.pages_received == 1
    assert fax.gaps


def test_a_call_that_was_taken_over_is_hung_up_at_once(stage: Stage, letter: Path) -> None:
    """After rxfax it would stay parked until the linger watchdog ends it."""
    settings = stage.settings(timeouts=CallTimeouts(linger=600))
    with Engine(settings, hub="own") as engine, engine.receive() as faxes:
        result = engine.send(letter, number_of("takeover"), end_page=1)
        assert result.success
        assert faxes.get(timeout=30).success
    stage.switch.wait_idle(10)


def test_a_call_counts_on_the_gateway_that_it_uses(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    (node,) = engine._pool.nodes
    call = engine.start(
        letter,
        number_of("no_answer"),
        gateways=("down", "softswitch"),
        timeouts=CallTimeouts(answer=3600),
    )
    for seen in call.progress():
        if type(seen).__name__ == "Ringing":
            break
    assert (node.busy_on("down"), node.busy_on("softswitch")) == (0, 1)
    call.cancel()
    assert [t.cause for t in call.result(10).failed_gateways] == ["GATEWAY_DOWN"]


def test_no_other_gateway_for_a_call_that_got_through(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    for name in ("busy", "rejected", "unallocated", "hangs_up"):
        result = engine.send(letter, number_of(name), gateways=("softswitch", "down"))
        assert result.failed_gateways == (), name
    assert len(stage.switch.calls) == 4
