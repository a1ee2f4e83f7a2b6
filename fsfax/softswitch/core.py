"""The core of the stand-in: channels, key stores, events, hangup and its reports."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from fsfax.log import get_logger
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.events import EventFactory, Header, SwitchEvent
from fsfax.softswitch.stores import DbStore, HashStore

_log = get_logger(__name__)

CALL_STATE_NUMBERS = {"DOWN": "0", "RINGING": "2", "ACTIVE": "4", "HANGUP": "7"}
"""``switch_channel_callstate_t``."""

WAIT_SPEED = 100.0
"""How many times shorter other waits are at speed 0, where faxes do not wait at all."""


@dataclass(slots=True)
class CallRecord:
    """One line of the call log. Times are seconds since 1970, None = it did not happen.

    uuid: of the leg that FreeSWITCH's client dialled; for a call from outside, of the inbound
        leg.
    called_uuid: of the receiving leg, "" if the call did not get that far.
    code: SpanDSP's result code on the sending side, None if phase E was not reached.
    file: the file that the receiving side stored, None if there is none.
    """

    uuid: str
    number: str
    created: float
    called_uuid: str = ""
    answered: float | None = None
    ended: float | None = None
    cause: str = ""
    pages: int = 0
    code: int | None = None
    reason: str = ""
    file: Path | None = None


class Core:
    """The state that all parts of the switch share.

    Args:
        root: folder for received files (``in``).
        durable: what survives a restart of FreeSWITCH survives this process, too: ``db.json`` in
            ``root``, and ``calls.jsonl`` with a line for each change of a `CallRecord`.
        switchname: as in FreeSWITCH-Switchname.
        gateways: names of the gateways that are up; ``down`` those that are not.
        speed: how many times faster than a real line; 0 = as fast as the machine can.
        publish: is called with each event for the listeners.
    """

    def __init__(
        self,
        root: Path,
        *,
        switchname: str,
        gateways: Iterable[str],
        down: Iterable[str],
        speed: float,
        publish: Callable[[SwitchEvent], None],
        durable: bool = False,
    ) -> None:
        self.root = root
        self._log_file = root / "calls.jsonl" if durable else None
        self.switchname = switchname
        self.gateways = frozenset(gateways)
        self.down = frozenset(down)
        self.speed = speed
        self.db = DbStore(root / "db.json" if durable else None)
        self.hash = HashStore()
        self.calls: list[CallRecord] = []
        self.globals: dict[str, str] = {}
        self.channels: dict[str, SwitchChannel] = {}
        self._publish = publish
        self.reset()

    def reset(self) -> None:
        """Set the state after a restart: no channels, an empty ``hash``, another core id."""
        self.hash.clear()
        old, self.channels = list(self.channels.values()), {}
        for channel in old:
            # It is not in the table any more, so that no event is fired.
            channel.peer = None
            self.hang_up(channel, "SYSTEM_SHUTDOWN")
        self.events = EventFactory(self.switchname)
        self.started = time.time()
        self.sessions = 0
        self.peak = 0
        self.gateway_calls = 0
        self.gateway_failures = 0
        self.globals = {
            "hostname": self.switchname,
            "switchname": self.switchname,
            "local_ip_v4": "127.0.0.1",
            "core_uuid": self.events.core_uuid,
            "base_dir": str(self.root),
            "spool_dir": str(self.root),
        }

    def pace(self, seconds: float) -> float:
        """Return the real seconds that a wait of so many seconds on the line takes here."""
        return seconds / (self.speed or WAIT_SPEED)

    def begin(self, record: CallRecord) -> None:
        """Add a call to the log."""
        self.calls.append(record)
        self.log(record)

    def end(self, record: CallRecord, cause: str) -> None:
        """Log the end of a call and its hangup cause."""
        record.cause, record.ended = cause, time.time()
        self.log(record)

    def log(self, record: CallRecord) -> None:
        """Append the present state of a call to ``calls.jsonl``, if the switch is durable."""
        if self._log_file:
            line = json.dumps(asdict(record), default=str)
            with self._log_file.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def next_session(self) -> int:
        """Return the session number of a new channel, counted since the start."""
        self.sessions += 1
        return self.sessions

    def add(self, channel: SwitchChannel) -> None:
        """Add a channel to the table and fire the events of its first states."""
        self.channels[channel.uuid] = channel
        self.peak = max(self.peak, len(self.channels))
        if channel.direction == "outbound":
            channel.state = "CS_NONE"
            self.fire(channel, "CHANNEL_OUTGOING", with_variables=False)
            self.set_state(channel, "CS_INIT")
            self.fire(channel, "CHANNEL_CREATE")
            self.fire(channel, "CHANNEL_ORIGINATE")
            self.set_state(channel, "CS_ROUTING")
            self.set_state(channel, "CS_CONSUME_MEDIA")
        else:
            self.set_state(channel, "CS_NEW")
            self.set_state(channel, "CS_INIT")
            self.fire(channel, "CHANNEL_CREATE")

    def set_state(self, channel: SwitchChannel, state: str) -> None:
        """Set a channel's state and fire CHANNEL_STATE."""
        channel.state = state
        self.fire(channel, "CHANNEL_STATE", with_variables=False)

    def set_callstate(self, channel: SwitchChannel, callstate: str) -> None:
        """Set a channel's call state and fire CHANNEL_CALLSTATE if it changed."""
        if channel.callstate == callstate:
            return
        before, channel.callstate = channel.callstate, callstate
        first = [
            ("Original-Channel-Call-State", before),
            ("Channel-Call-State-Number", CALL_STATE_NUMBERS[callstate]),
        ]
        self.fire(channel, "CHANNEL_CALLSTATE", first=first, with_variables=False)

    def fire(
        self,
        channel: SwitchChannel,
        name: str,
        *,
        subclass: str = "",
        first: Iterable[Header] = (),
        rest: Iterable[Header] = (),
        with_variables: bool = True,
    ) -> None:
        """Fire an event of a channel; ``first`` and ``rest`` go before and after its headers."""
        if not self.is_live(channel):
            return  # it ended in a restart, which fires no events
        headers = channel.headers(with_variables=with_variables)
        event = self.events.make(name, subclass=subclass, first=first, rest=[*headers, *rest])
        self._publish(event)

    def fire_job(self, job_id: str, command: str, arg: str, reply: str) -> None:
        """Fire BACKGROUND_JOB."""
        rest = [("Job-UUID", job_id), ("Job-Command", command), ("Job-Command-Arg", arg)]
        self._publish(self.events.make("BACKGROUND_JOB", rest=rest, body=reply.encode()))

    def answer(self, channel: SwitchChannel) -> None:
        """Mark a channel answered and fire the events; do nothing if it was answered before."""
        if not channel.is_answered and channel.is_up:
            channel.mark_answered()
            self.fire(channel, "CHANNEL_ANSWER")
            self.set_callstate(channel, "ACTIVE")
            if channel.peer and channel.direction == "inbound":
                self.answer(channel.peer)

    def hang_up(
        self,
        channel: SwitchChannel,
        cause: str = "NORMAL_CLEARING",
        *,
        sip_status: int = 0,
        by_far_end: bool = False,
    ) -> None:
        """Hang up a channel: CHANNEL_HANGUP now, the rest once its application has returned."""
        if channel.is_up:
            channel.mark_ended(cause, sip_status, by_far_end)
            self.fire(channel, "CHANNEL_HANGUP", first=[("Hangup-Cause", cause)])
            channel.hung_up.set()
            if channel.peer:
                # BYE or CANCEL; an unanswered call ends with the refusal's cause.
                far = "NORMAL_CLEARING" if channel.is_answered else cause
                if channel.direction == "outbound" and not channel.is_answered:
                    far = "ORIGINATOR_CANCEL"
                self.hang_up(channel.peer, far, sip_status=sip_status, by_far_end=True)

    def is_live(self, channel: SwitchChannel) -> bool:
        """Return whether the channel is in the table; after a restart no earlier channel is."""
        return self.channels.get(channel.uuid) is channel

    def finish(self, channel: SwitchChannel) -> None:
        """Report and remove a channel that was hung up: hook, HANGUP_COMPLETE, DESTROY."""
        if not self.is_live(channel):
            return
        self.run_hook(channel, "api_hangup_hook")
        if channel.reading:
            channel.reading = "PCMU"
        self.set_state(channel, "CS_HANGUP")
        self.set_callstate(channel, "HANGUP")
        self.set_state(channel, "CS_REPORTING")
        channel.mark_reported()
        self.fire(channel, "CHANNEL_HANGUP_COMPLETE", first=[("Hangup-Cause", channel.cause)])
        self.fire(channel, "CHANNEL_DESTROY")
        self.set_state(channel, "CS_DESTROY")
        del self.channels[channel.uuid]

    def run_hook(self, channel: SwitchChannel, name: str) -> None:
        """Run the API command in a variable; the stand-in knows ``db`` and ``hash``.

        The channels that a restart ended run none: the process that would do it has ended.
        """
        if not self.is_live(channel):
            return
        command, _, arg = channel.get(name).partition(" ")
        if command in ("db", "hash"):
            (self.db if command == "db" else self.hash).command(arg)
        elif command:
            _log.warning("hook_ignored", variable=name, command=command)

    def new_uuid(self) -> str:
        """Return a fresh Unique-ID."""
        return str(uuid.uuid4())
