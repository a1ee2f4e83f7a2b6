"""Receiving: every fax that comes in at a node, from the first event to the stored file.

There are two ways in, and both end in the same `Reception`:

* the dialplan answers and runs ``rxfax``: we see its CHANNEL_EXECUTE and follow;
* the dialplan parks the call with ``fsfax_takeover=true``: we answer and run ``rxfax``. Of several
  engines that listen to one FreeSWITCH one does so; a guard in FreeSWITCH decides which.

In both, whoever owns the called number may refuse the caller (`fsfax.engine.admission`): a parked
call before it is answered, one that the dialplan answered as soon as it is seen. Of such a call
nothing is kept but that it came.

A `Receiver` also looks for what happened while nobody listened: after a start or a lost
connection it asks for calls that are up, and takes finished files out of the spool.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
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
from fsfax.values.results import RxResult

_log = get_logger(__name__)

TAKEOVER = "fsfax_takeover"
"""The channel variable by which the dialplan hands a parked call to us."""

OnFax = Callable[[RxResult], None]
OnReceiving = Callable[[str, Observation], None]

_CALL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

_TAKER_PATIENCE = 5.0
"""Seconds from when somebody else took a parked call until it counts as dead if nothing happens."""

_PAUSE = 0.2

_MAX_STRANGERS = 10_000
"""Inbound calls whose beginning is remembered in case they turn out to be faxes."""

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
    """The events of one call, dealt out by the receiver: nothing is missed between the event
    that shows a fax and the start of its own watch.
    """

    def __init__(self) -> None:
        self._queue: gevent.queue.Queue[Event | Gap | Lost | None] = gevent.queue.Queue()

    def put(self, item: Event | Gap | Lost) -> None:
        """Add the next item."""
        self._queue.put(item)

    def get(self, timeout: float) -> Event | Gap | Lost | None:
        """Take the next item; None means: look at your own state again.

        Raises:
            EslTimeout: none came in time.
        """
        try:
            return self._queue.get(timeout=timeout)
        except gevent.queue.Empty:
            raise EslTimeout("no event of the call in time") from None

    def wake(self) -> None:
        """Make a waiting `get` return."""
        self._queue.put(None)

    def close(self) -> None:
        """Nothing to give back: the receiver forgets the feed when the call is over."""


class Receiver:
    """Follows every fax that comes in at one node.

    Args:
        link: the node's connection.
        node: its name.
        spool: its path mapping.
        inbox: where received faxes are stored.
        folder: where the dialplan and we let FreeSWITCH write, under our own path.
        timeouts, defaults, realm: as in the settings.
        ask: asks all nodes what became of a call; nodes may share the folder.
        who: asks all nodes who called whom in a call that nobody saw: caller and called number.
        claims: ids of the calls that some receiver has in hand, shared by all of them.
        on_fax: called once for each call, after it was stored.
        on_progress: called with the call's id and each observation.
        admit: asked for each call before anything else is done about it; it may wait.
    """

    def __init__(
        self,
        link: Link,
        node: str,
        spool: Spool,
        inbox: InboundSpool,
        *,
        folder: Path,
        timeouts: CallTimeouts,
        defaults: FaxDefaults,
        realm: str,
        ask: Callable[[str], Fate],
        who: Callable[[str], tuple[str, str]],
        claims: set[str],
        on_fax: OnFax,
        on_progress: OnReceiving,
        admit: Admit | None = None,
    ) -> None:
        self._link = link
        self._node = node
        self._spool = spool
        self._inbox = inbox
        self._folder = folder
        self._timeouts = timeouts
        self._defaults = defaults
        self._realm = realm
        self._ask = ask
        self._who = who
        self._claims = claims
        self._on_fax = on_fax
        self._on_progress = on_progress
        self._admit = admit
        self._feeds: dict[str, CallEvents] = {}
        self._unclassified_calls: dict[str, Event] = {}
        self._calls = gevent.pool.Group()
        self._watch = link.watch_all(WATCHED)
        self._greenlet = gevent.spawn(self._run)

    @property
    def active(self) -> int:
        """Calls that are being followed right now."""
        return len(self._feeds)

    def close(self, wait: float = 0.0) -> None:
        """Stop listening; give calls under way ``wait`` seconds to end.

        A call that is cut off here is not lost: FreeSWITCH goes on receiving, and the next
        start finds it.
        """
        self._greenlet.kill()
        deadline = time.monotonic() + wait
        # The feeds of running calls still need their events while we wait.
        while self._feeds and (left := deadline - time.monotonic()) > 0:
            try:
                self._deal(self._watch.get(timeout=min(left, 0.2)), accept=False)
            except EslTimeout:
                continue
        self._calls.kill()
        self._watch.close()

    def _run(self) -> None:
        if self._link.connected:
            self.recover()  # otherwise a Gap says when it can be done
        while True:
            try:
                item = self._watch.get(timeout=60.0)
            except EslTimeout:
                continue
            self._deal(item, accept=True)
            if isinstance(item, Gap):
                self.recover()

    def _deal(self, item: Event | Gap | Lost | None, *, accept: bool) -> None:
        if not isinstance(item, Event):
            for feed in self._feeds.values():
                if item is not None:
                    feed.put(item)
            return
        call_id = item.uuid
        if call_id in self._feeds:
            self._feeds[call_id].put(item)
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
            if len(self._unclassified_calls) > _MAX_STRANGERS:
                self._unclassified_calls.pop(next(iter(self._unclassified_calls)))
        elif item.name == "CHANNEL_HANGUP_COMPLETE":
            self._unclassified_calls.pop(call_id, None)

    def _follow(
        self, call_id: str, event: Event | None, *, takeover: bool = False, gap: str = ""
    ) -> None:
        if not _CALL_ID.match(call_id) or call_id in self._claims:
            return
        self._claims.add(call_id)
        feed = self._feeds[call_id] = CallEvents()
        first = self._unclassified_calls.pop(call_id, None)
        for item in (first, event):
            if item is not None:
                feed.put(item)
        # Any event tells who calls whom, and that has to be known before anything else.
        seen = first or event
        caller = observe_caller(seen) if seen else None
        self._calls.spawn(self._receive, call_id, feed, caller, takeover, gap)

    def _receive(
        self, call_id: str, feed: CallEvents, caller: Created | None, takeover: bool, gap: str
    ) -> None:
        started_at = time.time()
        try:
            channel = Channel(
                self._link,
                feed,
                call_id,
                timeouts=self._timeouts,
                realm=self._realm,
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
                    # It ended in the moment in which we began to listen.
                    channel.note(*self._recorded(call_id, time.time()))
            if not takeover and (cause := self._admission(channel.transcript).cause):
                channel.interrupt(Interruption.BLOCKED, cause)
            if fate is None:
                fate = channel.follow()
            call = Call(call_id, self._node, started_at, time.time())
            self._settle(call, channel, fate, (gap,) if gap else ())
        except FsfaxError as error:
            # The file stays in the spool and the marks in FreeSWITCH: the next recovery
            # finds both.
            _log.error("reception_unsettled", call_id=call_id, error=str(error))
        finally:
            self._feeds.pop(call_id, None)
            self._claims.discard(call_id)

    def _observed(self, call_id: str, observation: Observation, takeover: bool) -> None:
        self._on_progress(call_id, observation)
        if takeover and isinstance(observation, FaxStopped):
            # rxfax has returned, and a call that we took over stays parked for ever.
            gevent.spawn(self._hang_up, call_id)

    def _hang_up(self, call_id: str) -> None:
        try:
            self._link.api("uuid_kill", call_id)
        except EslError as error:
            _log.info("already_hung_up", call_id=call_id, error=str(error))

    def _begin_takeover(self, call_id: str, channel: Channel) -> bool:
        """Answer a parked call if that is ours to do; False if there is nothing to follow.

        Raises:
            EslError: FreeSWITCH could not be asked; the next recovery finds the call again.
        """
        try:
            if not self._is_ours(call_id):
                return False
            channel.look()
            admission = self._admission(channel.transcript)
            if admission.cause:
                channel.interrupt(Interruption.BLOCKED, admission.cause)
            else:
                self._take_over(call_id, admission)
        except CommandFailed as error:
            _log.info("gone_before_takeover", call_id=call_id, error=str(error))
            marks.erase(self._link, self._realm, call_id)
            return False
        return True

    def _admission(self, transcript: Transcript) -> Admission:
        """Ask whether a call is taken. Where nobody can say, it is: a fax must not be lost."""
        created = transcript.created
        if self._admit is None or created is None:
            return ACCEPT
        try:
            return self._admit(created.from_number, created.to_number)
        except Exception:  # noqa: BLE001  # somebody else's code, and a call that waits
            _log.exception("admission_unknown", called=created.to_number)
            return ACCEPT

    def _is_ours(self, call_id: str) -> bool:
        """Tell whether we have to take a parked call over: one of all that listen does.

        Raises:
            EslError: FreeSWITCH could not be asked.
        """
        taker = ""
        while taker := marks.take(self._link, self._realm, call_id, instead_of=taker):
            deadline = time.monotonic() + _TAKER_PATIENCE
            while time.monotonic() < deadline:
                if not self._is_parked(call_id):
                    _log.info("taken_over_elsewhere", call_id=call_id)
                    return False
                gevent.sleep(_PAUSE)
            _log.warning("taker_is_gone", call_id=call_id, mark=taker)
        return True

    def _is_parked(self, call_id: str) -> bool:
        try:
            return self._link.api("uuid_getvar", f"{call_id} current_application") == "park"
        except CommandFailed:
            return False  # it ended meanwhile

    def _take_over(self, call_id: str, admission: Admission) -> None:
        """Answer a parked call and receive its fax."""
        path = self._spool.remote(self._folder / f"{call_id}.tif")
        defaults = self._defaults
        t38 = defaults.t38 != "off" if admission.t38 is None else admission.t38
        ident = defaults.ident if admission.ident is None else admission.ident
        variables = {
            "fax_enable_t38": "true" if t38 else "false",
            "fax_enable_t38_request": "true" if t38 else "false",
            "fax_use_ecm": "true" if defaults.ecm else "false",
            "fax_disable_v17": "false" if defaults.v17 else "true",
            "fax_ident": quote(ident, safe="") or "%00",
            **marks.variables(self._realm, call_id),
        }
        for name, value in variables.items():
            self._link.api("uuid_setvar", f"{call_id} {name} {value}")
        self._link.execute(call_id, "answer")
        self._link.execute(call_id, "rxfax", path)

    def _settle(self, call: Call, channel: Channel, fate: Fate, gaps: tuple[str, ...]) -> None:
        transcript = channel.transcript
        if transcript.missed and not gaps:
            gaps = ("the connection to FreeSWITCH was lost during the call",)
        path = self._folder / f"{call.id}.tif"
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
        """Put the fax into the inbox; only then remove FreeSWITCH's copy and marks."""
        in_thread = gevent.get_hub().threadpool.apply  # disks are slow, other calls go on
        blocked = interruption is Interruption.BLOCKED
        pages = 0 if blocked else in_thread(pages_in, (path,))
        if not pages and self._inbox.has(call.id):
            # Another engine with the same inbox stored it before us; what it wrote is better.
            _log.info("stored_elsewhere", call_id=call.id)
            return
        file = in_thread(self._inbox.keep, (call.id, path)) if pages else None
        result = judge_received(
            transcript,
            call,
            fate=fate,
            interruption=interruption,
            file=file,
            pages_in_file=pages,
            gaps=gaps,
        )
        in_thread(self._inbox.record, (result,))
        _log.info(
            "fax_received",
            call_id=call.id,
            status=result.status.value,
            pages=result.pages_received,
            outcome=result.outcome.value,
        )
        if pages or blocked:
            path.unlink(missing_ok=True)
        self._on_fax(result)
        try:
            marks.erase(self._link, self._realm, call.id)
            marks.erase_numbers(self._link, self._realm, call.id)
        except EslError as error:
            _log.info("marks_left", call_id=call.id, error=str(error))

    def recover(self) -> None:
        """Find the calls and files that were missed while nobody listened.

        Called at the start and after each lost connection; what cannot be settled now is
        found again the next time.
        """
        try:
            self._adopt_calls()
            self._collect_files()
        except EslError as error:
            _log.warning("recovery_incomplete", node=self._node, error=str(error))

    def _adopt_calls(self) -> None:
        for row in _channels(self._link):
            call_id, application = str(row.get("uuid", "")), row.get("application")
            if row.get("direction") != "inbound" or call_id in self._feeds:
                continue
            gap = "the call was under way when we began to listen"
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
        for path in sorted(self._folder.glob("*.tif*")):
            call_id = path.stem
            if not _CALL_ID.match(call_id) or call_id in self._claims:
                continue
            if self._inbox.has(call_id):
                path.unlink(missing_ok=True)  # stored, but we died before removing it
                continue
            fate = self._ask(call_id)
            if fate is Fate.UP:
                continue  # its own node's receiver follows it, or hears of it with the next event
            when = path.stat().st_mtime
            transcript = note(Transcript(), EventsMissed(at=when))
            for created in self._recorded(call_id, when):
                transcript = note(transcript, created)
            refused = Interruption.BLOCKED if self._admission(transcript).cause else None
            call = Call(call_id, self._node, when, when)
            gaps = ("the call came while nobody listened; its events were missed",)
            try:
                self._store(call, transcript, path, fate=fate, interruption=refused, gaps=gaps)
            except FsfaxError as error:
                _log.error("reception_unsettled", call_id=call_id, error=str(error))

    def _recorded(self, call_id: str, at: float) -> tuple[Created, ...]:
        """Who called whom, as the dialplan recorded it; nothing where it did not.

        Raises:
            EslError: whoever may know cannot be asked.
        """
        caller, called = map(one_line, self._who(call_id))
        if not (caller or called):
            return ()
        return (Created(at=at, inbound=True, from_number=caller, from_name="", to_number=called),)


def pages_in(path: Path) -> int:
    """Count the readable pages of a received TIFF; 0 if there is none or no file."""
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
