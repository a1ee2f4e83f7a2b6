"""Events as FreeSWITCH makes them, with the basic headers; subscriptions and filters.

The names are those of ``switch_event.c`` (EVENT_NAMES, switch_event_prep_for_delivery); which
events a listener gets is decided as in ``mod_event_socket.c`` (event_handler).
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate

from fsfax.esl.wire import Headers, encode_event

Header = tuple[str, str]

_NAMES = """
    ADD_SCHEDULE API BACKGROUND_JOB BLIND_TRANSFER CALL_DETAIL CALL_SECURE CALL_SETUP_REQ
    CALL_SETUP_RESULT CALL_UPDATE CHANNEL_ANSWER CHANNEL_APPLICATION CHANNEL_BRIDGE
    CHANNEL_CALLSTATE CHANNEL_CREATE CHANNEL_DATA CHANNEL_DESTROY CHANNEL_EXECUTE
    CHANNEL_EXECUTE_COMPLETE CHANNEL_GLOBAL CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_HOLD
    CHANNEL_ORIGINATE CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA
    CHANNEL_STATE CHANNEL_UNBRIDGE CHANNEL_UNHOLD CHANNEL_UNPARK CHANNEL_UUID CODEC COMMAND
    CONFERENCE_DATA CUSTOM DEL_SCHEDULE DETECTED_SPEECH DETECTED_TONE DEVICE_STATE DTMF
    EXE_SCHEDULE FAILURE GENERAL HEARTBEAT LOG MAIL MEDIA_BUG_START MEDIA_BUG_STOP MESSAGE
    MESSAGE_QUERY MESSAGE_WAITING MODULE_LOAD MODULE_UNLOAD NAT NOTALK NOTIFY NOTIFY_IN
    PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE PLAYBACK_START PLAYBACK_STOP PRESENCE_IN PRESENCE_OUT
    PRESENCE_PROBE PRIVATE_COMMAND PUBLISH QUEUE_LEN RECORD_START RECORD_STOP RECV_INFO
    RECV_MESSAGE RECV_RTCP_MESSAGE RELOADXML REQUEST_PARAMS RE_SCHEDULE ROSTER SEND_INFO
    SEND_MESSAGE SESSION_CRASH SESSION_HEARTBEAT SHUTDOWN STARTUP SUBCLASS_ANY TALK TEXT TRAP
    UNPUBLISH
"""
NAMES = frozenset(_NAMES.split())
"""The event names that can be subscribed to."""

# File, function and line where FreeSWITCH 1.10.12 fires each event; consumers log them.
_CALLING: dict[str, tuple[str, str, str]] = {
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", "1572"),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", "95"),
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", "626"),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", "3846"),
    "CHANNEL_PROGRESS": (
        "switch_channel.c",
        "switch_channel_perform_mark_ring_ready_value",
        "3505",
    ),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", "1002"),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", "1140"),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", "2944"),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", "2967"),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", "3423"),
    "CHANNEL_HANGUP_COMPLETE": (
        "switch_core_state_machine.c",
        "switch_core_session_reporting_state",
        "943",
    ),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", "1584"),
    "negociate": ("mod_spandsp_fax.c", "phase_b_handler", "386"),
    "page": ("mod_spandsp_fax.c", "phase_d_handler", "521"),
    "result": ("mod_spandsp_fax.c", "phase_e_handler", "676"),
}


class EventFactory:
    """Makes the events of one switch, with its identity, the time and a sequence number."""

    def __init__(self, switchname: str) -> None:
        self.core_uuid = str(uuid.uuid4())
        self.switchname = switchname
        self._sequence = 0

    def make(
        self,
        name: str,
        *,
        subclass: str = "",
        first: Iterable[Header] = (),
        rest: Iterable[Header] = (),
        body: bytes = b"",
    ) -> SwitchEvent:
        """Return an event; the headers ``first`` and ``rest`` follow the basic ones."""
        self._sequence += 1
        now = time.time()
        calling = next(
            (c for key, c in _CALLING.items() if key == name or subclass.endswith(f"{key}result")),
            _CALLING.get("result") if subclass.endswith("result") else None,
        ) or ("switch_event.c", "switch_event_fire", "1")
        headers = [
            *([("Event-Subclass", subclass)] if subclass else []),
            ("Event-Name", name),
            ("Core-UUID", self.core_uuid),
            ("FreeSWITCH-Hostname", self.switchname),
            ("FreeSWITCH-Switchname", self.switchname),
            ("FreeSWITCH-IPv4", "127.0.0.1"),
            ("FreeSWITCH-IPv6", "::1"),
            ("Event-Date-Local", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))),
            ("Event-Date-GMT", formatdate(now, usegmt=True)),
            ("Event-Date-Timestamp", str(int(now * 1_000_000))),
            ("Event-Calling-File", calling[0]),
            ("Event-Calling-Function", calling[1]),
            ("Event-Calling-Line-Number", calling[2]),
            ("Event-Sequence", str(self._sequence)),
            *first,
            *rest,
        ]
        # FreeSWITCH omits a header without a value.
        return SwitchEvent(name, subclass, [h for h in headers if h[1]], body)


@dataclass(slots=True)
class SwitchEvent:
    """An event for the listeners."""

    name: str
    subclass: str
    headers: list[Header]
    body: bytes = b""
    _encoded: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for n, value in self.headers if n.lower() == wanted), None)

    def encode(self) -> bytes:
        """Return the event's frame, which is made once for all listeners."""
        if not self._encoded:
            self._encoded = encode_event(self.headers, self.body)
        return self._encoded


