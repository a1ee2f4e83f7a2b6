"""`Softswitch`, the stand-in as one object, which fsfax uses like a node of FreeSWITCH."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import gevent
from pydantic import SecretStr

from fsfax.errors import SoftswitchError
from fsfax.log import get_logger
from fsfax.settings import GatewaySettings, NodeSettings
from fsfax.softswitch import calls, commands
from fsfax.softswitch.causes import cause_named
from fsfax.softswitch.core import CallRecord, Core
from fsfax.softswitch.events import SwitchEvent
from fsfax.softswitch.fax import problem
from fsfax.softswitch.server import EslServer

_log = get_logger(__name__)

GATEWAY = "softswitch"
DOWN = "down"


class Softswitch:
    """A stand-in for FreeSWITCH on loopback.

    It runs in the hub of the thread that starts it, like any gevent server; `fsfax.testing` has
    one that runs in its own thread.

    Args:
        port: port of the event socket; 0 chooses a free one, see `port`.
        password: password of the event socket.
        speed: 1 = faxes take as long as on a telephone line, N = N times faster, 0 = as fast as
            the machine can, with other waits (ringing, timeouts) a hundredth of their length.
        root: folder whose ``in`` holds received faxes, and which stores the call log and ``db``;
            a temporary one, removed by `stop` and without the latter two, if none is given.
        host: address to listen on.
        gateways: names of the sofia gateways that are up; there is one more, named "down", which
            is down.
        name: the switch's name, and the node's in `node_settings`.
    """

    def __init__(
        self,
        port: int = 0,
        password: str = "ClueCon",  # noqa: S107  # FreeSWITCH's default
        speed: float = 0.0,
        root: Path | str | None = None,
        *,
        host: str = "127.0.0.1",
        gateways: Iterable[str] = (GATEWAY,),
        name: str = "softswitch",
    ) -> None:
        if speed < 0:
            raise SoftswitchError(
                f"the speed {speed} is negative: choose 1 for line time, or 0 for the fastest"
            )
        self._temporary = tempfile.TemporaryDirectory(prefix="fsfax-") if root is None else None
        self.root = Path(self._temporary.name if self._temporary else str(root)).absolute()
        self._name = name
        self._server = EslServer(self, host, port, password)
        self._core = Core(
            self.root,
            switchname=name,
            gateways=gateways,
            down=[DOWN],
            speed=speed,
            publish=self._server.publish,
            durable=root is not None,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Open the event socket.

        Raises:
            SoftswitchError: the port is in use or the folder cannot be made.
        """
        try:
            (self.root / "in").mkdir(parents=True, exist_ok=True)
            self._server.start()
        except OSError as error:
            raise SoftswitchError(
                f"the softswitch cannot start on {self._server.host}:{self._server.port} with"
                f" {self.root}: {error}; give it another port (0 chooses a free one) or folder"
            ) from error
        if reason := problem():
            _log.warning("softswitch_cannot_fax", reason=reason)

    def stop(self) -> None:
        """End all calls and close the event socket."""
        self._core.reset()
        self._server.stop()
        if self._temporary:
            self._temporary.cleanup()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the event socket."""
        return self._server.host, self._server.port

    @property
    def port(self) -> int:
        """The port of the event socket."""
        return self._server.port

    @property
    def calls(self) -> list[CallRecord]:
        """The call log, oldest first."""
        return self._core.calls

    def node_settings(self) -> NodeSettings:
        """Return the settings of a node for this switch; paths are the same on both sides."""
        return NodeSettings(
            name=self._name,
            host=self._server.host,
            port=self.port,
            password=SecretStr(self._server.password),
            gateways=tuple(GatewaySettings(name=name) for name in sorted(self._core.gateways)),
        )

    def call_in(
        self,
        number: str,
        tiff: Path | str,
        caller_number: str = "+15550190",
        caller_name: str = "",
        ident: str = "+1 555 0190",
    ) -> CallRecord:
        """Call ``number`` here from a fax outside that sends ``tiff``; magic numbers apply.

        Return the call's record at once; its ``ended`` is set when the call is over (see
        `wait_idle`).
        """
        return calls.call_in(
            self._core,
            number,
            Path(tiff),
            caller_number=caller_number,
            caller_name=caller_name,
            ident=ident,
        )

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait until no channel is up.

        Raises:
            SoftswitchError: a channel is still up after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while self._core.channels or any(call.ended is None for call in self._core.calls):
            if time.monotonic() > deadline:
                names = ", ".join(self._core.channels)
                raise SoftswitchError(f"channels are still up after {timeout:g} s: {names}")
            gevent.sleep(0.005)

    # --- faults for tests -----------------------------------------------------------------

    def drop_connections(self) -> None:
        """Close every event socket connection without a notice; calls go on."""
        self._server.drop_connections()

    def stall(self, seconds: float) -> None:
        """Send nothing on the event socket for so many seconds; calls go on."""
        self._server.stall(seconds)

    def lose_events(self, count: int) -> None:
        """Drop the next ``count`` events that a listener would get."""
        self._server.lose_events(count)

    def restart(self) -> None:
        """Behave as FreeSWITCH does in a crash and restart.

        All channels end without an event, connections are closed, ``hash`` is emptied; ``db``
        and received files remain. The port stays the same.
        """
        self._core.reset()
        self._server.stop()
        self._server.start()

    # --- called by the event socket -------------------------------------------------------

    def api(self, command: str, arg: str) -> str:
        """Run an API command and return FreeSWITCH's answer; `originate` waits."""
        return commands.run(self._core, command, arg)

    def background_done(self, job_id: str, command: str, arg: str, reply: str) -> None:
        """Fire BACKGROUND_JOB."""
        self._core.fire_job(job_id, command, arg, reply)

    def send_message(self, call_id: str, headers: dict[str, str], body: bytes) -> bool:
        """Carry out ``sendmsg``; return False if there is no such channel."""
        channel = self._core.channels.get(call_id)
        if channel is None:
            return False
        match headers.get("call-command", "").lower():
            case "execute":
                data = headers.get("execute-app-arg", "") or body.decode("utf-8", "replace")
                channel.messages.put((headers.get("execute-app-name", ""), data.strip("\r\n")))
            case "hangup":
                self._core.hang_up(channel, cause_named(headers.get("hangup-cause", "")))
        return True

    def heartbeat(self) -> SwitchEvent:
        """Return a HEARTBEAT event."""
        core = self._core
        up = time.time() - core.started
        return core.events.make(
            "HEARTBEAT",
            rest=[
                ("Event-Info", "System Ready"),
                ("Up-Time", f"0 years, 0 days, 0 hours, 0 minutes, {int(up)} seconds"),
                ("FreeSWITCH-Version", commands.VERSION),
                ("Uptime-msec", str(int(up * 1000))),
                ("Session-Count", str(len(core.channels))),
                ("Max-Sessions", "1000"),
                ("Session-Per-Sec", "100"),
                ("Session-Since-Startup", str(core.sessions)),
                ("Session-Peak-Max", str(core.peak)),
                ("Heartbeat-Interval", "20"),
                ("Idle-CPU", "99.000000"),
            ],
        )
