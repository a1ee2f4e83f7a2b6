"""A fax terminal: SpanDSP's engine, its callbacks, its files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from fsfax.errors import SoftswitchError
from fsfax.softswitch.line import Line
from fsfax.softswitch.terminal import STEP, AudioEngine, SpandspEngine, Stats, T38Engine, Terminal
from tests.softswitch.line_calls import Recorder, fax

pytestmark = pytest.mark.spandsp


def test_an_error_in_a_callback_is_raised_by_the_line(
    document: Path, received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: T38Engine) -> Stats:
        raise LookupError("statistics")

    monkeypatch.setattr(T38Engine, "stats", broken)
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), Recorder())
    with pytest.raises(LookupError, match="statistics"):
        fax(line)


@pytest.mark.parametrize("end", ["caller", "kill"])
def test_engines_are_freed_after_every_end(
    document: Path, received: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[T38Engine] = []
    free = T38Engine._free

    def count(self: T38Engine) -> None:
        freed.append(self)
        free(self)

    monkeypatch.setattr(T38Engine, "_free", count)
    begun, seen = Event(), Recorder()
    seen.on_call = lambda call: begun.set()
    speed = 100 if end == "kill" else 0
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), seen, speed=speed)
    carrier = gevent.spawn(line.run)
    if end == "kill":
        assert begun.wait(30)
        carrier.kill()
        assert not seen.of("caller", "e")
    carrier.join(30)
    assert len(freed) == 2


def test_a_path_that_spandsp_would_cut(tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["x" * 100] * 3)
    with pytest.raises(SoftswitchError, match="use a shorter one"):
        fax(Line(Terminal(tx_file=long), Terminal(), Recorder()))


def t38_engines(**called: object) -> tuple[T38Engine, T38Engine]:
    return T38Engine(Terminal(), calling=True), T38Engine(Terminal(**called), calling=False)


def test_a_called_terminal_sends_its_ident_in_t38() -> None:
    calling, called = t38_engines(ident="+49 30 1")
    sequence = 0
    with closing(calling), closing(called):
        for _ in range(50 * 20):  # 20 s of the line
            calling.step()
            called.step()
            for packet in called.sent:
                calling.receive(packet, sequence)
                sequence += 1
            called.sent.clear()
            if calling.notices:
                break
        assert sequence > 10
        (notice,) = calling.notices
        assert (notice.phase, notice.remote_ident) == ("b", "+49 30 1")


@pytest.mark.parametrize("engine", [T38Engine, AudioEngine])
def test_a_terminated_engine_reaches_phase_e_once(engine: type[SpandspEngine]) -> None:
    with closing(engine(Terminal(), calling=True)) as terminal:
        assert not terminal.finished
        assert terminal.stats().pages_tx == 0
        terminal.terminate()
        terminal.terminate()
        (notice,) = terminal.notices
        assert (notice.phase, notice.code, terminal.finished) == ("e", 49, True)


def test_an_audio_engine_sends_twenty_milliseconds_a_step() -> None:
    with closing(AudioEngine(Terminal(), calling=True)) as terminal:
        levels = []
        for _ in range(100):  # 2 s: the calling tone is sent for 0.5 s every 3.5 s
            terminal.step()
            assert len(terminal.samples) == STEP
            levels.append(max(abs(sample) for sample in terminal.samples))
        assert max(levels) > 1000
        assert min(levels) < 10


def test_a_closed_engine_may_be_closed_again() -> None:
    terminal = T38Engine(Terminal(), calling=True)
    terminal.close()
    terminal.close()
    assert terminal._state is None
