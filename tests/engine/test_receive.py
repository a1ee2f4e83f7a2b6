"""Inbound faxes of one node: followed from their first event, adopted, taken over, stored."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest

import fsfax.engine.receive as module
from fsfax import CallTimeouts, Created, Engine, Fate, Observation, PageDone, Status
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.receive import CallEvents, pages_in
from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call
from fsfax.errors import EslTimeout
from fsfax.esl.watch import Gap
from fsfax.esl.wire import Event
from fsfax.softswitch import number_of
from tests.engine.stage import Stage, until


def test_hostile_texts_of_the_caller(stage: Stage, letter: Path) -> None:
    """Texts of the far end are made harmless, and its fax is stored under the id of the call."""
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


def test_a_fax_that_another_engine_stored_stays_as_it_is(stage: Stage, converted: Path) -> None:
    """Two engines follow a call that the dialplan answers; the second one finds no file."""
    inbox = InboundSpool(stage.root / "inbox")
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        engine.wait_up()
        record = stage.switch.call_in(number_of("fax"), converted)
        first = faxes.get(timeout=20)
        (receiver,) = engine._receive_handles[0].receivers
        engine._hub.run(
            receiver._store,
            Call(record.uuid, "b", 1.0, 2.0),
            Transcript(),
            stage.root / "in" / f"{record.uuid}.tif",
            fate=Fate.SUCCEEDED,
            gaps=(),
        )
    assert inbox.load(record.uuid) == first


def test_caller_and_called_when_the_first_event_was_missed(
    stage: Stage, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_UNCLASSIFIED", 0)
    with Engine(stage.settings(), hub="own") as engine, engine.receive() as faxes:
        engine.wait_up()
        for number in ("fax", "takeover"):
            stage.switch.call_in(number_of(number), converted, caller_number="+15550143")
            fax = faxes.get(timeout=20)
            assert (fax.from_number, fax.to_number) == ("+15550143", number_of(number))


@pytest.mark.parametrize("number", ["fax", "takeover"])
@pytest.mark.parametrize("late", [False, True])
def test_caller_and_called_are_reported_first(
    stage: Stage, converted: Path, number: str, late: bool
) -> None:
    """Also of a call that was up before an engine listened."""
    seen: list[tuple[str, Observation]] = []
    caller = {"caller_number": "+15550142", "caller_name": "Alice"}
    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()
        if late:
            record = stage.switch.call_in(number_of(number), converted, **caller)
            until(lambda: stage.switch.api("uuid_exists", record.uuid) == "true", "the call")
        with engine.receive(on_progress=lambda *pair: seen.append(pair)) as faxes:
            if not late:
                record = stage.switch.call_in(number_of(number), converted, **caller)
            fax = faxes.get(timeout=20)
    created = [each for _, each in seen if isinstance(each, Created)]
    assert {call_id for call_id, _ in seen} == {record.uuid}
    assert [(c.from_number, c.from_name, c.to_number, c.inbound) for c in created] == [
        ("+15550142", "Alice", number_of(number), True)
    ]
    assert isinstance(seen[-1][1], Observation)
    assert any(isinstance(each, PageDone) for _, each in seen)
    assert (fax.from_number, fax.to_number) == ("+15550142", number_of(number))
    assert InboundSpool(stage.root / "inbox").load(fax.call_id) == fax


def test_the_events_of_a_call_come_in_order() -> None:
    events = CallEvents()
    first, gap = Event.from_body(b"Event-Name: A"), Gap("back")
    events.put(first)
    events.put(gap)
    events.wake()
    assert [events.get(1) for _ in range(3)] == [first, gap, None]
    with pytest.raises(EslTimeout, match=r"in 0\.01 s"):
        events.get(0.01)
    reading = gevent.spawn(events.get, 5)
    gevent.sleep(0)
    events.wake()
    assert reading.get(timeout=5) is None


def test_the_readable_pages_of_a_received_file(converted: Path, tmp_path: Path) -> None:
    """A file that was cut off has the pages before the cut."""
    assert pages_in(converted) == 3
    assert pages_in(tmp_path / "missing.tif") == 0
    cut = tmp_path / "cut.tif"
    cut.write_bytes(b"no TIFF")
    assert pages_in(cut) == 0
    sizes = []
    whole = converted.read_bytes()
    for size in range(len(whole), 0, -len(whole) // 7):
        cut.write_bytes(whole[:size])
        sizes.append(pages_in(cut))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 3
