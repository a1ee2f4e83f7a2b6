"""Admission: a caller is refused before the call is answered, or ended at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax import Created, Engine, Observation, RxResult
from fsfax.engine.admission import ACCEPT, REJECT, Admission
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.receive import pages_in
from fsfax.softswitch import number_of
from fsfax.values.outcome import Outcome
from tests.engine.stage import Stage, until

REFUSED = "+15550666"


class Recorder:
    """Admits every caller but REFUSED; records what it is asked."""

    def __init__(self, refusal: Admission = REJECT) -> None:
        self.asked: list[tuple[str, str]] = []
        self._refusal = refusal

    def __call__(self, caller: str, called: str) -> Admission:
        self.asked.append((caller, called))
        return self._refusal if caller == REFUSED else ACCEPT


def received(stage: Stage, admit: Recorder, converted: Path, number: str, caller: str) -> RxResult:
    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()
        with engine.receive(admit=admit) as faxes:
            stage.switch.call_in(number_of(number), converted, caller_number=caller)
            fax = faxes.get(timeout=20)
            stage.switch.wait_idle(20)
    return fax


@pytest.mark.parametrize("number", ["fax", "takeover"])
def test_a_refused_caller(stage: Stage, converted: Path, number: str) -> None:
    admit = Recorder()
    fax = received(stage, admit, converted, number, REFUSED)
    assert admit.asked == [(REFUSED, number_of(number))]
    assert (fax.blocked, fax.success, fax.result_text) == (True, False, "blocked")
    assert (fax.outcome, fax.retry) == (Outcome.REFUSED, False)
    assert (fax.pages_received, fax.file) == (0, None)
    assert (fax.from_number, fax.to_number) == (REFUSED, number_of(number))
    assert "not permitted" in fax.error_message
    (call,) = stage.switch.calls
    assert call.cause == "CALL_REJECTED"
    assert call.pages < 3, "the call was ended at once"
    assert (call.answered is None) is (number == "takeover"), "refused before the answer"
    inbox = InboundSpool(stage.root / "inbox")
    assert inbox.load(fax.call_id) == fax
    assert not list((stage.root / "in").iterdir()), "no page of it is stored"
    assert not list(inbox.folder.glob("*.tif"))


@pytest.mark.parametrize("number", ["fax", "takeover"])
def test_other_callers_are_accepted(stage: Stage, converted: Path, number: str) -> None:
    admit = Recorder()
    fax = received(stage, admit, converted, number, "+15550143")
    assert admit.asked == [("+15550143", number_of(number))]
    assert fax.success, fax
    assert not fax.blocked


@pytest.mark.parametrize("number", ["fax", "takeover"])
def test_a_failing_admission_accepts_the_call(stage: Stage, converted: Path, number: str) -> None:
    """A fax must not be lost because the lists cannot be read."""

    class Broken(Recorder):
        def __call__(self, caller: str, called: str) -> Admission:
            super().__call__(caller, called)
            raise RuntimeError("the lists cannot be read")

    fax = received(stage, Broken(), converted, number, REFUSED)
    assert fax.success, fax


def test_the_admission_decides_how_a_call_is_answered(stage: Stage, converted: Path) -> None:
    """The called number may have its own station id, and may be without T.38."""

    def admit(caller: str, called: str) -> Admission:
        return Admission(ident="+1 555 0177", t38=False)

    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()
        with engine.receive(admit=admit) as faxes:
            stage.switch.call_in(number_of("takeover"), converted)
            fax = faxes.get(timeout=40)
    assert fax.success, fax
    assert (fax.local_station_id, fax.t38_status) == ("+1 555 0177", "off")


@pytest.mark.parametrize("number", ["stall_in_page_2", "takeover"])
def test_a_call_that_was_up_before_an_engine_listened(
    stage: Stage, converted: Path, number: str
) -> None:
    """The admission is asked for it, too: the data of its channel name caller and called."""
    record = stage.switch.call_in(number_of(number), converted, caller_number=REFUSED)
    file = stage.root / "in" / f"{record.uuid}.tif"
    until(
        lambda: (
            pages_in(file) == 1
            if number != "takeover"
            else stage.switch.api("uuid_exists", record.uuid) == "true"
        ),
        "a page, or a call",
    )
    seen: list[Observation] = []
    admit = Recorder()
    with (
        Engine(stage.settings(), hub="own") as engine,
        engine.receive(admit=admit, on_progress=lambda _, each: seen.append(each)) as faxes,
    ):
        fax = faxes.get(timeout=20)
    assert admit.asked == [(REFUSED, number_of(number))]
    assert (fax.blocked, fax.pages_received) == (True, 0)
    assert isinstance(seen[0], Created) or number != "takeover"
    assert not list((stage.root / "in").iterdir())
    assert not list((stage.root / "inbox").glob("*.tif"))


@pytest.mark.parametrize(
    ("caller", "known"),
    [("+15550143", "+15550143"), ("", ""), ("anonymous", ""), ("1/2;${x}\r\n", "")],
)
def test_admission_of_a_call_that_came_while_no_engine_listened(
    stage: Stage, converted: Path, caller: str, known: str
) -> None:
    """The dialplan recorded the caller if it is digits alone; the record is erased afterwards."""
    stage.switch.call_in(number_of("fax"), converted, caller_number=caller)
    stage.switch.wait_idle(20)
    assert stage.switch.api("db", "count") == ("3" if known else "2")
    admit = Recorder()
    with Engine(stage.settings(), hub="own") as engine, engine.receive(admit=admit) as faxes:
        fax = faxes.get(timeout=20)
        until(lambda: stage.switch.api("db", "count") == "0", "the record is erased")
    assert (fax.from_number, fax.to_number) == (known, number_of("fax"))
    assert (fax.success, fax.pages_received, bool(fax.gaps)) == (True, 3, True)
    assert admit.asked == [(known, number_of("fax"))]


def test_a_caller_is_refused_when_the_stored_fax_is_found(stage: Stage, converted: Path) -> None:
    stage.switch.call_in(number_of("fax"), converted, caller_number=REFUSED)
    stage.switch.wait_idle(20)
    with Engine(stage.settings(), hub="own") as engine, engine.receive(admit=Recorder()) as faxes:
        fax = faxes.get(timeout=20)
    assert (fax.blocked, fax.success, fax.file, fax.from_number) == (True, False, None, REFUSED)
    assert not list((stage.root / "in").iterdir())
    assert not list((stage.root / "inbox").glob("*.tif"))
