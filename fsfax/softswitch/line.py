"""A telephone line with a fax machine at both ends, or at one.

Both ends are SpanDSP's own T.30 engines, back to back in this process: every negotiation,
training and page confirmation takes place. Only the network between them is missing.

The line has its own time: it advances 20 ms a step, as fast as the processor can or as slowly as
``speed`` says, and all T.30 timers run on it.
"""

from __future__ import annotations

import math
import random
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from ctypes import Array, c_int16
from dataclasses import dataclass
from typing import Literal, Protocol

import gevent
from gevent.event import Event

from fsfax.errors import InvalidRequest, SoftswitchError
from fsfax.log import get_logger
from fsfax.softswitch import spandsp
from fsfax.softswitch.terminal import STEP, AudioEngine, SpandspEngine, Stats, T38Engine, Terminal

__all__ = ["Faults", "Hears", "Line", "Observer", "Side", "Stats", "Terminal"]

_log = get_logger(__name__)

Side = Literal["caller", "called"]
Hears = Literal["fax", "voice", "silence"]

STEP_SECONDS = STEP / spandsp.SAMPLE_RATE

_SLICE = 0.001
"""Seconds of processor time after which a line yields to other greenlets."""
_AHEAD = 0.004
"""Seconds that a paced line may be ahead of the clock: the hub's timers are not finer."""
_MAX_PHASE_E_GAP = 3.0
"""Line seconds between one end's phase E and the hangup: DCN takes 1.3 s, then FreeSWITCH
hangs up, and that ends the other end's fax."""
_TRAINING = 0.3
"""Line seconds from the confirmation to the image: V.17 and V.29 train 0.14 to 0.25 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of a line.

    ``packet_loss`` is the share (0 to 1) of T.38 packets that are lost, drawn from a generator
    seeded with ``seed``; on an audio line it has no effect. ``drop_in_page`` n: the called side
    hangs up in the middle of page n; ``stall_in_page`` n: from there on the line's time stands
    still, T.30's timers included. Pages are those of this call, from 1; 0 = never.
    """

    packet_loss: float = 0.0
    seed: int = 1
    drop_in_page: int = 0
    stall_in_page: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.packet_loss <= 1:
            raise InvalidRequest(
                f"packet_loss is a share between 0 and 1, not {self.packet_loss}: "
                "0.05 loses one packet in twenty"
            )


NO_FAULTS = Faults()


class Observer(Protocol):
    """Is called with the T.30 phases of each end, in the order in which they happen.

    The calls are made in the greenlet of `Line.run`, without a C frame on the stack: they may
    wait, and may call `Line.hang_up`. `Line.run` raises what they raise.
    """

    def phase_b(self, side: Side, stats: Stats, remote_ident: str) -> None:
        """Handle the negotiated capabilities; may be called more than once."""
        ...  # the protocol's body

    def phase_d(self, side: Side, stats: Stats, remote_ident: str) -> None:
        """Handle a page confirmed (caller, later) or received (called, earlier)."""
        ...  # the protocol's body

    def phase_e(self, side: Side, code: int, text: str, stats: Stats, remote_ident: str) -> None:
        """Handle the end of this end's fax, once, with SpanDSP's completion code and text."""
        ...  # the protocol's body


