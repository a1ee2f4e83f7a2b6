"""Each magic number does what the table says, and the engine understands it."""

from __future__ import annotations

import time

import gevent
import gevent.pool
import pytest

from fsfax.document import tiff_f
from fsfax.engine.plan import SendPlan, new_call_id
from fsfax.engine.spool import Spool
from fsfax.engine.transmit import Transmission
from fsfax.softswitch import NUMBERS, number_of
from fsfax.softswitch.numbers import PLAIN, behaviour, table
from fsfax.testing import sample_tiff
from fsfax.values.results import TxResult
from tests.softswitch.conftest import dial, eventually, labels, named, until

ENDINGS = {
    # name: (pages, SpanDSP's code, hangup cause)
    "fax": (3, 0, "NORMAL_CLEARING"),
    "busy": (0, None, "USER_BUSY"),
    "no_answer": (0, None, "NO_ANSWER"),
    "unallocated": (0, None, "UNALLOCATED_NUMBER"),
    "no_route": (0, None, "NO_ROUTE_DESTINATION"),
    "rejected": (0, None, "CALL_REJECTED"),
    "congestion": (0, None, "NORMAL_CIRCUIT_CONGESTION"),
    "slow_answer": (3, 0, "NORMAL_CLEARING"),
    "voice": (0, 2, "NORMAL_CLEARING"),
    "silence": (0, 2, "NORMAL_CLEARING"),
    "hangs_up": (0, 49, "NORMAL_CLEARING"),
    "no_ecm": (3, 0, "NORMAL_CLEARING"),
    "no_v17": (3, 0, "NORMAL_CLEARING"),
    "t38_refused": (3, 0, "NORMAL_CLEARING"),
    "packet_loss": (3, 0, "NORMAL_CLEARING"),
    "heavy_loss": (0, 17, "NORMAL_CLEARING"),
    "drop_in_page_1": (0, 49, "NORMAL_CLEARING"),
    "drop_in_page_2": (1, 49, "NORMAL_CLEARING"),
    "drop_in_page_3": (2, 49, "NORMAL_CLEARING"),
    "drop_in_page_4": (3, 0, "NORMAL_CLEARING"),  # there is no page 4
    "drop_in_page_5": (3, 0, "NORMAL_CLEARING"),
}
KILLED = {"linger", "takeover", "stall_in_page_1", "stall_in_page_2", "stall_in_page_3"}


def send(link, tiff, number: str, **options) -> TxResult:
    values = {"attempt_id": new_call_id(), "file": tiff, "pages": 3, "gateways": ("softswitch",)}
    plan = SendPlan(to=number, **{**values, **options})
    return Transmission(link, "softswitch", Spool(), plan, lambda *_: None).run()


def test_every_number_is_tested():
    assert {b.name for b in NUMBERS.values()} == ENDINGS.keys() | KILLED


def test_t38_is_not_requested_before_the_fax(link, switch, tiff):
    seen = until(dial(link, "call", named("hangs_up"), tiff), "CHANNEL_DESTROY")
    (result,) = (event for event in seen if event.subclass == "spandsp::txfaxresult")
    assert (result.get("fax-t38-status"), result.get("fax-result-code")) == ("off", "49")


@pytest.mark.parametrize("name", ENDINGS)
def test_how_it_ends(link, switch, tiff, name):
    result = send(link, tiff, named(name), ident="+49 30 1", header="To: you")
    switch.wait_idle(5)
    pages, code, cause = ENDINGS[name]
    assert (result.pages_sent, result.result_cause) == (pages, cause)
    assert result.success == (code == 0)
    (call,) = switch.calls
    assert (call.pages, call.code, call.cause) == (pages, code, cause)
    assert (call.answered is None) == (code is None)
    if name != "heavy_loss":
        stored = len(tiff_f.read(call.file.read_bytes()).pages) if call.file else 0
        assert stored == pages


@pytest.mark.parametrize(
    ("name", "options", "rate", "ecm", "t38"),
    [
        ("fax", {}, 14400, True, "negotiated"),
        ("no_ecm", {}, 14400, False, "negotiated"),
        ("no_v17", {}, 9600, True, "negotiated"),
        ("t38_refused", {}, 14400, True, "refused"),
        ("fax", {"t38": "off"}, 14400, True, "off"),
        ("fax", {"ecm": False}, 14400, False, "negotiated"),
        ("fax", {"v17": False}, 9600, True, "negotiated"),
    ],
)
def test_what_is_negotiated(link, tiff, name, options, rate, ecm, t38):
    result = send(link, tiff, named(name), ident="+49 30 1", **options)
    assert (result.fax_speed, result.fax_error_correction, result.t38_status) == (rate, ecm, t38)
    assert result.remote_station_id == "fsfax softswitch"


def test_a_part_of_the_document(link, tiff, switch):
    assert send(link, tiff, named("fax"), start_page=2, end_page=3).pages_sent == 2
    switch.wait_idle(5)
    assert len(tiff_f.read(switch.calls[0].file.read_bytes()).pages) == 2


