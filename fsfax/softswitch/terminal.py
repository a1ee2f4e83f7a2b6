"""One fax terminal: a T.30 engine of SpanDSP behind a T.38 or an audio front end.

SpanDSP calls back from within its state machine. The callback queues a notice, statistics
included, and observers get it only when the C function has returned: they may therefore wait,
raise, or hang up, without a C frame on the stack.
"""

from __future__ import annotations

import ctypes
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fsfax.errors import SoftswitchError
from fsfax.log import get_logger
from fsfax.softswitch import spandsp

_log = get_logger(__name__)

STEP = 160
"""Samples that a line advances at a time: 20 ms."""

_MODEMS = spandsp.SUPPORT_V27TER | spandsp.SUPPORT_V29
# No T.85: many machines do not support it, and three codings with two ECM modes are enough.
_COMPRESSIONS = spandsp.SUPPORT_T4_1D | spandsp.SUPPORT_T4_2D | spandsp.SUPPORT_T6
_RESOLUTIONS = (
    spandsp.SUPPORT_STANDARD
    | spandsp.SUPPORT_FINE
    | spandsp.SUPPORT_SUPERFINE
    | spandsp.SUPPORT_R8
    | spandsp.SUPPORT_R16
    | spandsp.SUPPORT_300
    | spandsp.SUPPORT_400
)
_SIZES = (
    spandsp.SUPPORT_WIDTH_A4
    | spandsp.SUPPORT_WIDTH_B4
    | spandsp.SUPPORT_WIDTH_A3
    | spandsp.SUPPORT_UNLIMITED_LENGTH
    | spandsp.SUPPORT_LENGTH_A4
    | spandsp.SUPPORT_LENGTH_B4
    | spandsp.SUPPORT_LENGTH_LETTER
    | spandsp.SUPPORT_LENGTH_LEGAL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The settings of one end of the line, as in a channel's ``fax_*`` variables.

    ``ident`` is the station id (CSI/TSI, at most 20 bytes), ``header`` the text of the line
    printed above each page (at most 50 bytes; none if empty), ``timezone`` the POSIX zone of
    its clock. SpanDSP ignores an ident or header that is too long, and so does FreeSWITCH.
    ``tx_file`` is the TIFF to send, from ``start_page`` to ``end_page``, counted from 0, both
    included, -1 = no bound; ``rx_file`` is the file to which a received fax is written.
    ``v17`` False leaves V.29 and V.27ter: 9,600 bit/s at most instead of 14,400.
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
    """SpanDSP's ``t30_stats_t`` at one moment, as FreeSWITCH's ``fax-*`` headers need it.

    ``bit_rate`` is in bit/s, ``image_size`` in bytes on the line, resolutions are in dots per
    metre, ``width`` and ``length`` in dots, ``encoding_name`` is as FreeSWITCH writes it. The
    figures of a page are those of the page last begun or received.
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


@dataclass(frozen=True, slots=True)
class Notice:
    """What an engine reported in a callback; ``code`` is set in phase E only."""

    phase: Literal["b", "d", "e"]
    stats: Stats
    remote_ident: str
    code: int = 0


class SpandspEngine(ABC):
    """A T.30 engine of SpanDSP; the subclasses add the front end, T.38 or audio.

    Raises:
        SpandspMissing: libspandsp2 is not installed.
        SoftswitchError: a path is too long for SpanDSP.
    """

    def __init__(self, terminal: Terminal, *, calling: bool) -> None:
        self._lib = spandsp.load()
        self.notices: deque[Notice] = deque()
        self.finished = False
        self.invited = False
        """The far end has confirmed training or a page; the next page's image follows."""
        self._error: Exception | None = None
        # ctypes frees a callback without a reference, and C would call freed memory.
        self._callbacks: list[Any] = []
        for path in (terminal.tx_file, terminal.rx_file):
            if path is not None and len(os.fsencode(path)) > spandsp.MAX_PATH:
                raise SoftswitchError(
                    f"the path is longer than the {spandsp.MAX_PATH} bytes that SpanDSP accepts; "
                    f"use a shorter one: {path}"
                )
        self._state: int | None = self._open(calling)
        self._t30 = self._t30_state()
        self._configure(terminal)

    @abstractmethod
    def _open(self, calling: bool) -> int:
        """Create the front end, which contains the engine, and return its state."""

    @abstractmethod
    def _t30_state(self) -> int:
        """Return the state of the engine behind the front end."""

    @abstractmethod
    def _free(self) -> None:
        """Free the front end and the engine."""

    def stats(self) -> Stats:
        """Return the present statistics."""
        raw = spandsp.TransferStatistics()
        self._lib.t30_get_transfer_statistics(self._t30, ctypes.byref(raw))
        return Stats(
            bit_rate=raw.bit_rate,
            ecm=bool(raw.error_correcting_mode),
            pages_tx=raw.pages_tx,
            pages_rx=raw.pages_rx,
            pages_in_file=raw.pages_in_file,
            image_size=raw.image_size,
            bad_rows=raw.bad_rows,
            longest_bad_row_run=raw.longest_bad_row_run,
            x_resolution=raw.x_resolution,
            y_resolution=raw.y_resolution,
            width=raw.width,
            length=raw.length,
            encoding=raw.encoding,
            encoding_name=spandsp.ENCODING_NAMES.get(raw.encoding, ""),
        )

    def terminate(self) -> None:
        """End the call: phase E with code 49, unless this end has reached phase E already."""
        if not self.finished:
            self._lib.t30_terminate(self._t30)
            self.check()

    def check(self) -> None:
        """Raise the first error of a callback since the last check, if there was one."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Free the engine; it must not be used afterwards."""
        if self._state is not None:
            self._free()
            self._state = None

    def _configure(self, terminal: Terminal) -> None:
        lib, t30 = self._lib, self._t30
        for option, value in (
            ("t30_set_tx_ident", terminal.ident),
            ("t30_set_tx_page_header_info", terminal.header),
            ("t30_set_tx_page_header_tz", terminal.timezone),
        ):
            if value and getattr(lib, option)(t30, value.encode("utf-8", "replace")):
                _log.info("spandsp_option_refused", option=option, value=value)
        lib.t30_set_ecm_capability(t30, terminal.ecm)
        lib.t30_set_supported_modems(t30, _MODEMS | (spandsp.SUPPORT_V17 if terminal.v17 else 0))
        lib.t30_set_supported_compressions(t30, _COMPRESSIONS)
        lib.t30_set_supported_resolutions(t30, _RESOLUTIONS)
        lib.t30_set_supported_image_sizes(t30, _SIZES)
        lib.t30_set_rx_encoding(t30, spandsp.COMPRESSION_T6)
        if terminal.tx_file is not None:
            lib.t30_set_tx_file(
                t30, os.fsencode(terminal.tx_file), terminal.start_page, terminal.end_page
            )
        if terminal.rx_file is not None:
            lib.t30_set_rx_file(t30, os.fsencode(terminal.rx_file), -1)
        self._silence(lib.t30_get_logging_state(t30))
        phase_b = spandsp.PhaseHandler(self._guarded(lambda *_: self._note("b")))
        phase_d = spandsp.PhaseHandler(self._guarded(lambda *_: self._note("d")))
        phase_e = spandsp.PhaseEHandler(self._guarded(self._on_phase_e))
        frame = spandsp.FrameHandler(self._guarded(self._on_frame))
        self._callbacks += [phase_b, phase_d, phase_e, frame]
        lib.t30_set_phase_b_handler(t30, phase_b, None)
        lib.t30_set_phase_d_handler(t30, phase_d, None)
        lib.t30_set_phase_e_handler(t30, phase_e, None)
        lib.t30_set_real_time_frame_handler(t30, frame, None)

    def _silence(self, logging_state: int) -> None:
        self._lib.span_log_set_level(logging_state, 0)

    def _guarded(self, function: Callable[..., None]) -> Callable[..., int]:
        """Return a callback that stores an error for `check`: ctypes would print and ignore it."""

        def callback(*args: int) -> int:
            try:
                function(*args)
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._error = self._error or error
            return 0

        return callback

    def _note(self, phase: Literal["b", "d", "e"], code: int = 0) -> None:
        ident: bytes = self._lib.t30_get_rx_ident(self._t30) or b""
        self.notices.append(Notice(phase, self.stats(), ident.decode("utf-8", "replace"), code))

    def _on_phase_e(self, _state: int, _data: int, code: int) -> None:
        if not self.finished:
            self.finished = True
            self._note("e", code)

    def _on_frame(self, _state: int, _data: int, incoming: int, frame: int, length: int) -> None:
        if length < 3:  # noqa: PLR2004 - address, control, FCF
            return
        fcf = ctypes.string_at(frame, 3)[2] & ~spandsp.FCF_X
        if incoming and fcf in (spandsp.FCF_CFR, spandsp.FCF_MCF):
            self.invited = True
        elif not incoming and fcf == spandsp.FCF_DCN:
            self.invited = False


class T38Engine(SpandspEngine):
    """A terminal on T.38: IFP packets in both directions."""

    def _open(self, calling: bool) -> int:
        self.sent: list[bytes] = []
        """IFP packets to be passed to the far end."""
        handler = spandsp.PacketHandler(self._guarded(self._on_packet))
        self._callbacks.append(handler)
        state: int | None = self._lib.t38_terminal_init(None, calling, handler, None)
        if not state:
            raise SoftswitchError("SpanDSP cannot create a T.38 terminal; is the memory full?")
        self._core: int = self._lib.t38_terminal_get_t38_core_state(state)
        self._lib.t38_set_data_transport_protocol(self._core, spandsp.T38_UDPTL)
        self._silence(self._lib.t38_terminal_get_logging_state(state))
        self._silence(self._lib.t38_core_get_logging_state(self._core))
        return state

    def _t30_state(self) -> int:
        state: int = self._lib.t38_terminal_get_t30_state(self._state)
        return state

    def _free(self) -> None:
        self._lib.t38_terminal_free(self._state)

    def _on_packet(self, _core: int, _data: int, packet: int, length: int, _count: int) -> None:
        # Not passed to the other engine at once: its answer would be received by this one in the
        # middle of a step.
        self.sent.append(ctypes.string_at(packet, length))

    def step(self) -> None:
        """Advance the terminal by 20 ms."""
        self._lib.t38_terminal_send_timeout(self._state, STEP)
        if self._error is not None:
            self.check()

    def receive(self, packet: bytes, sequence: int) -> None:
        """Receive one IFP packet; gaps in ``sequence`` (modulo 65,536) are lost packets."""
        self._lib.t38_core_rx_ifp_packet(self._core, packet, len(packet), sequence)
        if self._error is not None:
            self.check()


class AudioEngine(SpandspEngine):
    """A terminal on an audio line: 8,000 samples a second, 16 bit, in both directions."""

    def _open(self, calling: bool) -> int:
        self.samples = (ctypes.c_int16 * STEP)()
        """The 20 ms that this end sent in the last step."""
        state: int | None = self._lib.fax_init(None, calling)
        if not state:
            raise SoftswitchError("SpanDSP cannot create a fax modem; is the memory full?")
        # Silence is sent as samples, so that the line's time advances while no modem sends.
        self._lib.fax_set_transmit_on_idle(state, 1)
        self._silence(self._lib.fax_get_logging_state(state))
        return state

    def _t30_state(self) -> int:
        state: int = self._lib.fax_get_t30_state(self._state)
        return state

    def _free(self) -> None:
        self._lib.fax_free(self._state)

    def step(self) -> None:
        """Send 20 ms into ``samples``."""
        sent = self._lib.fax_tx(self._state, self.samples, STEP)
        if sent < STEP:
            ctypes.memset(ctypes.byref(self.samples, 2 * sent), 0, 2 * (STEP - sent))
        if self._error is not None:
            self.check()

    def hear(self, samples: ctypes.Array[ctypes.c_int16]) -> None:
        """Receive 20 ms of what the far end sent."""
        self._lib.fax_rx(self._state, samples, STEP)
        if self._error is not None:
            self.check()
