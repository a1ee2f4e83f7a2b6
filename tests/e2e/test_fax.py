"""From a document to a delivered fax, and back: the same tests on both kinds of switch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fsfax import (
    AlreadyDialled,
    CallTimeouts,
    Dialling,
    Doubt,
    Engine,
    Fate,
    Negotiated,
    NotDialled,
    Observation,
    Outcome,
    PageDone,
    PathMapping,
    Prepared,
    Ringing,
    SpoolError,
    Status,
    TxResult,
    new_call_id,
)
from fsfax.document import compare
from fsfax.settings import Settings
from tests.e2e.conftest import Inbound
from tests.e2e.proxy import Proxy
from tests.e2e.rig import Rig


def send(engine: Engine, letter: Path, number: str, **options: object) -> TxResult:
    options.setdefault("resolution", "standard")
    return engine.send(letter, number, **options)  # type: ignore[arg-type]


def test_a_fax_arrives_as_it_was_sent(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path, converted: Path
) -> None:
    seen: list[Observation] = []
    result = send(
        sender,
        letter,
        rig.numbers["fax"],
        ident="+1 555 0101",
        from_number="+15550101",
        on_progress=seen.append,
    )
    assert result.success, result
    assert result.status is Status.SUCCEEDED
    assert result.pages_sent == result.pages_total == 3
    assert result.t38_status == "negotiated"
    assert result.fax_error_correction
    assert result.fax_speed == 14400
    assert result.result_cause == "NORMAL_CLEARING"
    assert [page.number for page in result.pages] == [1, 2, 3]
    assert [type(o) for o in seen if isinstance(o, Prepared | Dialling | Negotiated)] == [
        Prepared,
        Dialling,
        Negotiated,
    ]
    assert [o.number for o in seen if isinstance(o, PageDone)] == [1, 2, 3]

    fax = inbound.from_station("+1 555 0101", rig.patience)
    assert fax.success, fax
    assert fax.pages_received == 3
    assert fax.from_number == "+15550101"
    assert fax.to_number.lstrip("+") == rig.numbers["fax"].lstrip("+")
    assert fax.file
    assert compare(converted, fax.file).identical
    # FreeSWITCH's own copy is gone once the fax is in the inbox.
    assert not (rig.inbox_spool / "in" / fax.file.name).exists()


@pytest.mark.parametrize("number", ["fax", "no_ecm"])
@pytest.mark.parametrize("resolution", ["standard", "fine"])
def test_the_header_line_takes_nothing_from_the_foot(
    rig: Rig,
    sender: Engine,
    inbound: Inbound,
    full_page: Path,
    tmp_path: Path,
    number: str,
    resolution: str,
) -> None:
    sent, ident = tmp_path / "sent.tif", f"+1 555 0112 {number[-3:]}"
    sender.convert(full_page, sent, resolution=resolution)  # type: ignore[arg-type]
    result = send(
        sender,
        full_page,
        rig.numbers[number],
        ident=ident,
        header="fsfax",
        resolution=resolution,
    )
    assert result.success, result
    fax = inbound.from_station(ident, rig.patience)
    assert fax.file
    # It is there, and below it is all that was sent but for white rows.
    assert not compare(sent, fax.file).identical
    found = compare(sent, fax.file, header_rows="auto")
    assert found.identical, (found.differences, result.encoding)


def test_audio_where_t38_is_refused(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path, converted: Path
) -> None:
    result = send(sender, letter, rig.numbers["audio_only"], ident="+1 555 0102")
    assert result.success, result
    assert result.t38_status == "refused"
    fax = inbound.from_station("+1 555 0102", rig.patience)
    assert fax.file
    assert compare(converted, fax.file).identical


def test_t38_switched_off(rig: Rig, sender: Engine, inbound: Inbound, letter: Path) -> None:
    result = send(sender, letter, rig.numbers["fax"], ident="+1 555 0103", t38="off", end_page=1)
    assert result.success, result
    # The far end may ask for T.38 itself; our side does not take it up.
    assert result.t38_status in ("off", "refused")
    assert inbound.from_station("+1 555 0103", rig.patience).pages_received == 1


def test_t38_required_but_refused(rig: Rig, sender: Engine, letter: Path) -> None:
    result = send(sender, letter, rig.numbers["audio_only"], t38="required")
    assert result.outcome in (Outcome.INCOMPATIBLE, Outcome.LINE_TROUBLE, Outcome.NOT_A_FAX)
    assert result.pages_sent == 0
    assert result.doubt in (Doubt.NONE, Doubt.LAST_PAGE)


@pytest.mark.parametrize(
    ("kind", "speed", "ecm"), [("no_ecm", 14400, False), ("no_v17", 9600, True)]
)
def test_lesser_machines(
    rig: Rig,
    sender: Engine,
    inbound: Inbound,
    letter: Path,
    converted: Path,
    kind: str,
    speed: int,
    ecm: bool,
) -> None:
    ident = f"+1 555 0104 {kind[-3:]}"
    result = send(sender, letter, rig.numbers[kind], ident=ident)
    assert result.success, result
    assert result.fax_speed == speed
    assert result.fax_error_correction is ecm
    fax = inbound.from_station(ident, rig.patience)
    assert fax.file
    assert compare(converted, fax.file).identical


def test_our_own_side_may_be_the_lesser_one(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    result = send(
        sender, letter, rig.numbers["fax"], ident="+1 555 0105", ecm=False, v17=False, end_page=1
    )
    assert result.success, result
    assert (result.fax_speed, result.fax_error_correction) == (9600, False)
    assert inbound.from_station("+1 555 0105", rig.patience).success


@pytest.mark.parametrize(
    ("kind", "outcome", "cause", "retry"),
    [
        ("busy", Outcome.BUSY, "USER_BUSY", True),
        ("unallocated", Outcome.BAD_NUMBER, "UNALLOCATED_NUMBER", False),
        ("no_answer", Outcome.NO_ANSWER, "NO_ANSWER", True),
    ],
)
def test_not_answered(
    rig: Rig,
    sender: Engine,
    letter: Path,
    kind: str,
    outcome: Outcome,
    cause: str,
    retry: bool,
) -> None:
    result = send(sender, letter, rig.numbers[kind])
    assert (result.status, result.outcome) == (Status.FAILED, outcome), result
    assert result.result_cause == cause
    assert result.retry is retry
    assert result.pages_sent == 0
    assert result.doubt is Doubt.NONE


def test_a_voice_answers(rig: Rig, sender: Engine, letter: Path) -> None:
    result = send(sender, letter, rig.numbers["voice"])
    assert result.outcome is Outcome.NOT_A_FAX
    assert result.result_code == 2
    assert result.doubt is Doubt.NONE


def test_a_voice_is_given_up_by_our_own_watchdog(rig: Rig, sender: Engine, letter: Path) -> None:
    timeouts = CallTimeouts(negotiation=2 if rig.name == "freeswitch" else 0.05)
    result = send(sender, letter, rig.numbers["voice"], timeouts=timeouts)
    assert result.outcome is Outcome.NOT_A_FAX
    assert result.status is Status.FAILED


def test_dropped_in_the_second_page(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    result = send(sender, letter, rig.numbers["drop_in_page_2"], ident="+1 555 0106")
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.LINE_TROUBLE), result
    assert result.result_code == 49
    assert result.pages_sent == 1
    assert result.first_unconfirmed_page == 2
    assert result.doubt is Doubt.LAST_PAGE
    fax = inbound.from_station("+1 555 0106", rig.patience)
    assert not fax.success
    assert fax.pages_received == 1
    assert fax.file, "the page that came is kept"


def test_going_on_at_the_second_page(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    result = send(sender, letter, rig.numbers["fax"], ident="+1 555 0107", start_page=2)
    assert result.success, result
    assert result.pages_sent == 2
    assert [page.number for page in result.pages] == [2, 3]
    assert inbound.from_station("+1 555 0107", rig.patience).pages_received == 2


def test_cancelled_during_the_second_page(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    call = sender.start(
        letter, rig.numbers["fax"], ident="+1 555 0108", resolution="superfine", keep_marks=True
    )
    for seen in call.progress():
        if isinstance(seen, PageDone):
            call.cancel()
    result = call.result()
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.CANCELLED), result
    assert result.pages_sent >= 1
    assert result.first_unconfirmed_page == result.pages_sent + 1
    assert result.doubt is Doubt.LAST_PAGE
    assert sender.fate(call.id) is Fate.FAILED
    sender.forget(call.id)
    assert sender.fate(call.id) is Fate.UNKNOWN
    assert not inbound.from_station("+1 555 0108", rig.patience).success


def test_cancelled_while_ringing(rig: Rig, sender: Engine, letter: Path) -> None:
    call = sender.start(letter, rig.numbers["no_answer"], timeouts=CallTimeouts(answer=60))
    for seen in call.progress():
        if isinstance(seen, Ringing):
            call.cancel()
    result = call.result()
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.CANCELLED), result
    assert result.time_elapsed < 10
    assert result.doubt is Doubt.NONE


def test_a_channel_that_lingers_is_ended(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    result = send(sender, letter, rig.numbers["lingering"], ident="+1 555 0109", end_page=1)
    assert result.success, result
    assert sender.fate(result.call_id) in (Fate.UNKNOWN, Fate.SUCCEEDED)
    assert sender.nodes()[0].busy == 0


def test_taken_over_by_the_engine(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path, converted: Path
) -> None:
    result = send(sender, letter, rig.numbers["takeover"], ident="+1 555 0110")
    assert result.success, result
    fax = inbound.from_station("+1 555 0110", rig.patience)
    assert fax.success
    assert fax.file
    assert compare(converted, fax.file).identical


def test_the_next_gateway_on_local_trouble(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    good = rig.sender.gateways[0].name
    result = send(
        sender,
        letter,
        rig.numbers["fax"],
        ident="+1 555 0111",
        gateways=("nowhere", good),
        end_page=1,
    )
    assert result.success, result
    assert [(t.gateway, t.cause) for t in result.failed_gateways] == [
        ("nowhere", "INVALID_GATEWAY")
    ]
    assert result.gateway == good
    inbound.from_station("+1 555 0111", rig.patience)


def test_a_busy_number_is_not_tried_elsewhere(rig: Rig, sender: Engine, letter: Path) -> None:
    good = rig.sender.gateways[0].name
    result = send(sender, letter, rig.numbers["busy"], gateways=(good, "nowhere"))
    assert result.outcome is Outcome.BUSY
    assert result.failed_gateways == ()


def test_nothing_is_dialled_when_freeswitch_cannot_see_the_file(
    rig: Rig, letter: Path, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    node = rig.sender.model_copy(
        update={"spool": (PathMapping(local=spool, remote="/nonexistent/fsfax"),)}
    )
    with (
        Engine(Settings(nodes=(node,), spool=spool), hub="own") as engine,
        pytest.raises(SpoolError, match="does not see"),
    ):
        engine.send(letter, rig.numbers["fax"])


def test_the_connection_is_lost_during_the_call(rig: Rig, inbound: Inbound, letter: Path) -> None:
    """The call goes on without us; when the link is back FreeSWITCH is asked."""
    with Proxy(rig.sender.host, rig.sender.port) as proxy:
        node = rig.sender.model_copy(update={"port": proxy.port})
        with Engine(rig.sending(nodes=(node,)), hub="own") as engine:
            engine.wait_up()
            call = engine.start(
                letter, rig.numbers["fax"], ident="+1 555 0112", resolution="superfine"
            )
            for seen in call.progress():
                if isinstance(seen, PageDone) and seen.number == 1:
                    proxy.cut()
            result = call.result(rig.patience)
    assert result.success, result
    assert result.pages_sent == 3
    assert inbound.from_station("+1 555 0112", rig.patience).success


def test_the_program_dies_in_the_second_page(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    """SIGKILL: the call goes on, and FreeSWITCH reports later how it ended."""
    attempt_id = new_call_id()
    killed_in_page_2(rig, letter, attempt_id, "+1 555 0113")
    fax = inbound.from_station("+1 555 0113", rig.patience)
    assert fax.success
    assert fax.pages_received == 3
    deadline = time.monotonic() + 10
    while (fate := sender.fate(attempt_id)) is Fate.UP and time.monotonic() < deadline:
        threading.Event().wait(0.1)  # the sender's channel ends a moment after the receiver's
    assert fate is Fate.SUCCEEDED
    sender.forget(attempt_id)


def test_another_program_takes_up_the_call(
    rig: Rig, sender: Engine, inbound: Inbound, letter: Path
) -> None:
    """SIGKILL again: a new engine follows the call to its end, and has the same result."""
    attempt_id, planned_at = new_call_id(), time.time()
    (node,) = sender.nodes()
    killed_in_page_2(rig, letter, attempt_id, "+1 555 0115")
    with Engine(rig.sending(), hub="own") as engine:
        call = engine.adopt(
            attempt_id,
            node=node.name,
            core=node.core,
            gateways=[rig.sender.gateways[0].name],
            first_page=1,
            last_page=3,
            started_at=planned_at,
            wait=10,
        )
        pages = [seen.number for seen in call.progress() if isinstance(seen, PageDone)]
        result = call.result(rig.patience)
        assert engine.fate(attempt_id) is Fate.UNKNOWN, "its marks are erased"
    assert result.success, result
    assert (result.call_id, result.pages_sent, result.pages_total) == (attempt_id, 3, 3)
    assert (result.t38_status, result.fax_speed, result.result_code) == ("negotiated", 14400, 0)
    assert result.result_cause == "NORMAL_CLEARING"
    assert pages[-1] == 3
    assert not (rig.spool / "out" / f"{attempt_id}.tif").exists()
    fax = inbound.from_station("+1 555 0115", rig.patience)
    assert fax.success
    assert fax.pages_received == 3


def test_an_attempt_that_was_asked_about_is_never_dialled(
    rig: Rig, sender: Engine, letter: Path
) -> None:
    attempt_id = new_call_id()
    (node,) = sender.nodes()
    for core, proved in ((node.core, True), (new_call_id(), False)):
        call = sender.adopt(
            attempt_id,
            node=node.name,
            core=core,
            gateways=["nowhere", rig.sender.gateways[0].name],
            first_page=1,
            last_page=3,
            started_at=time.time(),
        )
        if proved:
            with pytest.raises(NotDialled):
                call.result(10)
        else:
            assert call.result(10).status is Status.UNCERTAIN
    with pytest.raises(AlreadyDialled):
        send(sender, letter, rig.numbers["fax"], attempt_id=attempt_id)
    assert sender.fate(attempt_id, gateways=2) is Fate.UNKNOWN
    sender.forget(attempt_id, gateways=2)


def test_no_attempt_is_dialled_twice(rig: Rig, sender: Engine, letter: Path) -> None:
    result = send(sender, letter, rig.numbers["busy"], keep_marks=True)
    assert result.outcome is Outcome.BUSY
    with pytest.raises(AlreadyDialled):
        send(sender, letter, rig.numbers["busy"], attempt_id=result.call_id)
    # The hangup hook has put its mark over the guard.
    assert sender.fate(result.call_id) is Fate.ENDED
    sender.forget(result.call_id)


def killed_in_page_2(rig: Rig, letter: Path, attempt_id: str, ident: str) -> None:
    """Send a letter of three pages from a program of its own, killed after the first one."""
    program = (
        "import json, sys, fsfax\n"
        "settings = fsfax.Settings(**json.loads(sys.argv[1]))\n"
        "with fsfax.Engine(settings, hub='current') as engine:\n"
        "    call = engine.start(sys.argv[2], sys.argv[3], attempt_id=sys.argv[4],\n"
        "                        ident=sys.argv[5], resolution='superfine')\n"
        "    for seen in call.progress():\n"
        "        print(type(seen).__name__, flush=True)\n"
    )
    settings, number = _with_secrets(rig.sending()), rig.numbers["fax"]
    child = subprocess.Popen(
        [sys.executable, "-c", program, settings, str(letter), number, attempt_id, ident],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    for line in child.stdout:
        if line.startswith("PageDone"):
            os.kill(child.pid, signal.SIGKILL)
            break
    child.wait()


def _with_secrets(settings: Settings) -> str:
    values = settings.model_dump(mode="json")
    for shown, node in zip(values["nodes"], settings.nodes, strict=True):
        shown["password"] = node.password.get_secret_value()
    return json.dumps(values)
