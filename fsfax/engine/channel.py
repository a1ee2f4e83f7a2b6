"""One channel of FreeSWITCH, followed from its first event to its end.

A `Channel` turns the events of one call into a transcript, runs the watchdogs and ends the
call when it has to. All this happens in the greenlet that calls `follow`; `interrupt` may be
called from any other one. Sending and receiving share it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

import gevent

from fsfax.engine import marks
from fsfax.engine.observations import EventsMissed, Observation, observe, observe_dump
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import Fate, Interruption
from fsfax.engine.watchdog import INTERRUPTIONS, Stage, StageProgress, limit, stage_progress
from fsfax.errors import CommandFailed, EslError, EslTimeout
from fsfax.esl.link import Gap, Link, Lost
from fsfax.esl.wire import Event
from fsfax.log import get_logger
from fsfax.settings import CallTimeouts

_log = get_logger(__name__)

OnObservation = Callable[[Observation, Transcript], None]

_KILL_WAIT = 5.0
"""Seconds from uuid_kill to the hangup event before FreeSWITCH is asked what happened."""

_KILL_TRIES = 3

_PAUSE = 0.1


class EventSource(Protocol):
    """The source of one call's events: a `Watch` of the link, or `CallEvents` of a receiver."""

    def get(self, timeout: float) -> Event | Gap | Lost | None:
        """Return the next item; EslTimeout if none came, None after `wake`."""
        ...  # the protocol's body

    def wake(self) -> None:
        """Make a waiting `get` return None."""
        ...  # the protocol's body

    def close(self) -> None:
        """End the watch."""
        ...  # the protocol's body