def test_fail_over_to_another_gateway(link, tiff, switch):
    result = send(link, tiff, named("fax"), gateways=("down", "softswitch"))
    assert result.success
    assert [one.cause for one in result.failed_gateways] == ["GATEWAY_DOWN"]


def test_a_channel_that_lingers(link, tiff, switch):
    with dial(link, "call", named("linger"), tiff) as watch:
        seen = until(watch, "spandsp::txfaxresult")
        assert seen[-1].get("fax-success") == "1"
        assert seen[-1].get("Answer-State") == "answered"
        assert link.api("uuid_exists", "call") == "true"
        assert link.api("uuid_kill", "call") == "+OK"
        assert labels(until(watch, "CHANNEL_DESTROY")) == [
            "CHANNEL_HANGUP",
            "CHANNEL_EXECUTE_COMPLETE txfax",
            "CHANNEL_HANGUP_COMPLETE",
            "CHANNEL_DESTROY",
        ]
    switch.wait_idle(5)
    assert len(tiff_f.read(switch.calls[0].file.read_bytes()).pages) == 3


def test_a_stall_ends_with_uuid_kill(link, tiff, switch):
    with dial(link, "call", named("stall_in_page_2"), tiff) as watch:
        until(watch, "spandsp::txfaxpageresult")
        gevent.sleep(0)
        assert link.api("uuid_kill", "call") == "+OK"
        seen = until(watch, "CHANNEL_DESTROY")
    assert labels(seen)[:2] == ["CHANNEL_HANGUP", "spandsp::txfaxresult"]
    assert seen[1].get("fax-result-code") == "49"
    assert seen[1].get("fax-document-transferred-pages") == "1"
    switch.wait_idle(5)


def test_killed_while_it_rings(link, tiff, switch):
    with dial(link, "call", named("no_answer"), tiff, "originate_timeout=600") as watch:
        until(watch, "CHANNEL_PROGRESS")
        assert link.api("uuid_kill", "call") == "+OK"
        seen = until(watch, "CHANNEL_DESTROY")
        if "BACKGROUND_JOB" not in labels(seen):
            seen += until(watch, "BACKGROUND_JOB")
    job = next(event for event in seen if event.name == "BACKGROUND_JOB")
    assert job.body == b"-ERR NORMAL_CLEARING\n"
    switch.wait_idle(5)


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


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("5550101", "busy"),
        ("+15550101", "busy"),
        ("0015550101", "busy"),
        ("+1 (212) 555-0101", "busy"),
        ("555010", "fax"),
        ("", "fax"),
        ("\N{ARABIC-INDIC DIGIT FIVE}550101", "fax"),  # a digit, but not ASCII
    ],
)
def test_how_numbers_are_read(number, name):
    assert behaviour(number).name == name


def test_numbers_are_found_by_name():
    assert number_of("busy") == "5550101"
    assert behaviour("1234567") is PLAIN
    assert len(table().splitlines()) == len(NUMBERS) + 1
    with pytest.raises(KeyError, match="choose one of: fax, busy"):
        number_of("nonsense")


def test_takeover_by_a_client(link, tiff, switch, tmp_path):
    """An ESL client answers a parked call, receives the fax and hangs up."""
    parks = link.watch_all(["CHANNEL_PARK"])
    caller = dial(link, "call", named("takeover"), tiff)
    park = parks.get(timeout=5)
    assert (park.variable("fsfax_takeover"), park.get("Answer-State")) == ("true", "ringing")
    assert link.api("uuid_getvar", "call sip_term_status") == "_undef_"
    call_id, path = park.uuid, tmp_path / "taken.tif"
    with link.watch(call_id) as called:
        link.api("uuid_setvar", f"{call_id} fax_enable_t38 true")
        link.api("uuid_setvar", f"{call_id} fax_ident me%20here%00never")
        link.execute(call_id, "answer")
        link.execute(call_id, "rxfax", str(path))
        seen = until(called, "spandsp::rxfaxresult")
        seen += until(called, "CHANNEL_EXECUTE_COMPLETE")
    assert seen[-1].get("Application") == "rxfax"
    assert link.api("uuid_exists", call_id) == "true"  # parked again
    result = until(caller, "spandsp::txfaxresult")[-1]
    assert (result.get("fax-success"), result.get("fax-remote-station-id")) == ("1", "me here")
    assert result.get("fax-t38-status") == "negotiated"
    assert link.api("uuid_kill", call_id) == "+OK"
    until(caller, "CHANNEL_DESTROY")
    switch.wait_idle(5)
    assert len(tiff_f.read(path.read_bytes()).pages) == 3


def test_a_parked_call_that_no_client_takes_over(link, tiff, switch):
    watch = dial(link, "call", named("takeover"), tiff, "originate_timeout=1")
    assert until(watch, "BACKGROUND_JOB")[-1].body == b"-ERR NO_ANSWER\n"
    eventually(lambda: link.api("show", "channels as json") == '{"row_count": 0}')


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