@dataclass(slots=True)
class Subscription:
    """The event names, subclasses of CUSTOM and filters that one listener subscribed to."""

    names: set[str] = field(default_factory=set)
    subclasses: set[str] = field(default_factory=set)
    filters: list[Header] = field(default_factory=list)

    def add(self, words: Iterable[str]) -> bool:
        """Subscribe to the words of ``event plain``; return False if none is a keyword.

        Every word after CUSTOM is a subclass, as in mod_event_socket.
        """
        return self._each(words, self.names.add, self.subclasses.add)

    def remove(self, words: Iterable[str]) -> bool:
        """Unsubscribe from the words of ``nixevent``; return False if none is a keyword."""
        if "ALL" in self.names:
            self.names = set(NAMES)
        return self._each(words, self.names.discard, self.subclasses.discard)

    def clear(self) -> None:
        """Remove all names and subclasses (``noevents``), but no filter."""
        self.names.clear()
        self.subclasses.clear()

    def add_filter(self, name: str, value: str) -> None:
        """Add a filter: events must match one to be sent, and none that begins with "-"."""
        self.filters.append((name, value))

    def delete_filter(self, name: str, value: str = "") -> None:
        """Remove the filters of that header (and value); all of them for ``all``."""
        self.filters = [
            (n, v)
            for n, v in self.filters
            if name != "all" and (n.lower() != name.lower() or (value and v != value))
        ]

    def wants(self, event: SwitchEvent) -> bool:
        """Return whether the listener gets this event."""
        if "ALL" not in self.names:
            if event.name not in self.names:
                return False
            if event.name == "CUSTOM" and event.subclass not in self.subclasses:
                return False
        return self._passes(event)

    def _each(
        self, words: Iterable[str], name: Callable[[str], None], subclass: Callable[[str], None]
    ) -> bool:
        known, custom = False, False
        for word in words:
            if custom:
                subclass(word)
            elif word.upper() == "ALL" or word.upper() in NAMES:
                known = True
                name(word.upper())
                custom = word.upper() == "CUSTOM"
        return known

    def _passes(self, event: SwitchEvent) -> bool:
        if not self.filters:
            return True
        passes = False
        for name, value in self.filters:
            actual = event.get(name)
            if actual is None:
                continue
            positive = not value.lstrip(" ").startswith("-")
            wanted = value.lstrip("+- ")
            if _matches(actual, wanted):
                if not positive:
                    return False
                passes = True
        return passes


def _matches(actual: str, wanted: str) -> bool:
    if wanted.startswith("/") and wanted.endswith("/") and len(wanted) > 1:
        try:
            return re.search(wanted[1:-1], actual) is not None
        except re.error:
            return False
    return actual.lower() == wanted.lower()


def decode_headers(headers: Headers) -> dict[str, str]:
    """Return a command's headers with lower-case names."""
    return {name.lower(): headers[name] for name in headers}
