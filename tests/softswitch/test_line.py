"""Fax calls between two of SpanDSP's own engines: what went in comes out, faults included."""

from __future__ import annotations

import time
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from PIL import Image

from fsfax.errors import InvalidRequest, SoftswitchError
from fsfax.softswitch import line as line_module
from fsfax.softswitch.line import Faults, Line, Side, Terminal
from tests.softswitch.line_calls import LENGTH, WIDTH, ObserverCall, Recorder, fax, read, write

pytestmark = pytest.mark.spandsp


@pytest.mark.parametrize("t38", [True, False], ids=["t38", "audio"])
def test_received_pages_equal_sent_pages(document: Path, received: Path, t38: bool) -> None:
    seen = Recorder()
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), seen, t38=t38)
    fax(line)
    assert read(received) == read(document)
    assert seen.codes == {"caller": 0, "called": 0}
    assert seen.end("caller").text == "OK"
    assert [call.stats.pages_tx for call in seen.of("caller", "d")] == [1, 2, 3]
    assert [call.stats.pages_rx for call in seen.of("called", "d")] == [1, 2, 3]
    assert 20 < line.line_seconds < 60
    stats = seen.end("caller").stats
    assert (stats.bit_rate, stats.ecm, stats.pages_tx, stats.pages_in_file) == (14400, True, 3, 3)
    page = seen.of("called", "d")[0].stats
    assert (page.width, page.length, page.bad_rows) == (WIDTH, LENGTH, 0)
    # SpanDSP's dots per metre for 204 x 196 an inch.
    assert (page.x_resolution, page.y_resolution) == (8031, 7700)
    assert (page.encoding, page.encoding_name) == (3, "T.6")
    assert page.image_size > 1000


def test_each_end_is_negotiated_before_its_pages_and_ends_last(
    document: Path, received: Path
) -> None:
    seen = Recorder()
    fax(Line(Terminal(tx_file=document), Terminal(rx_file=received), seen))
    for side in ("caller", "called"):
        assert [t.phase for t in seen.calls if t.side == side] == ["b", "d", "d", "d", "e"]


@pytest.mark.parametrize("t38", [True, False], ids=["t38", "audio"])
def test_without_ecm_the_page_is_coded_in_lines(document: Path, received: Path, t38: bool) -> None:
    seen = Recorder()
    fax(Line(Terminal(tx_file=document, ecm=False), Terminal(rx_file=received), seen, t38=t38))
    stats = seen.end("caller").stats
    assert (stats.ecm, stats.encoding_name) == (False, "T.4 2-D")
    assert seen.codes == {"caller": 0, "called": 0}
    assert read(received) == read(document)


@pytest.mark.parametrize("weak", ["caller", "called"])
def test_without_v17_at_one_end_both_take_v29(document: Path, received: Path, weak: Side) -> None:
    seen = Recorder()
    caller = Terminal(tx_file=document, v17=weak != "caller")
    called = Terminal(rx_file=received, v17=weak != "called")
    fax(Line(caller, called, seen))
    assert seen.end("caller").stats.bit_rate == seen.end("called").stats.bit_rate == 9600
    assert read(received) == read(document)


def test_station_ids_reach_the_other_end(document: Path, received: Path) -> None:
    seen = Recorder()
    caller = Terminal(ident="+49 30 1234", tx_file=document)
    # 20 bytes at most; the content of the far end's id is not checked here.
    called = Terminal(ident="evil\nX: 1 ü %0A", rx_file=received)
    fax(Line(caller, called, seen))
    assert seen.end("called").remote_ident == "+49 30 1234"
    assert {call.remote_ident for call in seen.calls if call.side == "caller"} == {
        "evil\nX: 1 ü %0A"
    }


def test_an_ident_that_is_too_long_is_left_out(document: Path, received: Path) -> None:
    seen = Recorder()
    fax(Line(Terminal(ident="1" * 21, tx_file=document), Terminal(rx_file=received), seen))
    assert seen.end("called").remote_ident == ""
    assert seen.codes == {"caller": 0, "called": 0}


def test_a_header_is_printed_above_the_page(document: Path, received: Path) -> None:
    caller = Terminal(header="ACME", timezone="CET-1CEST", tx_file=document)
    fax(Line(caller, Terminal(rx_file=received), Recorder()))
    with Image.open(received) as tiff:
        # 32 rows at fine resolution, and something black in them.
        assert tiff.size == (WIDTH, LENGTH + 32)
        header = tiff.convert("L").crop((0, 0, WIDTH, 32))
        assert header.getextrema() == (0, 255)
        page = tiff.convert("L").crop((0, 32, WIDTH, LENGTH + 32))
        assert page.tobytes() == read(document)[0]


