"""A fax terminal: SpanDSP's engine, its callbacks, its files."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from fsfax.errors import SoftswitchError
from fsfax.softswitch.line import Line, Stats, Terminal
from fsfax.softswitch.terminal import T38Engine
from tests.softswitch.line_calls import Recorder, fax

pytestmark = pytest.mark.spandsp


def test_an_error_inside_a_callback_is_not_lost(
    document: Path, received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: T38Engine) -> Stats:
        raise LookupError("statistics")

    monkeypatch.setattr(T38Engine, "stats", broken)
    line = Line(Terminal(tx_file=document), Terminal(rx_file=received), Recorder())
    with pytest.raises(LookupError, match="statistics"):
        fax(line)


@pytest.mark.parametrize("end", ["caller", "kill"])
def test_engines_are_freed_whatever_happens(
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
