"""Each magic number does what the table says, and the engine reports it correctly."""

from __future__ import annotations

import gevent
import pytest

from fsfax.document import tiff_f
from fsfax.softswitch import NUMBERS, number_of
from fsfax.softswitch.numbers import PLAIN, behaviour, table
from tests.softswitch.calling import dial, labels, named, send, until

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


def test_every_number_is_tested():
    assert {b.name for b in NUMBERS.values()} == ENDINGS.keys() | KILLED


@pytest.mark.parametrize("name", ENDINGS)
def test_the_ending_of_each_number(link, switch, tiff, name):
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
def test_the_last_seven_digits_decide(number, name):
    assert behaviour(number).name == name


def test_numbers_are_found_by_name():
    assert number_of("busy") == "5550101"
    assert behaviour("1234567") is PLAIN
    assert len(table().splitlines()) == len(NUMBERS) + 1
    with pytest.raises(KeyError, match="choose one of: fax, busy"):
        number_of("nonsense")
