"""A telephone line with a fax machine at both ends, or at one.

Both ends are SpanDSP's own T.30 engines, back to back in this process: every negotiation,
training and page confirmation really takes place. Only the network between them is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Faults", "Hears", "Line", "Observer", "Side", "Stats", "Terminal"]

Side = Literal["caller", "called"]
Hears = Literal["fax", "voice", "silence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """One end of the line: what a channel's ``fax_*`` variables say.

    ``ident`` is the station id (CSI/TSI, at most 20 characters), ``header`` the text of the
    line printed above each page (at most 50), ``timezone`` the POSIX zone of its clock.
    ``tx_file`` is the TIFF to send, from ``start_page`` to ``end_page`` in SpanDSP's counting
    (from 0, both included, -1 = no bound); ``rx_file`` is where a received fax goes.
    """

    ident: str = ""
    header: str = ""
    timezone: str = ""
    ecm: bool = True
    v17: bool = True
    tx_file: Path | None = None
    start_page: int = -1
    end_page: int = -1
    rx_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """SpanDSP's ``t30_stats_t`` at one moment, as ``fax-*`` headers need it.

    ``bit_rate`` in bit/s, ``image_size`` in bytes on the line, resolutions in dots per metre,
    ``width`` and ``length`` in dots, ``encoding_name`` as FreeSWITCH writes it.
    """

    bit_rate: int = 0
    ecm: bool = False
    pages_tx: int = 0
    pages_rx: int = 0
    pages_in_file: int = 0
    image_size: int = 0
    bad_rows: int = 0
    longest_bad_row_run: int = 0
    x_resolution: int = 0
    y_resolution: int = 0
    width: int = 0
    length: int = 0
    encoding: int = 0
    encoding_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong on the line.

    ``packet_loss`` is the share (0 to 1) of T.38 packets that get lost, drawn from a generator
    seeded with ``seed``; ``drop_in_page`` n: the called side hangs up in the middle of page n;
    ``stall_in_page`` n: nothing moves any more from there on. Pages from 1; 0 = never.
    """

    packet_loss: float = 0.0
    seed: int = 1
    drop_in_page: int = 0
    stall_in_page: int = 0


class Observer(Protocol):
    """Told what each end goes through. Called in the greenlet of `Line.run`; it may wait."""

    def phase_b(self, side: Side, stats: Stats, remote_ident: str) -> None:
        """Capabilities are agreed on; may come more than once."""
        ...  # the protocol's body

    def phase_d(self, side: Side, stats: Stats, remote_ident: str) -> None:
        """A page was confirmed."""
        ...  # the protocol's body

    def phase_e(self, side: Side, code: int, text: str, stats: Stats, remote_ident: str) -> None:
        """The fax is over for this end, once: SpanDSP's completion code and its words."""
        ...  # the protocol's body


class Line:
    """A call between two fax terminals, or between one and somebody who is none.

    ``speed`` 1 = line time, N = N times faster, 0 = as fast as possible. ``called`` None with
    ``hears`` voice or silence: nobody faxes back, T.30's T0 runs out after 60 s of line time.
    """

    def __init__(
        self,
        caller: Terminal,
        called: Terminal | None,
        observer: Observer,
        *,
        t38: bool = True,
        speed: float = 0.0,
        faults: Faults = Faults(),  # noqa: B008 - frozen
        hears: Hears = "fax",
    ) -> None:
        self._ends = caller, called
        self._observer = observer
        self._t38, self._speed, self._faults, self._hears = t38, speed, faults, hears

    def run(self) -> None:
        """Carry the call until both ends have reached phase E; yields to the hub often."""

    def hang_up(self, side: Side = "caller") -> None:
        """End the call: each end that is not done yet reaches phase E with code 49."""

    @property
    def line_seconds(self) -> float:
        """How much line time has passed."""
        return 0.0