@pytest.mark.parametrize(
    ("start", "end", "sent"),
    [
        (-1, -1, [0, 1, 2]),
        (0, 0, [0]),
        (1, -1, [1, 2]),
        (-1, 1, [0, 1]),
        (1, 1, [1]),
        (2, 2, [2]),
    ],
)
def test_part_of_a_document(
    document: Path, received: Path, start: int, end: int, sent: list[int]
) -> None:
    seen = Recorder()
    caller = Terminal(tx_file=document, start_page=start, end_page=end)
    fax(Line(caller, Terminal(rx_file=received), seen))
    pages = read(document)
    assert read(received) == [pages[number] for number in sent]
    assert seen.end("caller").stats.pages_tx == len(sent)


@pytest.mark.parametrize("t38", [True, False], ids=["t38", "audio"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_the_called_side_drops_in_the_middle_of_a_page(
    document: Path, received: Path, t38: bool, page: int
) -> None:
    seen = Recorder()
    caller, called = Terminal(tx_file=document), Terminal(rx_file=received)
    fax(Line(caller, called, seen, t38=t38, faults=Faults(drop_in_page=page)))
    assert seen.codes == {"caller": 49, "called": 49}
    assert seen.end("caller").text == "The call dropped prematurely"
    assert seen.end("caller").stats.pages_tx == page - 1
    assert seen.end("called").stats.pages_rx == page - 1
    if page > 1:  # confirmed pages are stored
        assert read(received)[: page - 1] == read(document)[: page - 1]


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """Two pages that take next to no time on the line."""
    page = Image.new("1", (WIDTH, LENGTH), 1)
    return write(tmp_path / "blank.tif", [page, page])


@pytest.mark.parametrize("faults", [Faults(drop_in_page=3), Faults(stall_in_page=3)])
def test_a_fault_after_the_last_page_has_no_effect(
    blank: Path, received: Path, faults: Faults
) -> None:
    seen = Recorder()
    caller, called = Terminal(tx_file=blank), Terminal(rx_file=received)
    fax(Line(caller, called, seen, faults=faults), timeout=10)
    assert seen.codes == {"caller": 0, "called": 0}


def test_a_drop_in_a_page_that_takes_no_time(blank: Path, received: Path) -> None:
    seen = Recorder()
    caller, called = Terminal(tx_file=blank), Terminal(rx_file=received)
    fax(Line(caller, called, seen, faults=Faults(drop_in_page=2)))
    assert seen.end("caller").code == 49
    assert seen.end("caller").stats.pages_tx == 1


def test_a_stalled_line_waits_until_it_is_hung_up(document: Path, received: Path) -> None:
    stalled, seen = Event(), Recorder()
    line = Line(
        Terminal(tx_file=document),
        Terminal(rx_file=received),
        seen,
        faults=Faults(stall_in_page=2),
    )
    seen.on_call = lambda call: stalled.set() if call.stats.pages_tx == 1 else None
    carrier = gevent.spawn(line.run)
    assert stalled.wait(30)
    moved = -1.0
    with gevent.Timeout(30):
        while line.line_seconds != moved:  # until nothing moves any more
            moved = line.line_seconds
            gevent.sleep(0.05)
    assert not carrier.dead
    assert not seen.of("caller", "e")
    line.hang_up()
    carrier.get(timeout=10)
    assert line.line_seconds == moved
    assert seen.codes == {"caller": 49, "called": 49}
    assert seen.end("caller").stats.pages_tx == 1


@pytest.mark.parametrize("t38", [True, False], ids=["t38", "audio"])
@pytest.mark.parametrize("hears", ["voice", "silence"])
def test_the_called_party_is_no_fax(document: Path, t38: bool, hears: line_module.Hears) -> None:
    seen = Recorder()
    line = Line(Terminal(tx_file=document), None, seen, t38=t38, hears=hears)
    fax(line)
    assert [call.phase for call in seen.calls] == ["e"]
    assert seen.end("caller").code == 2
    assert seen.end("caller").text == "Timed out waiting for initial communication"
    assert line.line_seconds == pytest.approx(60, abs=1)  # T0 of 0.0.6


def test_a_call_answered_by_a_voice_can_be_hung_up(document: Path) -> None:
    seen = Recorder()
    line = Line(Terminal(tx_file=document), None, seen, hears="voice", speed=1)
    carrier = gevent.spawn(line.run)
    with gevent.Timeout(10):
        while not line.line_seconds:
            gevent.sleep(0.01)
    line.hang_up()
    carrier.get(timeout=10)
    assert seen.end("caller").code == 49


def test_ecm_repairs_lost_packets(document: Path, received: Path) -> None:
    seen = Recorder()
    caller, called = Terminal(tx_file=document), Terminal(rx_file=received)
    line = Line(caller, called, seen, faults=Faults(packet_loss=0.01, seed=3))
    fax(line)
    assert seen.codes == {"caller": 0, "called": 0}
    assert read(received) == read(document)
    clean = Line(caller, called, Recorder())
    fax(clean)
    assert line.line_seconds > clean.line_seconds + 2  # frames were sent again


def test_losses_are_the_same_in_every_run(document: Path, tmp_path: Path) -> None:
    def duration(seed: int) -> float:
        caller, called = Terminal(tx_file=document), Terminal(rx_file=tmp_path / "r.tif")
        line = Line(caller, called, Recorder(), faults=Faults(packet_loss=0.02, seed=seed))
        fax(line)
        return line.line_seconds

    assert duration(1) == duration(1)
    assert len({duration(seed) for seed in range(4)}) > 1


def test_when_one_end_gives_up_the_other_is_cut_off(document: Path, received: Path) -> None:
    seen = Recorder()
    caller, called = Terminal(tx_file=document), Terminal(rx_file=received)
    line = Line(caller, called, seen, faults=Faults(packet_loss=1.0))
    ends: dict[Side, float] = {}
    seen.on_call = lambda call: ends.setdefault(call.side, line.line_seconds)
    fax(line)
    # The called side's DIS and its repetitions run out (T30_ERR_RETRYDCN) before the
    # caller's T0 of 60 s does.
    assert seen.codes == {"caller": 49, "called": 48}
    assert ends["caller"] == pytest.approx(ends["called"] + 3.0, abs=0.1)
    assert not received.exists()


@pytest.mark.parametrize("t38", [True, False], ids=["t38", "audio"])
def test_twenty_calls_side_by_side(document: Path, tmp_path: Path, t38: bool) -> None:
    recorders = [Recorder() for _ in range(20)]
    order: list[int] = []
    for number, recorder in enumerate(recorders):
        recorder.on_call = lambda call, number=number: order.append(number)
    lines = [
        Line(
            Terminal(ident=str(number), tx_file=document, start_page=2),
            Terminal(rx_file=tmp_path / f"{number}.tif"),
            recorder,
            t38=t38,
        )
        for number, recorder in enumerate(recorders)
    ]
    greenlets = [gevent.spawn(line.run) for line in lines]
    gevent.joinall(greenlets, timeout=60, raise_error=True)
    last = read(document)[2:]
    for number, recorder in enumerate(recorders):
        assert recorder.codes == {"caller": 0, "called": 0}
        assert recorder.end("called").remote_ident == str(number)
        assert read(tmp_path / f"{number}.tif") == last
    # Side by side, not one after the other: all have begun before any one has ended.
    assert len(set(order[: order.index(order[0], 20) + 1])) > 10


def test_the_pace_follows_the_clock(blank: Path, received: Path) -> None:
    line = Line(Terminal(tx_file=blank), Terminal(rx_file=received), Recorder(), speed=50)
    started = time.monotonic()
    fax(line)
    # Never faster than asked for; how much slower is the machine's affair.
    assert time.monotonic() - started >= line.line_seconds / 50 - 0.05


def test_hanging_up_from_within_an_observer(document: Path, received: Path) -> None:
    seen = Recorder()
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), seen)
    seen.on_call = lambda call: line.hang_up() if call.phase == "d" else None
    fax(line)
    assert seen.codes == {"caller": 49, "called": 49}
    assert seen.end("called").stats.pages_rx == 1
    assert seen.end("caller").stats.pages_tx == 0  # the receiver knows of its page first


