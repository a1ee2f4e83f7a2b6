"""Inbound faxes of one node, from the first event to the stored file.

A `Receiver` follows two kinds of calls in the same way:

* the dialplan answers and runs ``rxfax``: its CHANNEL_EXECUTE shows the fax;
* the dialplan parks the call with ``fsfax_takeover=true``: the engine answers and runs ``rxfax``.
  Of several engines that listen to one FreeSWITCH one does so; a guard in FreeSWITCH decides which.

In both cases an `Admit` (see `fsfax.engine.admission`) may refuse the caller: before a parked call
is answered, or as soon as the first event of a call shows that the dialplan answered it. Of such a
call only the result is stored, no page.

A `Receiver` also finds faxes that came while no engine listened: after a start or a lost
connection it asks for calls that are up and stores finished files from the spool.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gevent
import gevent.pool
import gevent.queue

from fsfax.document import tiff_f
from fsfax.engine import marks
from fsfax.engine.admission import ACCEPT, Admission, Admit
from fsfax.engine.channel import Channel
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import (
    Created,
    EventsMissed,
    FaxStopped,
    Observation,
    observe_caller,
)
from fsfax.engine.spool import Spool
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import Call, Fate, Interruption, judge_received
from fsfax.errors import (
    CommandFailed,
    DocumentError,
    EslError,
    EslTimeout,
    FsfaxError,
    ProtocolError,
)
from fsfax.esl.link import Gap, Link, Lost
from fsfax.esl.wire import Event
from fsfax.log import get_logger
from fsfax.runtime.sanitize import one_line
from fsfax.settings import CallTimeouts, FaxDefaults
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import RxResult

_log = get_logger(__name__)

TAKEOVER = "fsfax_takeover"
"""The channel variable by which the dialplan hands a parked call to the engine."""

OnFax = Callable[[RxResult], None]
OnReceiving = Callable[[str, Observation], None]

_CALL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

_TAKEOVER_PATIENCE = 5.0
"""Seconds that another engine has from its guard to the answer; then it counts as dead."""

_PAUSE = 0.2

_MAX_UNCLASSIFIED = 10_000
"""Inbound calls whose first event is kept until they show whether they are faxes."""

WATCHED = (
    "CHANNEL_CREATE",
    "CHANNEL_ANSWER",
    "CHANNEL_PARK",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP_COMPLETE",
    "spandsp::rxfaxnegociateresult",
    "spandsp::rxfaxpageresult",
    "spandsp::rxfaxresult",
)


class CallEvents:
    """The events of one call, distributed by the receiver.

    With a watch of its own a call would miss the events between the one that shows a fax and the
    start of the watch.
    """

    def __init__(self) -> None:
        self._queue: gevent.queue.Queue[Event | Gap | Lost | None] = gevent.queue.Queue()

    def put(self, item: Event | Gap | Lost) -> None:
        """Add the next item."""
        self._queue.put(item)

    def get(self, timeout: float) -> Event | Gap | Lost | None:
        """Return the next item; None after `wake`.

        Raises:
            EslTimeout: none came in time.
        """
        try:
            return self._queue.get(timeout=timeout)
        except gevent.queue.Empty:
            raise EslTimeout(f"no event of the call in {timeout:g} s") from None

    def wake(self) -> None:
        """Make a waiting `get` return."""
        self._queue.put(None)

    def close(self) -> None:
        """Do nothing: the receiver drops the queue when the call is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveContext:
    """What the receivers of all nodes share.

    inbox: where received faxes are stored.
    folder: where the dialplan and fsfax let FreeSWITCH write, under our own path; nodes may share
        it.
    timeouts, defaults, realm: as in the settings.
    ask_fate: asks all nodes what became of a call.
    ask_numbers: asks all nodes for the caller's and the called number of a call whose events were
        missed.
    on_fax: called once for each call, after it was stored.
    on_progress: called with the call's id and each observation.
    admit: called for each call before anything else is done about it; it may wait.
    claims: ids of the calls that one of the receivers follows.
    """

    inbox: InboundSpool
    folder: Path
    timeouts: CallTimeouts
    defaults: FaxDefaults
    realm: str
    ask_fate: Callable[[str], Fate]
    ask_numbers: Callable[[str], tuple[str, str]]
    on_fax: OnFax
    on_progress: OnReceiving
    admit: Admit | None = None
    claims: set[str] = field(default_factory=set)


