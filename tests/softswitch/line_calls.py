"""Pages for a line, and an observer that records its calls."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from PIL import Image, ImageDraw

from fsfax.softswitch.line import Line, Side, Stats

WIDTH, LENGTH = 1728, 1100


@dataclass
class ObserverCall:
    """One call of the observer."""

    phase: str
    side: Side
    stats: Stats
    remote_ident: str
    code: int = -1
    text: str = ""


@dataclass
class Recorder:
    """An observer that records its calls, and calls the test's function in each."""

    calls: list[ObserverCall] = field(default_factory=list)
    on_call: Callable[[ObserverCall], object] = lambda call: None

    def phase_b(self, side: Side, stats: Stats, remote_ident: str) -> None:
        self._record(ObserverCall("b", side, stats, remote_ident))

    def phase_d(self, side: Side, stats: Stats, remote_ident: str) -> None:
        self._record(ObserverCall("d", side, stats, remote_ident))

    def phase_e(self, side: Side, code: int, text: str, stats: Stats, remote_ident: str) -> None:
        self._record(ObserverCall("e", side, stats, remote_ident, code, text))

    def _record(self, call: ObserverCall) -> None:
        self.calls.append(call)
        self.on_call(call)

    def of(self, side: Side, phase: str) -> list[ObserverCall]:
        return [call for call in self.calls if (call.side, call.phase) == (side, phase)]

    def end(self, side: Side) -> ObserverCall:
        (call,) = self.of(side, "e")  # exactly once
        return call

    @property
    def codes(self) -> dict[Side, int]:
        return {side: self.end(side).code for side in ("caller", "called")}


def draw(page: int, length: int = LENGTH) -> Image.Image:
    """A page of blocks as irregular as letters, different for every number."""
    dice = random.Random(page)
    image = Image.new("1", (WIDTH, length), 1)
    pen = ImageDraw.Draw(image)
    for y in range(60, length - 60, 40):
        for x in range(100, WIDTH - 100, 18):
            if dice.random() < 0.6:
                pen.rectangle((x, y, x + dice.randint(2, 12), y + dice.randint(3, 25)), fill=0)
    return image


def write(path: Path, pages: Sequence[Image.Image]) -> Path:
    pages[0].save(
        path, save_all=True, append_images=pages[1:], compression="group4", dpi=(204, 196)
    )
    return path


def read(path: Path) -> list[bytes]:
    """The pixels of each page; Pillow sees to the photometric interpretation."""
    pages = []
    with Image.open(path) as tiff:
        for number in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(number)
            pages.append(tiff.convert("L").tobytes())
    return pages


def fax(line: Line, timeout: float = 30.0) -> None:
    with gevent.Timeout(timeout):
        line.run()