def test_hanging_up_before_and_after_the_call(document: Path, received: Path) -> None:
    seen = Recorder()
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), seen)
    line.hang_up()
    fax(line)
    assert seen.codes == {"caller": 49, "called": 49}
    line.hang_up("called")
    assert len(seen.calls) == 2


def test_an_error_of_the_observer_is_raised_by_run(document: Path, received: Path) -> None:
    seen = Recorder()

    def fail(call: ObserverCall) -> None:
        raise LookupError(call.phase)

    seen.on_call = fail
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), seen)
    with pytest.raises(LookupError, match="b"):
        fax(line)


def test_a_document_that_is_not_there(tmp_path: Path, received: Path) -> None:
    seen = Recorder()
    fax(Line(Terminal(tx_file=tmp_path / "none.tif"), Terminal(rx_file=received), seen))
    # T30_ERR_FILEERROR; the far end gets DCN while it waits for DCS: T30_ERR_RX_DCNWHY.
    assert seen.codes == {"caller": 41, "called": 35}


def test_a_line_is_for_one_call(document: Path) -> None:
    line = Line(Terminal(tx_file=document), None, Recorder(), hears="silence")
    line.hang_up()
    fax(line)
    with pytest.raises(SoftswitchError, match="make a new Line"):
        line.run()


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="called"):
        Line(Terminal(), None, Recorder())
    with pytest.raises(InvalidRequest, match="speed"):
        Line(Terminal(), Terminal(), Recorder(), speed=-1)
    with pytest.raises(InvalidRequest, match="packet_loss"):
        Faults(packet_loss=5)
