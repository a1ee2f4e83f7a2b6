"""The fax of a call: the fax applications of two channels on a `Line`, its phases as events.

Events, headers and variables are those of ``mod_spandsp_fax.c`` (phase_b_handler,
phase_d_handler, phase_e_handler).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import gevent
import gevent.event

from fsfax.errors import SoftswitchError, SpandspMissing
from fsfax.log import get_logger
from fsfax.softswitch import spandsp
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.core import CallRecord, Core
from fsfax.softswitch.events import Header
from fsfax.softswitch.line import Faults, Line, Side, Stats, Terminal
from fsfax.softswitch.numbers import Behaviour

_log = get_logger(__name__)

DEFAULT_IDENT = "SpanDSP Fax Ident"
DEFAULT_HEADER = "SpanDSP Fax Header"
CALLED_IDENT = "fsfax softswitch"
"""Station id of the faxes that answer here."""

T0 = 60.0
"""Seconds that a fax waits for a fax at the far end (T.30 5.4.3.1)."""

_MIN_T0 = 10.0
"""Real seconds of T0 at any speed: on a busy machine the other leg may come late."""
_OUTSIDE_HANGUP = 1.0
"""Seconds of the line from the end of the fax until a machine outside hangs up."""

CALL_DROPPED = 49
_CALL_DROPPED_TEXT = "The call dropped prematurely"
_T0_EXPIRED = 2
_T0_EXPIRED_TEXT = "Timed out waiting for initial communication"
_CANNOT_INITIALIZE = "Cannot initialize Fax engine"
_MAX_IDENT = 20
_MAX_HEADER = 50


def problem() -> str:
    """Return why no fax can be sent here, "" if faxes can be sent."""
    try:
        spandsp.load()
    except SpandspMissing as error:
        return str(error)
    return ""


def decoded(value: str) -> str:
    """Return a URL-decoded variable up to the first NUL, as mod_spandsp's C string holds it."""
    return unquote(value, errors="replace").partition("\0")[0]