class Channel:
    """Follows one call.

    Args:
        link: the node's connection.
        watch: the call's events.
        call_id: the channel's Unique-ID; for an outbound call also the Job-UUID.
        timeouts: the limits of each stage.
        realm: of the outcome marks.
        on_observation: called in the following greenlet with each new observation.
    """

    def __init__(
        self,
        link: Link,
        watch: EventSource,
        call_id: str,
        *,
        timeouts: CallTimeouts,
        realm: str,
        on_observation: OnObservation,
    ) -> None:
        self.transcript = Transcript()
        self.interruption: Interruption | None = None
        self._link = link
        self._call_id = call_id
        self._timeouts = timeouts
        self._realm = realm
        self._on_observation = on_observation
        self._watch = watch
        self._kills = 0
        self._kill_wanted = False
        self._cause = ""
        self._link_lost = False
        self._progress: StageProgress = stage_progress(self.transcript)
        self._deadline = 0.0
        self._restart_clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()

    def note(self, *observations: Observation) -> None:
        """Add observations to the transcript, report them, restart the clock on a new stage."""
        for observation in observations:
            before = self.transcript
            self.transcript = note(before, observation)
            if self.transcript is before:
                continue
            if stage_progress(self.transcript) != self._progress:
                self._progress = stage_progress(self.transcript)
                self._restart_clock()
            self._on_observation(observation, self.transcript)

    def doubt(self) -> None:
        """Note that FreeSWITCH may or may not have executed the originate."""
        self.note(EventsMissed(at=time.time()))

    def interrupt(self, reason: Interruption, cause: str = "") -> None:
        """End the call for the given reason; the first reason counts.

        ``cause`` is the hangup cause, FreeSWITCH's by default. If the fax was over already, only
        BLOCKED still counts as the reason.
        """
        was_over = self.transcript.result is not None and reason is not Interruption.BLOCKED
        if self.interruption is None and not was_over:
            self.interruption, self._cause = reason, cause
        self._kill_wanted = True
        self._watch.wake()

    def follow(self) -> Fate:
        """Follow the call until its outcome is settled.

        Returns what FreeSWITCH answered about it, or ``Fate.UNKNOWN`` where the transcript
        alone settles the call or FreeSWITCH could not be asked.
        """
        while self._progress[0] is not Stage.OVER:
            if self._kill_wanted:
                self._kill()
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                if (fate := self._expired(self._progress[0])) is not None:
                    return fate
                continue
            try:
                item = self._watch.get(timeout=remaining)
            except EslTimeout:
                continue
            if isinstance(item, Event):
                self.note(*observe(item))
                # uuid_kill may have come before the channel existed: it may exist now.
                self._kill_wanted = self.interruption is not None and self._kills == 0
            elif isinstance(item, Lost):
                self._link_lost = True
                self._deadline = time.monotonic() + self._timeouts.link_lost
            elif isinstance(item, Gap) and (fate := self.catch_up()) is not None:
                return fate
        return Fate.UNKNOWN

    def catch_up(self) -> Fate | None:
        """Ask FreeSWITCH after events were missed; return the fate if the call ended, else None."""
        self._link_lost = False
        self.note(EventsMissed(at=time.time()))
        self._restart_clock()
        try:
            fate = self._ask_at_end()
            if fate is not Fate.UP:
                return fate
            self.note_dump()
        except CommandFailed:
            pass  # it ended between the two questions: its hangup event is under way
        except EslError as error:
            _log.warning("catch_up_failed", call_id=self._call_id, error=str(error))
        return None

    def note_dump(self) -> None:
        """Note what ``uuid_dump`` shows of the channel, without noting that events were missed.

        Raises:
            CommandFailed: there is no such channel any more.
            EslError: FreeSWITCH could not be asked.
        """
        self.note(*observe_dump(self._dump()))

    def _restart_clock(self) -> None:
        self._deadline = time.monotonic() + limit(self._progress[0], self._timeouts)

    def _expired(self, stage: Stage) -> Fate | None:
        """Act on a stage that took too long; a fate means that the call is followed no longer."""
        if self._link_lost:
            _log.warning("link_lost_for_too_long", call_id=self._call_id, stage=stage.value)
            return Fate.UNKNOWN
        if stage is Stage.SETTLING:
            return self._ask_or_unknown()
        if self._kills == 0:
            _log.warning("stage_timed_out", call_id=self._call_id, stage=stage.value)
            if self.interruption is None and stage in INTERRUPTIONS:
                self.interruption = INTERRUPTIONS[stage]
            self._kill()
            return None
        # It was killed, but no hangup event came.
        fate = self._ask_or_unknown()
        if fate is Fate.UP and self._kills < _KILL_TRIES:
            self._kill()
            return None
        return fate

    def _kill(self) -> None:
        self._kill_wanted = False
        try:
            self._link.api("uuid_kill", f"{self._call_id} {self._cause}".rstrip())
        except CommandFailed:
            # No such channel: either it is gone, and its hangup event will come, or it does not
            # exist yet, and its first event leads here again.
            self._deadline = min(self._deadline, time.monotonic() + _KILL_WAIT)
            if self._has_no_channel_event():
                return
        except EslError as error:
            _log.warning("uuid_kill_unanswered", call_id=self._call_id, error=str(error))
        self._kills += 1
        self._deadline = time.monotonic() + _KILL_WAIT

    def _has_no_channel_event(self) -> bool:
        seen = self.transcript
        return not (seen.created or seen.ringing or seen.is_answered or seen.missed)

    def _ask(self) -> Fate:
        return marks.fate(self._link, self._realm, self._call_id)

    def _ask_at_end(self) -> Fate:
        # uuid_exists no longer finds a channel from the hangup on
        # (switch_core_session_perform_read_lock), but its marks are set when txfax returns and
        # in CS_HANGUP, a moment later.
        deadline = time.monotonic() + self._timeouts.result
        while (fate := self._ask()) is Fate.UNKNOWN and time.monotonic() < deadline:
            gevent.sleep(_PAUSE)
        return fate

    def _ask_or_unknown(self) -> Fate:
        try:
            return self._ask()
        except EslError as error:
            _log.warning("fate_unknown", call_id=self._call_id, error=str(error))
            return Fate.UNKNOWN

    def _dump(self) -> Event:
        # The default form is percent-encoded like an event; "plain" is not, and a line feed in
        # a text of the far end would forge headers in it (uuid_dump_function, mod_commands.c).
        return Event.from_body(self._link.api("uuid_dump", self._call_id).encode())
