"""The core of the stand-in: channels, key stores, events, and the end of a channel."""

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
from fsfax.softswitch.stores import Db, Hash

_log = get_logger(__name__)

CALL_STATE_NUMBERS = {"DOWN": "0", "RINGING": "2", "ACTIVE": "4", "HANGUP": "7"}
"""``switch_channel_callstate_t``."""

HURRY = 100.0
"""How many times faster than the clock waits run at speed 0, where faxes run without any."""


@dataclass(slots=True)
class CallRecord:
    """One line of the call log. Times are seconds since 1970, None = it did not happen.

    uuid: of the leg that FreeSWITCH's client dialled; for a call from outside, of the inbound
        leg. called_uuid: the receiving leg, "" if the call did not get that far.
    code: SpanDSP's result code on the sending side, None if phase E was not reached.
    file: what the receiving side stored, None if nothing.
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
    """What every part of the switch shares.

    Args:
        root: folder for received files (``in``).
        keeps: what outlives FreeSWITCH outlives this process, too: ``db.json`` in ``root``, and
            ``calls.jsonl``, a line for each change of a `CallRecord`.
        switchname: as in FreeSWITCH-Switchname.
        gateways: names of the gateways that are up; ``down`` those that are not.
        speed: times line time; 0 = as fast as the machine can.
        publish: gives an event to the listeners.
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
        keeps: bool = False,
    ) -> None:
        self.root = root
        self._log_file = root / "calls.jsonl" if keeps else None
        self.switchname = switchname
        self.gateways = frozenset(gateways)
        self.down = frozenset(down)
        self.speed = speed
        self.db = Db(root / "db.json" if keeps else None)
        self.hash = Hash()
        self.calls: list[CallRecord] = []
        self.globals: dict[str, str] = {}
        self.channels: dict[str, SwitchChannel] = {}
        self._publish = publish
        self.reset()

    def reset(self) -> None:
        """Begin anew, as after a restart: no channels, an empty ``hash``, another core id."""
        self.hash.clear()
        old, self.channels = list(self.channels.values()), {}
        for channel in old:
            # No longer in the table, hence without an event.
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
        """Return how long a wait of the line's clock takes here."""
        return seconds / (self.speed or HURRY)

    def begin(self, record: CallRecord) -> None:
        """Put a call into the log."""
        self.calls.append(record)
        self.log(record)

    def end(self, record: CallRecord, cause: str) -> None:
        """Note that a call is over."""
        record.cause, record.ended = cause, time.time()
        self.log(record)

    def log(self, record: CallRecord) -> None:
        """Write down what is known of a call by now, if the log is kept."""
        if self._log_file:
            line = json.dumps(asdict(record), default=str)
            with self._log_file.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def next_session(self) -> int:
        """Return the number of the next channel since the start."""
        self.sessions += 1
        return self.sessions

    def add(self, channel: SwitchChannel) -> None:
        """Take a channel into the table and tell its first states."""
        self.channels[channel.uuid] = channel
        self.peak = max(self.peak, len(self.channels))
        if channel.direction == "outbound":
            channel.state = "CS_NONE"
            self.fire(channel, "CHANNEL_OUTGOING", with_variables=False)
            self.move(channel, "CS_INIT")
            self.fire(channel, "CHANNEL_CREATE")
            self.fire(channel, "CHANNEL_ORIGINATE")
            self.move(channel, "CS_ROUTING")
            self.move(channel, "CS_CONSUME_MEDIA")
        else:
            self.move(channel, "CS_NEW")
            self.move(channel, "CS_INIT")
            self.fire(channel, "CHANNEL_CREATE")

    def move(self, channel: SwitchChannel, state: str) -> None:
        """Bring a channel into another state and fire CHANNEL_STATE."""
        channel.state = state
        self.fire(channel, "CHANNEL_STATE", with_variables=False)

    def turn(self, channel: SwitchChannel, callstate: str) -> None:
        """Bring a channel into another call state and fire CHANNEL_CALLSTATE."""
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
        """Fire an event of a channel."""
        if not self.is_live(channel):
            return  # it ended in a restart, where nobody tells anything
        headers = channel.headers(with_variables=with_variables)
        event = self.events.make(name, subclass=subclass, first=first, rest=[*headers, *rest])
        self._publish(event)

    def fire_job(self, job_id: str, command: str, arg: str, reply: str) -> None:
        """Fire BACKGROUND_JOB."""
        rest = [("Job-UUID", job_id), ("Job-Command", command), ("Job-Command-Arg", arg)]
        self._publish(self.events.make("BACKGROUND_JOB", rest=rest, body=reply.encode()))

    def answer(self, channel: SwitchChannel) -> None:
        """Mark a channel answered and tell it; harmless when it was before."""
        if not channel.is_answered and channel.is_up:
            channel.mark_answered()
            self.fire(channel, "CHANNEL_ANSWER")
            self.turn(channel, "ACTIVE")
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
        """Hang a channel up: CHANNEL_HANGUP now, the rest when its application has returned."""
        if channel.is_up:
            channel.mark_ended(cause, sip_status, by_far_end)
            self.fire(channel, "CHANNEL_HANGUP", first=[("Hangup-Cause", cause)])
            channel.gone.set()
            if channel.peer:
                # BYE or CANCEL; an unanswered call ends with the refusal's cause.
                far = "NORMAL_CLEARING" if channel.is_answered else cause
                if channel.direction == "outbound" and not channel.is_answered:
                    far = "ORIGINATOR_CANCEL"
                self.hang_up(channel.peer, far, sip_status=sip_status, by_far_end=True)

    def is_live(self, channel: SwitchChannel) -> bool:
        """Whether the channel is in the table; after a restart none of the old ones is."""
        return self.channels.get(channel.uuid) is channel

    def finish(self, channel: SwitchChannel) -> None:
        """Report a hung up channel and let it go: the hook, HANGUP_COMPLETE, DESTROY."""
        if not self.is_live(channel):
            return
        self.hook(channel, "api_hangup_hook")
        if channel.reading:
            channel.reading = "PCMU"
        self.move(channel, "CS_HANGUP")
        self.turn(channel, "HANGUP")
        self.move(channel, "CS_REPORTING")
        channel.mark_reported()
        self.fire(channel, "CHANNEL_HANGUP_COMPLETE", first=[("Hangup-Cause", channel.cause)])
        self.fire(channel, "CHANNEL_DESTROY")
        self.move(channel, "CS_DESTROY")
        del self.channels[channel.uuid]

    def hook(self, channel: SwitchChannel, name: str) -> None:
        """Run the API command in a variable: ``db`` and ``hash`` are what the stand-in knows.

        A channel that a restart took away runs none: the process that would have is dead.
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