class Line:
    """A call between two fax terminals, or between one and a party that is no fax.

    With ``called`` None, the caller hears a "voice" or "silence" (``hears``, which has no effect
    otherwise). The line then remains an audio line, whatever ``t38`` says, because the called
    party has no T.38; T.30's T0 expires after 60 s of line time (code 2).

    ``speed`` 1 = line time, N = N times faster, 0 = as fast as possible.

    Raises:
        InvalidRequest: ``called`` is None but ``hears`` is "fax", or ``speed`` is negative.
    """

    def __init__(
        self,
        caller: Terminal,
        called: Terminal | None,
        observer: Observer,
        *,
        t38: bool = True,
        speed: float = 0.0,
        faults: Faults = NO_FAULTS,
        hears: Hears = "fax",
    ) -> None:
        if called is None and hears == "fax":
            raise InvalidRequest(
                "a fax needs a called terminal; without one, let hears be voice or silence"
            )
        if speed < 0:
            raise InvalidRequest(f"speed is 0 (as fast as possible) or more, not {speed}")
        self._caller, self._called = caller, called
        self._observer = observer
        self._t38 = t38 and called is not None
        self._speed = speed
        self._faults = faults
        self._hears = hears
        self._engines: dict[Side, SpandspEngine] = {}
        self._steps = 0
        self._hung_up = Event()
        self._started = False
        self._page = 0
        self._page_middle = math.inf

    @property
    def line_seconds(self) -> float:
        """The line time that has passed, in seconds."""
        return self._steps * STEP_SECONDS

    def hang_up(self, side: Side = "caller") -> None:
        """End the call: each end that has not reached phase E reaches it with code 49.

        Returns at once; `run` calls the observer within a step. Does nothing on a line that has
        ended. As in FreeSWITCH, T.30 does not depend on which ``side`` hung up.
        """
        if not self._hung_up.is_set():
            _log.debug("line_hung_up", side=side, line_seconds=self.line_seconds)
            self._hung_up.set()

    def run(self) -> None:
        """Run the call until both ends have reached phase E; yields to the hub often.

        A line is for one call and cannot be run again.

        Raises:
            SpandspMissing: libspandsp2 is not installed.
            SoftswitchError: the line was run before, or a path is too long for SpanDSP.
        """
        if self._started:
            raise SoftswitchError("this line has had its call; make a new Line")
        self._started = True
        with ExitStack() as stack:
            step = self._connect(stack)
            self._run_steps(step)

    def _connect(self, stack: ExitStack) -> Callable[[], None]:
        """Create the engines and return the function that advances them by 20 ms."""
        if self._t38 and self._called is not None:
            near = T38Engine(self._caller, calling=True)
            self._add("caller", near, stack)
            far = T38Engine(self._called, calling=False)
            self._add("called", far, stack)
            return self._t38_step(near, far)
        phone = AudioEngine(self._caller, calling=True)
        self._add("caller", phone, stack)
        if self._called is not None:
            other = AudioEngine(self._called, calling=False)
            self._add("called", other, stack)
            return _audio_step(phone, other)
        return _one_sided_step(phone, _speech() if self._hears == "voice" else _silence())

    def _add(self, side: Side, engine: SpandspEngine, stack: ExitStack) -> None:
        self._engines[side] = engine
        stack.callback(self._engines.clear)
        stack.callback(engine.close)

    def _run_steps(self, step: Callable[[], None]) -> None:
        started = sliced = time.monotonic()
        hang_up_at = math.inf
        while True:
            if self._hung_up.is_set() or self.line_seconds >= hang_up_at:
                self._terminate()
                return
            step()
            self._steps += 1
            if self._notify_observer():
                hang_up_at = min(hang_up_at, self.line_seconds + _MAX_PHASE_E_GAP)
                if all(engine.finished for engine in self._engines.values()):
                    self._hung_up.set()
                    return
            if self._page_fault():
                continue
            now = time.monotonic()
            ahead = started + self.line_seconds / self._speed - now if self._speed else 0.0
            if ahead > _AHEAD:
                self._hung_up.wait(ahead)
                sliced = time.monotonic()
            elif now - sliced > _SLICE:
                gevent.sleep(0)
                sliced = time.monotonic()

    def _terminate(self) -> None:
        self._hung_up.set()
        for engine in self._engines.values():
            engine.terminate()
        self._notify_observer()

    def _notify_observer(self) -> bool:
        """Pass the engines' notices to the observer; return whether one was of phase E."""
        ended = False
        for side, engine in self._engines.items():
            while engine.notices:
                notice = engine.notices.popleft()
                stats, ident = notice.stats, notice.remote_ident
                if notice.phase == "b":
                    self._observer.phase_b(side, stats, ident)
                elif notice.phase == "d":
                    self._observer.phase_d(side, stats, ident)
                else:
                    ended = True
                    text = spandsp.completion_text(notice.code)
                    self._observer.phase_e(side, notice.code, text, stats, ident)
        return ended

    def _page_fault(self) -> bool:
        """Drop or stall the line in the middle of the page of its fault; return whether it did."""
        faults = self._faults
        if not (faults.drop_in_page or faults.stall_in_page):
            return False
        caller = self._engines["caller"]
        if caller.invited:
            caller.invited = False
            stats = caller.stats()
            if stats.pages_tx + 1 != self._page:  # in ECM a large page is confirmed in parts
                self._page = stats.pages_tx + 1
                half = stats.image_size * 8 / max(stats.bit_rate, 1) / 2
                self._page_middle = self.line_seconds + _TRAINING + half
        if self.line_seconds < self._page_middle:
            return False
        if self._page == faults.drop_in_page:
            self.hang_up("called")
        elif self._page == faults.stall_in_page:
            self._hung_up.wait()
        else:
            return False
        return True

    def _t38_step(self, caller: T38Engine, called: T38Engine) -> Callable[[], None]:
        loss = self._faults.packet_loss
        # The same packets must be lost in every run: not a cryptographic generator.
        generator = random.Random(self._faults.seed)  # noqa: S311
        sequences = [0, 0]
        ways = ((0, caller, called), (1, called, caller))

        def step() -> None:
            for way, sender, receiver in ways:
                sender.step()
                if not sender.sent:
                    continue
                packets, sender.sent = sender.sent, []
                for packet in packets:
                    if not loss or generator.random() >= loss:
                        receiver.receive(packet, sequences[way])
                    sequences[way] = (sequences[way] + 1) & 0xFFFF

        return step


def _audio_step(caller: AudioEngine, called: AudioEngine) -> Callable[[], None]:
    def step() -> None:
        caller.step()
        called.step()
        called.hear(caller.samples)
        caller.hear(called.samples)

    return step


def _one_sided_step(caller: AudioEngine, heard: list[Array[c_int16]]) -> Callable[[], None]:
    turn = 0

    def step() -> None:
        nonlocal turn
        caller.step()
        caller.hear(heard[turn])
        turn = (turn + 1) % len(heard)

    return step


def _silence() -> list[Array[c_int16]]:
    return [(c_int16 * STEP)()]


def _speech() -> list[Array[c_int16]]:
    """Return a second of a sound like a voice: a 130 Hz buzz in four syllables a second."""
    rate = spandsp.SAMPLE_RATE
    samples = array("h")
    for index in range(rate):
        at = index / rate
        buzz = sum(math.sin(2 * math.pi * 130 * k * at) / k for k in range(1, 12))
        samples.append(int(3000 * buzz * math.sin(math.pi * 4 * at) ** 2))
    return [(c_int16 * STEP)(*samples[at : at + STEP]) for at in range(0, rate, STEP)]
