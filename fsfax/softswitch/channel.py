"""One channel: its states, its variables, and the event headers made of them.

Header and variable names, their order and when each appears are those of
``switch_channel_event_set_data`` and of the recordings in ``tests/engine/captures``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import gevent.event
import gevent.queue

from fsfax.esl.wire import percent_encode
from fsfax.softswitch.causes import Q850
from fsfax.softswitch.events import Header
from fsfax.softswitch.terminal import Terminal

Direction = Literal["inbound", "outbound"]

STATE_NUMBERS = {
    "CS_NEW": 0,
    "CS_NONE": 1,
    "CS_INIT": 2,
    "CS_ROUTING": 3,
    "CS_EXECUTE": 4,
    "CS_PARK": 6,
    "CS_CONSUME_MEDIA": 7,
    "CS_HANGUP": 10,
    "CS_REPORTING": 11,
    "CS_DESTROY": 12,
}

PROFILE = "fax"
"""The one sofia profile of the stand-in."""


def _now() -> int:
    return int(time.time() * 1_000_000)


class FaxCircuit(Protocol):
    """What a fax application needs of the line of its call; `fsfax.softswitch.fax` has it."""

    def fax(self, channel: SwitchChannel, terminal: Terminal) -> str:
        """Run a fax on the channel's end of the line and return the application's response."""
        ...  # the protocol's body

    @property
    def far_end_hangs_up(self) -> bool:
        """Whether the fax failed or the far end hangs up after it, so that txfax may return."""
        ...  # the protocol's body


@dataclass(eq=False)
class SwitchChannel:
    """One leg of a call. Times are microseconds since 1970, 0 = not yet.

    peer: the other leg, if it is on this switch as well.
    circuit: the line between the two legs.
    hung_up: set when the channel was hung up.
    picked_up: set when the channel was answered.
    messages: applications that ``sendmsg`` asked for, as (name, argument).
    """

    uuid: str
    direction: Direction
    number: str
    caller_number: str
    caller_name: str
    session_id: int
    gateway: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    state: str = "CS_INIT"
    callstate: str = "DOWN"
    answer_state: str = "ringing"
    created: int = field(default_factory=_now)
    progress: int = 0
    answered: int = 0
    ended: int = 0
    cause: str = ""
    dialplan: bool = False
    flipped: bool = False
    reading: str = ""
    application: str = ""
    argument: str = ""
    peer: SwitchChannel | None = None
    circuit: FaxCircuit | None = None
    hung_up: gevent.event.Event = field(default_factory=gevent.event.Event)
    picked_up: gevent.event.Event = field(default_factory=gevent.event.Event)
    messages: gevent.queue.Queue[tuple[str, str]] = field(default_factory=gevent.queue.Queue)

    def __post_init__(self) -> None:
        """Set the variables that a new channel has."""
        given = dict(self.variables)
        outbound = self.direction == "outbound"
        first = {
            "direction": self.direction,
            "is_outbound": "true" if outbound else "",
            "uuid": self.uuid,
            "call_uuid": self.uuid,
            "session_id": str(self.session_id),
            "sip_gateway_name": self.gateway,
            "sip_profile_name": "gateway" if self.gateway else "",
            "sip_from_user": "" if outbound else self.caller_number,
            "sip_from_uri": "" if outbound else f"{self.caller_number}@127.0.0.1",
            "sip_from_host": "" if outbound else "127.0.0.1",
            "video_media_flow": "disabled",
            "text_media_flow": "disabled",
            "channel_name": self.name,
            "sip_destination_url": f"sip:{self.number}@127.0.0.1:5090" if outbound else "",
        }
        after = {
            "originate_early_media": "false" if outbound else "",
            "originate_endpoint": "sofia" if outbound else "",
            "audio_media_flow": "sendrecv",
            "rtp_use_codec_string": "PCMU,PCMA",
            "local_media_ip": "127.0.0.1",
            "advertised_media_ip": "127.0.0.1",
            "sip_req_uri": f"{self.number}@127.0.0.1:5090",
            "sip_to_host": "127.0.0.1:5090" if outbound else "127.0.0.1",
            "sofia_profile_name": PROFILE,
            "recovery_profile_name": PROFILE,
            "sofia_profile_url": "sip:mod_sofia@127.0.0.1:5080",
            "sip_local_network_addr": "127.0.0.1",
        }
        self.variables = {n: v for n, v in {**first, **given, **after}.items() if v}

    @property
    def name(self) -> str:
        """The channel's name, as in Channel-Name."""
        who = self.number if self.direction == "outbound" else f"{self.caller_number}@127.0.0.1"
        return f"sofia/{PROFILE}/{who}"

    @property
    def is_answered(self) -> bool:
        """Whether the channel was answered."""
        return bool(self.answered)

    @property
    def is_up(self) -> bool:
        """Whether the channel was not hung up yet."""
        return not self.cause

    def set(self, name: str, value: str) -> None:
        """Set a variable, or unset it with ""."""
        # FreeSWITCH removes and appends, which is the order in its events.
        self.variables.pop(name, None)
        if value:
            self.variables[name] = value

    def get(self, name: str) -> str:
        """Return a variable, "" if it is not set."""
        return self.variables.get(name, "")

    def is_true(self, name: str, default: bool) -> bool:
        """Return whether a variable is true, as switch_true() decides it."""
        value = self.get(name).lower()
        if not value:
            return default
        return value in ("yes", "on", "true", "t", "enabled", "active", "allow") or (
            value.isascii() and value.isdigit() and int(value[:9]) != 0
        )

    def mark_answered(self) -> None:
        """Set the states and variables of an answered channel."""
        self.answered = _now()
        self.answer_state = "answered"
        self.reading = "PCMU"
        self.picked_up.set()
        for name, value in {
            "endpoint_disposition": "ANSWER",
            "read_codec": "PCMU",
            "read_rate": "8000",
            "write_codec": "PCMU",
            "write_rate": "8000",
            "rtp_use_codec_name": "PCMU",
            "rtp_use_codec_rate": "8000",
            "rtp_use_timer_name": "soft",
            "remote_media_ip": "127.0.0.1",
        }.items():
            self.set(name, value)

    def mark_ended(self, cause: str, sip_status: int, by_far_end: bool) -> None:
        """Set cause, SIP answer (0 = none) and variables of a channel that is hung up."""
        self.cause = cause
        self.ended = _now()
        self.answer_state = "hangup"
        if self.is_answered:
            disposition = "recv_bye" if by_far_end else "send_bye"
            sip_status = 200 if by_far_end else 0
        elif sip_status:
            disposition = "recv_refuse"
        else:
            disposition = "send_cancel" if self.direction == "outbound" else "send_refuse"
        self.set("sip_hangup_disposition", disposition)
        if sip_status:
            self.set("sip_term_status", str(sip_status))
            self.set("proto_specific_hangup_cause", f"sip:{sip_status}")
            self.set("sip_term_cause", str(Q850.get(cause, 0)))
        if sip_status >= 300:  # noqa: PLR2004  # RFC 3261: 3xx to 6xx end an INVITE
            self.set("sip_invite_failure_status", str(sip_status))

    def mark_reported(self) -> None:
        """Set the variables of the call detail record."""
        created, answered, ended = self.created, self.answered, self.ended
        talk = ended - answered if answered else 0

        def stamp(at: int) -> str:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at // 1_000_000))
            return text if at else ""

        for name, value in {
            "hangup_cause": self.cause,
            "hangup_cause_q850": str(Q850.get(self.cause, 0)),
            "digits_dialed": "none",
            "start_stamp": stamp(created),
            "answer_stamp": stamp(answered),
            "end_stamp": stamp(ended),
            "start_epoch": str(created // 1_000_000),
            "start_uepoch": str(created),
            "answer_epoch": str(answered // 1_000_000),
            "answer_uepoch": str(answered),
            "progress_epoch": str(self.progress // 1_000_000),
            "progress_uepoch": str(self.progress),
            "end_epoch": str(ended // 1_000_000),
            "end_uepoch": str(ended),
            "last_app": self.application,
            "last_arg": self.argument,
            "duration": str((ended - created) // 1_000_000),
            "billsec": str(talk // 1_000_000),
            "mduration": str((ended - created) // 1_000),
            "billmsec": str(talk // 1_000),
            "uduration": str(ended - created),
            "billusec": str(talk),
        }.items():
            self.set(name, value)

    def headers(self, *, with_variables: bool = True) -> Iterator[Header]:
        """Yield the headers that every event of the channel has."""
        outbound = self.direction == "outbound"
        number, caller, caller_name = self.number, self.caller_number, self.caller_name
        if self.flipped:
            # Once an outbound channel runs an application, its far end counts as the caller
            # (channel_cid_flipped).
            cid_name, cid_number, callee_name, callee_number = number, number, "", caller
        elif outbound:
            callee_name = number if self.is_answered else "Outbound Call"
            cid_name, cid_number, callee_number = caller_name, caller, number
        else:
            cid_name, cid_number, callee_name, callee_number = (
                caller_name or caller,
                caller,
                "",
                "",
            )
        yield from (
            ("Channel-State", self.state),
            ("Channel-Call-State", self.callstate),
            ("Channel-State-Number", str(STATE_NUMBERS.get(self.state, 0))),
            ("Channel-Name", self.name),
            ("Unique-ID", self.uuid),
            ("Call-Direction", self.direction),
            ("Presence-Call-Direction", self.direction),
            ("Channel-HIT-Dialplan", "true" if self.dialplan else "false"),
            ("Channel-Call-UUID", self.uuid),
            ("Answer-State", self.answer_state),
            ("Hangup-Cause", self.cause),
        )
        if self.reading:
            rate = "128000" if self.reading == "L16" else "64000"
            yield from (
                ("Channel-Read-Codec-Name", self.reading),
                ("Channel-Read-Codec-Rate", "8000"),
                ("Channel-Read-Codec-Bit-Rate", rate),
                ("Channel-Write-Codec-Name", "PCMU"),
                ("Channel-Write-Codec-Rate", "8000"),
                ("Channel-Write-Codec-Bit-Rate", "64000"),
            )
        yield from (
            ("Caller-Direction", self.direction),
            ("Caller-Logical-Direction", self.direction),
            ("Caller-Username", "" if outbound else caller),
            ("Caller-Dialplan", "" if outbound else "XML"),
            ("Caller-Caller-ID-Name", cid_name),
            ("Caller-Caller-ID-Number", cid_number),
            ("Caller-Orig-Caller-ID-Name", caller_name),
            ("Caller-Orig-Caller-ID-Number", caller),
            ("Caller-Callee-ID-Name", callee_name),
            ("Caller-Callee-ID-Number", callee_number),
            ("Caller-Network-Addr", "127.0.0.1" if self._far_end_answered_sip else ""),
            ("Caller-ANI", caller),
            ("Caller-Destination-Number", number),
            ("Caller-Unique-ID", self.uuid),
            ("Caller-Source", "src/switch_ivr_originate.c" if outbound else "mod_sofia"),
            ("Caller-Context", "default" if outbound else "public"),
            ("Caller-Channel-Name", self.name),
            ("Caller-Profile-Index", "1"),
            ("Caller-Profile-Created-Time", str(self.created)),
            ("Caller-Channel-Created-Time", str(self.created)),
            ("Caller-Channel-Answered-Time", str(self.answered)),
            ("Caller-Channel-Progress-Time", str(self.progress)),
            ("Caller-Channel-Progress-Media-Time", "0"),
            ("Caller-Channel-Hangup-Time", str(self.ended)),
            ("Caller-Channel-Transfer-Time", "0"),
            ("Caller-Channel-Resurrect-Time", "0"),
            ("Caller-Channel-Bridged-Time", "0"),
            ("Caller-Channel-Last-Hold", "0"),
            ("Caller-Channel-Hold-Accum", "0"),
            ("Caller-Screen-Bit", "true"),
            ("Caller-Privacy-Hide-Name", "false"),
            ("Caller-Privacy-Hide-Number", "false"),
        )
        if with_variables:
            for name, value in list(self.variables.items()):
                yield (f"variable_{name}", value)

    @property
    def _far_end_answered_sip(self) -> bool:
        """Whether the far end has sent a SIP message."""
        return bool(
            self.direction == "inbound"
            or self.progress
            or self.answered
            or self.get("sip_term_status")
        )

    def row(self, switchname: str) -> dict[str, str]:
        """Return the channel's row of ``show channels``."""
        created = self.created // 1_000_000
        reading = self.reading
        return {
            "uuid": self.uuid,
            "direction": self.direction,
            "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
            "created_epoch": str(created),
            "name": self.name,
            "state": self.state,
            "cid_name": self.number if self.flipped else self.caller_name or self.caller_number,
            "cid_num": self.number if self.flipped else self.caller_number,
            "ip_addr": "" if self.direction == "outbound" else "127.0.0.1",
            "dest": self.number,
            "application": self.application,
            "application_data": self.argument,
            "dialplan": "" if self.direction == "outbound" else "XML",
            "context": "default" if self.direction == "outbound" else "public",
            "read_codec": reading,
            "read_rate": "8000" if reading else "",
            "read_bit_rate": ("128000" if reading == "L16" else "64000") if reading else "",
            "write_codec": "PCMU" if reading else "",
            "write_rate": "8000" if reading else "",
            "write_bit_rate": "64000" if reading else "",
            "secure": "",
            "hostname": switchname,
            "presence_id": "",
            "presence_data": "",
            "accountcode": "",
            "callstate": self.callstate,
            "callee_name": "",
            "callee_num": self.caller_number if self.flipped else "",
            "callee_direction": "RECV" if self.flipped else "",
            "call_uuid": self.uuid if self.direction == "outbound" else "",
            "sent_callee_name": "",
            "sent_callee_num": "",
            "initial_cid_name": self.caller_name,
            "initial_cid_num": self.caller_number,
            "initial_ip_addr": "",
            "initial_dest": self.number,
            "initial_dialplan": "",
            "initial_context": "default" if self.direction == "outbound" else "public",
        }

    def dump(self, prefix: list[Header]) -> str:
        """Return the answer of ``uuid_dump``: the headers of an event, percent-encoded."""
        lines = [(n, v) for n, v in (*prefix, *self.headers()) if v]
        return "".join(f"{name}: {percent_encode(value)}\n" for name, value in lines)