def terminal(
    channel: SwitchChannel, *, sends: Path | None = None, stores: Path | None = None
) -> Terminal:
    """Return the fax terminal that a channel's variables describe."""

    def page(name: str) -> int:
        text = channel.get(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1  # noqa: PLR2004

    default_ident = CALLED_IDENT if stores else DEFAULT_IDENT
    return Terminal(
        ident=decoded(channel.get("fax_ident") or default_ident)[:_MAX_IDENT],
        header=decoded(channel.get("fax_header") or DEFAULT_HEADER)[:_MAX_HEADER],
        timezone=decoded(channel.get("fax_timezone")),
        ecm=channel.is_true("fax_use_ecm", True),
        v17=not channel.is_true("fax_disable_v17", False),
        tx_file=sends,
        start_page=page("fax_start_page") if sends else -1,
        end_page=page("fax_end_page") if sends else -1,
        rx_file=stores,
    )


@dataclass(slots=True)
class _Result:
    code: int
    text: str
    stats: Stats
    remote_ident: str


@dataclass(slots=True)
class _End:
    """One end of the line: its channel (None outside), and its terminal once it runs a fax."""

    channel: SwitchChannel | None
    terminal: Terminal | None = None
    result: _Result | None = None
    over: gevent.event.Event = field(default_factory=gevent.event.Event)
    response: str = ""


class Circuit:
    """The line of one call; a fax begins when both ends run a fax application."""

    def __init__(
        self,
        core: Core,
        behaviour: Behaviour,
        record: CallRecord,
        caller: SwitchChannel | Terminal,
        called: SwitchChannel | None,
    ) -> None:
        self.record = record
        self._core = core
        self._behaviour = behaviour
        outside = isinstance(caller, Terminal)
        self._ends: dict[Side, _End] = {
            "caller": _End(None, caller) if isinstance(caller, Terminal) else _End(caller),
            "called": _End(called),
        }
        self._outside = outside
        self._line: Line | None = None
        self._started = gevent.event.Event()

    def side(self, channel: SwitchChannel) -> Side:
        """Return which end of the line the channel is."""
        return "called" if self._ends["called"].channel is channel else "caller"

    def fax(self, channel: SwitchChannel, terminal: Terminal) -> str:
        """Run a fax on one end, and return the application's response when it is over.

        Waits for the other end as long as T.30 has a fax wait (T0).
        """
        side = self.side(channel)
        end = self._ends[side]
        end.terminal, end.result, end.response = terminal, None, ""
        end.over.clear()
        for name, value in {
            "fax_v17_disabled": "0" if terminal.v17 else "1",
            "fax_ecm_requested": "1" if terminal.ecm else "0",
            "fax_filename": str(terminal.tx_file or terminal.rx_file),
        }.items():
            channel.set(name, value)
        self._start_if_ready()
        # The client that takes over a parked call needs real seconds, however fast the line is.
        parked = self._behaviour.party == "parked"
        timeout = T0 if parked else max(self._core.pace(T0), _MIN_T0)
        first = gevent.wait([self._started, channel.hung_up], timeout=timeout, count=1)
        if not self._started.is_set():
            dropped = bool(first)
            self._report(
                side,
                _Result(
                    CALL_DROPPED if dropped else _T0_EXPIRED,
                    _CALL_DROPPED_TEXT if dropped else _T0_EXPIRED_TEXT,
                    Stats(bit_rate=14400),
                    "",
                ),
            )
            return ""
        gevent.wait([end.over, channel.hung_up], count=1)
        if not end.over.is_set() and self._line:
            self._line.hang_up(side)
            end.over.wait()
        return end.response

    # --- Observer of the line -------------------------------------------------------------

    def phase_b(self, side: Side, stats: Stats, remote_ident: str) -> None:
        """Fire the event of what was negotiated."""
        channel = self._ends[side].channel
        if channel is None:
            return
        fields = [
            ("fax-transfer-rate", str(stats.bit_rate)),
            ("fax-ecm-used", _on(stats.ecm)),
            ("fax-t38-status", self._t38_status(side)),
            ("fax-local-station-id", self._ident(side)),
            ("fax-remote-station-id", remote_ident),
        ]
        if side == "caller":
            fields.append(("fax-document-total-pages", "0"))  # as FreeSWITCH does
        self._fire(side, channel, "negociate", [("uuid", channel.uuid), *fields])

    def phase_d(self, side: Side, stats: Stats, remote_ident: str) -> None:  # noqa: ARG002
        """Fire the event of a confirmed page."""
        pages = stats.pages_tx if side == "caller" else stats.pages_rx
        if side == "caller" or self._outside:
            self.record.pages = max(self.record.pages, pages)
        channel = self._ends[side].channel
        if channel is None:
            return
        resolution = f"{stats.x_resolution}x{stats.y_resolution}"
        size = f"{stats.width}x{stats.length}"
        fields = [("uuid", channel.uuid), ("fax-document-transferred-pages", str(pages))]
        if side == "caller":
            fields.append(("fax-document-total-pages", str(stats.pages_in_file)))
        fields += [
            ("fax-image-resolution", resolution),
            ("fax-file-image-resolution", resolution),
            ("fax-image-size", str(stats.image_size)),
            ("fax-image-pixel-size", size),
            ("fax-file-image-pixel-size", size),
            ("fax-bad-rows", str(stats.bad_rows)),
            ("fax-longest-bad-row-run", str(stats.longest_bad_row_run)),
            ("fax-encoding", str(stats.encoding)),
            ("fax-encoding-name", stats.encoding_name),
        ]
        self._fire(side, channel, "page", fields)

    def phase_e(self, side: Side, code: int, text: str, stats: Stats, remote_ident: str) -> None:
        """Store one end's result; its event is fired when the line has both."""
        self._ends[side].result = _Result(code, text, stats, remote_ident)

    # --- inside ---------------------------------------------------------------------------

    def _start_if_ready(self) -> None:
        """Start the line if both ends have a terminal, or the called one will never have one."""
        caller, called = self._ends["caller"], self._ends["called"]
        alone = self._behaviour.party in ("voice", "silence")
        if caller.terminal is None or self._started.is_set():
            return
        if called.terminal is None and not alone:
            return
        self._started.set()
        gevent.spawn(self._run, caller.terminal, called.terminal)

    def _run(self, caller: Terminal, called: Terminal | None) -> None:
        party = self._behaviour.party
        try:
            self._line = Line(
                caller,
                called,
                self,
                t38=self._is_t38,
                speed=self._core.speed,
                faults=Faults(
                    packet_loss=self._behaviour.packet_loss,
                    drop_in_page=self._behaviour.drop_in_page,
                    stall_in_page=self._behaviour.stall_in_page,
                ),
                hears=party if party in ("voice", "silence") else "fax",
            )
            if any(end.channel and not end.channel.is_up for end in self._ends.values()):
                self._line.hang_up("caller")
            self._line.run()
        except SoftswitchError as error:
            _log.error("fax_impossible", call=self.record.uuid, reason=str(error))
            self.record.reason = str(error)
            for end in self._ends.values():
                end.response = _CANNOT_INITIALIZE
                if isinstance(error, SpandspMissing) and end.channel:
                    self._core.hang_up(end.channel, "NORMAL_TEMPORARY_FAILURE")
                end.over.set()
            return
        self._report_results()

    def _report_results(self) -> None:
        """Report both results in the order of real calls.

        The called side is first. Where its dialplan hangs up, the caller's channel is hung up
        before the caller's result is reported.
        """
        caller, called = self._ends["caller"], self._ends["called"]
        result = called.result
        if result and called.channel:
            if result.code == CALL_DROPPED and self._behaviour.drop_in_page:
                self._core.hang_up(called.channel)
            self._report("called", result)
            if caller.channel and result.code == 0 and self._hangs_up:
                caller.channel.hung_up.wait()
        if caller.result:
            self._report("caller", caller.result)
        for end in (called, caller):
            end.over.set()
        if self._outside and called.channel and not self._behaviour.lingers:
            delay = self._core.pace(_OUTSIDE_HANGUP)
            gevent.spawn_later(delay, self._hang_up_outside, called.channel)

    def _hang_up_outside(self, channel: SwitchChannel) -> None:
        """Hang up as the fax outside; does nothing if the dialplan here has hung up already."""
        self._core.hang_up(channel, by_far_end=True)

    @property
    def far_end_hangs_up(self) -> bool:
        """Whether the caller's txfax may return: the fax failed, or the far end will hang up."""
        result = self._ends["caller"].result
        return result is None or result.code != 0 or self._hangs_up

    @property
    def _hangs_up(self) -> bool:
        """Whether the called side's dialplan hangs up after the fax."""
        return self._behaviour.party == "fax" and not self._behaviour.lingers

    def _report(self, side: Side, result: _Result) -> None:
        """Log one end's result, set its variables, fire its event and run its hook."""
        end = self._ends[side]
        stats = result.stats
        pages = stats.pages_tx if side == "caller" else stats.pages_rx
        if side == "caller":
            self.record.code, self.record.reason = result.code, result.text
            self.record.pages = pages
        elif end.terminal and end.terminal.rx_file and end.terminal.rx_file.is_file():
            self.record.file = end.terminal.rx_file
        channel = end.channel
        if channel:
            success = result.code == 0
            channel.set("fax_success", "1" if success else "0")
            total = stats.pages_in_file if side == "caller" else stats.pages_rx
            fields = [
                ("fax-result-code", str(result.code)),
                ("fax-result-text", result.text),
                ("fax-document-transferred-pages", str(pages)),
                ("fax-document-total-pages", str(total)),
                ("fax-image-resolution", f"{stats.x_resolution}x{stats.y_resolution}"),
                ("fax-image-size", str(stats.image_size) if side == "caller" else "0"),
                ("fax-bad-rows", str(stats.bad_rows)),
                ("fax-transfer-rate", str(stats.bit_rate)),
                ("fax-ecm-used", _on(stats.ecm)),
                ("fax-t38-status", self._t38_status(side)),
                ("fax-local-station-id", self._ident(side)),
                ("fax-remote-station-id", result.remote_ident),
            ]
            fields.insert(0, ("fax-success", "1" if success else "0"))
            self._fire(side, channel, "", fields)
            self._core.run_hook(channel, "api_on_fax_success" if success else "api_on_fax_failure")
        self._core.log(self.record)
        end.over.set()

    def _fire(self, side: Side, channel: SwitchChannel, step: str, fields: list[Header]) -> None:
        """Set the channel's variables, then fire the event of a step ("" is the result)."""
        channel.reading = "L16"
        for name, value in fields:
            if name != "uuid":
                channel.set(name.replace("-", "_"), value)
        kind = "tx" if side == "caller" else "rx"
        self._core.fire(channel, "CUSTOM", subclass=f"spandsp::{kind}fax{step}result", rest=fields)

    def _ident(self, side: Side) -> str:
        end = self._ends[side]
        return end.terminal.ident if end.terminal else ""

    def _wants(self, side: Side, name: str) -> bool:
        channel = self._ends[side].channel
        return channel.is_true(name, False) if channel else True

    def _requests_t38(self, side: Side) -> bool:
        return any(
            self._wants(side, name) for name in ("fax_enable_t38_request", "fax_enable_t38_insist")
        )

    @property
    def _is_t38(self) -> bool:
        """Whether the call changes to T.38: one end requests it and both ends accept it."""
        both = self._wants("caller", "fax_enable_t38") and self._wants("called", "fax_enable_t38")
        requested = any(self._requests_t38(side) for side in self._ends)
        return self._behaviour.party in ("fax", "parked") and both and requested

    def _t38_status(self, side: Side) -> str:
        if not self._started.is_set():
            return "off"  # T.38 is requested seconds after the answer
        if self._is_t38:
            return "negotiated"
        if self._wants(side, "fax_enable_t38") and self._requests_t38(side):
            return "refused"
        return "off"


def _on(value: bool) -> str:
    return "on" if value else "off"