class Receiver:
    """Follows every inbound fax of one node.

    Args:
        link: the node's connection.
        node: its name.
        spool: its path mapping.
        context: what all receivers share.
    """

    def __init__(self, link: Link, node: str, spool: Spool, context: ReceiveContext) -> None:
        self._link = link
        self._node = node
        self._spool = spool
        self._context = context
        self._call_events: dict[str, CallEvents] = {}
        self._unclassified_calls: dict[str, Event] = {}
        self._calls = gevent.pool.Group()
        self._watch = link.watch_all(WATCHED)
        self._greenlet = gevent.spawn(self._run)

    @property
    def active(self) -> int:
        """Calls that are being followed right now."""
        return len(self._call_events)

    def close(self, wait: float = 0.0) -> None:
        """Stop listening; give calls under way ``wait`` seconds to end.

        A call that is still up then is not lost: FreeSWITCH goes on receiving, and the next
        receiver finds it.
        """
        self._greenlet.kill()
        deadline = time.monotonic() + wait
        # Calls under way still need their events during the wait.
        while self._call_events and (left := deadline - time.monotonic()) > 0:
            try:
                self._distribute(self._watch.get(timeout=min(left, 0.2)), accept=False)
            except EslTimeout:
                continue
        self._calls.kill()
        self._watch.close()

    def _run(self) -> None:
        if self._link.connected:
            self.recover()  # otherwise a Gap comes with the connection
        while True:
            try:
                item = self._watch.get(timeout=60.0)
            except EslTimeout:
                continue
            self._distribute(item, accept=True)
            if isinstance(item, Gap):
                self.recover()

    def _distribute(self, item: Event | Gap | Lost | None, *, accept: bool) -> None:
        if not isinstance(item, Event):
            for events in self._call_events.values():
                if item is not None:
                    events.put(item)
            return
        call_id = item.uuid
        if call_id in self._call_events:
            self._call_events[call_id].put(item)
        elif not accept or item.get("Call-Direction") != "inbound":
            return
        elif item.name == "CHANNEL_EXECUTE" and item.get("Application") == "rxfax":
            self._follow(call_id, item)
        elif item.name == "CHANNEL_PARK" and item.variable(TAKEOVER) == "true":
            self._follow(call_id, item, takeover=True)
        elif item.subclass.startswith("spandsp::rxfax"):
            self._follow(call_id, item, gap="the beginning of the call was missed")
        elif item.name == "CHANNEL_CREATE":
            self._unclassified_calls[call_id] = item
            if len(self._unclassified_calls) > _MAX_UNCLASSIFIED:
                self._unclassified_calls.pop(next(iter(self._unclassified_calls)))
        elif item.name == "CHANNEL_HANGUP_COMPLETE":
            self._unclassified_calls.pop(call_id, None)

    def _follow(
        self, call_id: str, event: Event | None, *, takeover: bool = False, gap: str = ""
    ) -> None:
        if not _CALL_ID.match(call_id) or call_id in self._context.claims:
            return
        self._context.claims.add(call_id)
        events = self._call_events[call_id] = CallEvents()
        first = self._unclassified_calls.pop(call_id, None)
        for item in (first, event):
            if item is not None:
                events.put(item)
        # Any event has the numbers of caller and called, which the admission needs first.
        seen = first or event
        caller = observe_caller(seen) if seen else None
        self._calls.spawn(self._receive, call_id, events, caller, takeover, gap)

    def _receive(
        self, call_id: str, events: CallEvents, caller: Created | None, takeover: bool, gap: str
    ) -> None:
        started_at = time.time()
        try:
            channel = Channel(
                self._link,
                events,
                call_id,
                timeouts=self._context.timeouts,
                realm=self._context.realm,
                on_observation=lambda seen, _: self._observed(call_id, seen, takeover),
            )
            fate: Fate | None = None
            if caller:
                channel.note(caller)
            if takeover and not self._begin_takeover(call_id, channel):
                return
            if gap:
                fate = channel.catch_up()
                if channel.transcript.created is None:
                    # It ended at the moment at which the receiver began to listen.
                    channel.note(*self._recorded(call_id, time.time()))
            if not takeover and (cause := self._admission(channel.transcript).cause):
                channel.interrupt(Interruption.BLOCKED, cause)
            if fate is None:
                fate = channel.follow()
            call = Call(call_id, self._node, started_at, time.time())
            self._settle(call, channel, fate, (gap,) if gap else ())
        except FsfaxError as error:
            # The file stays in the spool and the marks in FreeSWITCH, where the next recovery
            # finds them.
            _log.error("inbound_call_unsettled", call_id=call_id, error=str(error))
        finally:
            self._call_events.pop(call_id, None)
            self._context.claims.discard(call_id)

    def _observed(self, call_id: str, observation: Observation, takeover: bool) -> None:
        self._context.on_progress(call_id, observation)
        if takeover and isinstance(observation, FaxStopped):
            # rxfax has returned, and a call that the engine took over would stay parked.
            gevent.spawn(self._hang_up, call_id)

    def _hang_up(self, call_id: str) -> None:
        try:
            self._link.api("uuid_kill", call_id)
        except EslError as error:
            _log.info("already_hung_up", call_id=call_id, error=str(error))

    def _begin_takeover(self, call_id: str, channel: Channel) -> bool:
        """Answer a parked call if this engine gets its guard; False if there is nothing to follow.

        Raises:
            EslError: FreeSWITCH could not be asked; the next recovery finds the call again.
        """
        try:
            if not self._wins_takeover(call_id):
                return False
            channel.note_dump()
            admission = self._admission(channel.transcript)
            if admission.cause:
                channel.interrupt(Interruption.BLOCKED, admission.cause)
            else:
                self._take_over(call_id, admission)
        except CommandFailed as error:
            _log.info("gone_before_takeover", call_id=call_id, error=str(error))
            marks.erase(self._link, self._context.realm, call_id)
            return False
        return True

    def _admission(self, transcript: Transcript) -> Admission:
        """Return the admission of a call; ACCEPT where it is not known: a fax must not be lost."""
        created = transcript.created
        if self._context.admit is None or created is None:
            return ACCEPT
        try:
            return self._context.admit(created.from_number, created.to_number)
        except Exception:  # noqa: BLE001  # foreign code, and a call that waits
            _log.exception("admission_unknown", called=created.to_number)
            return ACCEPT

    def _wins_takeover(self, call_id: str) -> bool:
        """Return whether this engine has to take a parked call over; of all that listen one does.

        Raises:
            EslError: FreeSWITCH could not be asked.
        """
        other = ""
        while other := marks.mark_taken(self._link, self._context.realm, call_id, instead_of=other):
            deadline = time.monotonic() + _TAKEOVER_PATIENCE
            while time.monotonic() < deadline:
                if not self._is_parked(call_id):
                    _log.info("taken_over_elsewhere", call_id=call_id)
                    return False
                gevent.sleep(_PAUSE)
            _log.warning("takeover_not_completed", call_id=call_id, mark=other)
        return True

    def _is_parked(self, call_id: str) -> bool:
        try:
            return self._link.api("uuid_getvar", f"{call_id} current_application") == "park"
        except CommandFailed:
            return False  # it ended meanwhile

    def _take_over(self, call_id: str, admission: Admission) -> None:
        """Answer a parked call and receive its fax."""
        path = self._spool.remote(self._context.folder / f"{call_id}.tif")
        preferences = SendPreferences(
            t38=None if admission.t38 is None else "on" if admission.t38 else "off",
            ident=admission.ident,
        )
        fax = preferences.over(self._context.defaults)
        t38 = fax.t38 != "off"
        variables = {
            "fax_enable_t38": "true" if t38 else "false",
            "fax_enable_t38_request": "true" if t38 else "false",
            "fax_use_ecm": "true" if fax.ecm else "false",
            "fax_disable_v17": "false" if fax.v17 else "true",
            "fax_ident": quote(fax.ident, safe="") or "%00",
            **marks.variables(self._context.realm, call_id),
        }
        for name, value in variables.items():
            self._link.api("uuid_setvar", f"{call_id} {name} {value}")
        self._link.execute(call_id, "answer")
        self._link.execute(call_id, "rxfax", path)

    def _settle(self, call: Call, channel: Channel, fate: Fate, gaps: tuple[str, ...]) -> None:
        transcript = channel.transcript
        if transcript.missed and not gaps:
            gaps = ("the connection to FreeSWITCH was lost during the call",)
        path = self._context.folder / f"{call.id}.tif"
        if transcript.started and transcript.started.path:
            path = self._spool.local(transcript.started.path)
        self._store(call, transcript, path, fate=fate, interruption=channel.interruption, gaps=gaps)

    def _store(
        self,
        call: Call,
        transcript: Transcript,
        path: Path,
        *,
        fate: Fate,
        interruption: Interruption | None = None,
        gaps: tuple[str, ...],
    ) -> None:
        """Store the fax in the inbox; only then remove FreeSWITCH's copy and marks."""
        in_thread = gevent.get_hub().threadpool.apply  # a slow disk must not stop other calls
        blocked = interruption is Interruption.BLOCKED
        pages = 0 if blocked else in_thread(pages_in, (path,))
        if not pages and self._context.inbox.has(call.id):
            # Another engine with the same inbox stored it already, with its pages.
            _log.info("stored_elsewhere", call_id=call.id)
            return
        file = in_thread(self._context.inbox.store_tiff, (call.id, path)) if pages else None
        result = judge_received(
            transcript,
            call,
            fate=fate,
            interruption=interruption,
            file=file,
            pages_in_file=pages,
            gaps=gaps,
        )
        in_thread(self._context.inbox.store_record, (result,))
        _log.info(
            "fax_received",
            call_id=call.id,
            status=result.status.value,
            pages=result.pages_received,
            outcome=result.outcome.value,
        )
        if pages or blocked:
            path.unlink(missing_ok=True)
        self._context.on_fax(result)
        try:
            marks.erase(self._link, self._context.realm, call.id)
            marks.erase_numbers(self._link, self._context.realm, call.id)
        except EslError as error:
            _log.info("marks_left", call_id=call.id, error=str(error))

    def recover(self) -> None:
        """Find the calls and files that came while this receiver was not connected.

        Called at the start and after each lost connection; calls and files that cannot be settled
        now are found again the next time.
        """
        try:
            self._adopt_calls()
            self._collect_files()
        except EslError as error:
            _log.warning("recovery_incomplete", node=self._node, error=str(error))

    def _adopt_calls(self) -> None:
        for row in _channels(self._link):
            call_id, application = str(row.get("uuid", "")), row.get("application")
            if row.get("direction") != "inbound" or call_id in self._call_events:
                continue
            gap = "the call was under way when the engine began to listen"
            if application == "rxfax":
                self._follow(call_id, None, gap=gap)
            elif self._is_handed_over(call_id):
                self._follow(call_id, None, takeover=True)

    def _is_handed_over(self, call_id: str) -> bool:
        try:
            return self._link.api("uuid_getvar", f"{call_id} {TAKEOVER}").strip() == "true"
        except CommandFailed:
            return False  # it ended meanwhile

    def _collect_files(self) -> None:
        for path in sorted(self._context.folder.glob("*.tif*")):
            call_id = path.stem
            if not _CALL_ID.match(call_id) or call_id in self._context.claims:
                continue
            if self._context.inbox.has(call_id):
                path.unlink(missing_ok=True)  # a crash came between storing and removing it
                continue
            fate = self._context.ask_fate(call_id)
            if fate is Fate.UP:
                continue  # its node's receiver follows it already or with its next event
            when = path.stat().st_mtime
            transcript = note(Transcript(), EventsMissed(at=when))
            for created in self._recorded(call_id, when):
                transcript = note(transcript, created)
            refused = Interruption.BLOCKED if self._admission(transcript).cause else None
            call = Call(call_id, self._node, when, when)
            gaps = ("the call came while no engine listened; its events were missed",)
            try:
                self._store(call, transcript, path, fate=fate, interruption=refused, gaps=gaps)
            except FsfaxError as error:
                _log.error("inbound_call_unsettled", call_id=call_id, error=str(error))

    def _recorded(self, call_id: str, at: float) -> tuple[Created, ...]:
        """Return who called whom as the dialplan recorded it; empty if it did not.

        Raises:
            EslError: a node that may have recorded it cannot be asked.
        """
        caller, called = map(one_line, self._context.ask_numbers(call_id))
        if not (caller or called):
            return ()
        return (Created(at=at, inbound=True, from_number=caller, from_name="", to_number=called),)


def pages_in(path: Path) -> int:
    """Return the number of readable pages of a received TIFF; 0 if there is none or no file."""
    try:
        return len(tiff_f.read(path.read_bytes()).pages)
    except (OSError, DocumentError) as error:
        _log.info("no_page_received", path=str(path), error=str(error))
        return 0


def _channels(link: Link) -> list[dict[str, Any]]:
    """Return FreeSWITCH's list of channels (it has no "rows" when there are none)."""
    try:
        return list(json.loads(link.api("show", "channels as json")).get("rows", []))
    except (json.JSONDecodeError, AttributeError) as error:
        raise ProtocolError(f"show channels gave no JSON: {error}") from error
