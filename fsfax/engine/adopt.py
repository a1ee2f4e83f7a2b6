"""Adopt an attempt that another process planned and perhaps dialled: find it, follow it, settle it.

An `Adoption` first puts ``settled`` under every call id of the attempt, which bars an id that was
not dialled yet (see `fsfax.engine.marks`), and only then asks FreeSWITCH. That order leaves no gap:

    a channel is up ───────────────► followed to its end, judged as usual
    FreeSWITCH recorded the end ───► judged by that record
    settled everywhere, same core ─► nothing was dialled: NotDialled
    ``intended`` was there ────────► its originate may still be on its way: asked again for a while
    otherwise ─────────────────────► uncertain

The core is FreeSWITCH's Core-UUID. If it differs from that at the time of the plan, FreeSWITCH was
restarted, its guards are gone, and a missing guard proves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import gevent

from fsfax.engine import marks
from fsfax.engine.channel import Channel
from fsfax.engine.observations import Dialling, EventsMissed, Observation
from fsfax.engine.plan import call_ids
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.transmit import lacks_t38
from fsfax.engine.verdict import Call, Fate, Interruption, judge_sent
from fsfax.errors import Disconnected, NotDialled
from fsfax.esl.link import Link
from fsfax.log import get_logger
from fsfax.settings import CallTimeouts
from fsfax.values.results import Status, TxResult

_log = get_logger(__name__)

_PAUSE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan of an attempt, as it was stored before it was dialled.

    core: FreeSWITCH's Core-UUID at that time, "" if it was not known.
    gateways: of its plan.
    first_page, last_page: the pages of the document to be sent, from 1.
    started_at: seconds since 1970.
    t38: "off", "on" or "required".
    timeouts: the watchdogs from now on.
    realm: of the outcome marks.
    """

    attempt_id: str
    core: str
    gateways: tuple[str, ...]
    first_page: int
    last_page: int
    started_at: float
    t38: str = "on"
    timeouts: CallTimeouts = field(default_factory=CallTimeouts)
    realm: str = "fsfax"

    @property
    def calls(self) -> dict[str, str]:
        """The gateway of each call id that the attempt may have used."""
        gateways = self.gateways or ("",)
        return dict(zip(call_ids(self.attempt_id, len(gateways)), gateways, strict=True))


class Adoption:
    """Takes up one attempt on one node.

    `run` blocks its greenlet; `cancel` may be called from any other one.
    """

    def __init__(
        self,
        link: Link,
        node: str,
        planned: Planned,
        on_progress: Callable[[Observation], None],
    ) -> None:
        self.settled: set[str] = set()
        """Call ids that were never dialled and are barred now."""
        self._link = link
        self._node = node
        self._planned = planned
        self._on_progress = on_progress
        self._channel: Channel | None = None
        self._cancelled = False

    def run(self) -> TxResult:
        """Find out what became of the attempt, follow its call if it is up; return the result.

        Raises:
            NotDialled: it was never dialled, and never will be.
            EslError: FreeSWITCH could not be asked, or the connection was lost while the call was
                followed and did not come back in time: adopt the attempt again.
        """
        planned, link = self._planned, self._link
        with ExitStack() as stack:
            # Before FreeSWITCH is asked, so that no later event is missed.
            watches = {id: stack.enter_context(link.watch(id)) for id in planned.calls}
            core = link.core
            fates = self._ask()
            is_same = bool(core) and core == link.core == planned.core
            if call_id := _last(fates, Fate.UP):
                with Channel(
                    link,
                    watches[call_id],
                    call_id,
                    timeouts=planned.timeouts,
                    realm=planned.realm,
                    on_observation=self._observed,
                ) as channel:
                    return self._follow(channel, call_id)
        call_id, fate = _conclusion(fates, self.settled)
        if fate is Fate.UNKNOWN and is_same and len(self.settled) == len(fates):
            raise NotDialled(
                f"attempt {planned.attempt_id} was never dialled, and is barred now: FreeSWITCH"
                " has been running since before it was planned and has no trace of it"
            )
        return self._judge(self._beginning(call_id), call_id, fate)

    def cancel(self) -> None:
        """End the call as soon as FreeSWITCH allows it; has no effect when it is over already."""
        self._cancelled = True
        if self._channel:
            self._channel.interrupt(Interruption.CANCELLED)

    def _ask(self) -> dict[str, Fate]:
        """Bar every id not dialled yet; ask for the others until they are known or time is up."""
        link, realm = self._link, self._planned.realm
        deadline = time.monotonic() + self._planned.timeouts.result
        while True:
            fates = {}
            for id in self._planned.calls:
                if marks.settle(link, realm, id):
                    self.settled.add(id)
                fates[id] = marks.fate(link, realm, id)
            is_open = any(
                fate is Fate.UNKNOWN and id not in self.settled for id, fate in fates.items()
            )
            is_proved = {Fate.UP, Fate.SUCCEEDED, Fate.FAILED} & set(fates.values())
            if is_proved or not is_open or time.monotonic() >= deadline:
                return fates
            # FreeSWITCH may not have read the originate yet, or may be about to record the end.
            gevent.sleep(_PAUSE)

    def _follow(self, channel: Channel, call_id: str) -> TxResult:
        self._channel = channel
        channel.note(self._dialling(call_id))
        if self._cancelled:
            channel.interrupt(Interruption.CANCELLED)
        fate = channel.catch_up()
        if fate is None:
            fate = channel.follow()
        result = self._judge(channel.transcript, call_id, fate, channel.interruption)
        if result.status is Status.UNCERTAIN and not self._link.connected:
            raise Disconnected(
                f"the connection to {self._node} was lost while the call {call_id} was followed:"
                " ask again when it is back"
            )
        return result

    def _judge(
        self,
        transcript: Transcript,
        call_id: str,
        fate: Fate,
        interruption: Interruption | None = None,
    ) -> TxResult:
        planned = self._planned
        result = judge_sent(
            transcript,
            Call(call_id, self._node, planned.started_at, time.time()),
            fate=fate,
            interruption=interruption,
            first_page=planned.first_page,
            last_page=planned.last_page,
        )
        _log.info(
            "attempt_adopted",
            attempt_id=planned.attempt_id,
            call_id=call_id,
            status=result.status.value,
            outcome=result.outcome.value,
            pages=result.pages_sent,
        )
        return result

    def _dialling(self, call_id: str) -> Dialling:
        return Dialling(
            at=self._planned.started_at,
            node=self._node,
            gateway=self._planned.calls[call_id],
            call_id=call_id,
        )

    def _beginning(self, call_id: str) -> Transcript:
        """Return the transcript of a call of which this process has seen no event."""
        return note(note(Transcript(), self._dialling(call_id)), EventsMissed(at=time.time()))

    def _observed(self, observation: Observation, transcript: Transcript) -> None:
        if self._channel and lacks_t38(self._planned.t38, observation, transcript):
            self._channel.interrupt(Interruption.T38_REQUIRED)
        self._on_progress(observation)


def _last(fates: dict[str, Fate], wanted: Fate) -> str:
    """Return the id of the last call with that fate, "" if there is none."""
    return next((id for id in reversed(fates) if fates[id] is wanted), "")


def _conclusion(fates: dict[str, Fate], settled: set[str]) -> tuple[str, Fate]:
    """Return the call that the attempt's result is about, and its fate.

    A call that reached phase E is the last one. One that ended earlier is so only if none after
    it can have been dialled.
    """
    for conclusive in (Fate.SUCCEEDED, Fate.FAILED):
        if call_id := _last(fates, conclusive):
            return call_id, conclusive
    for id in reversed(fates):
        if id not in settled or fates[id] is not Fate.UNKNOWN:
            return id, fates[id]
    return next(iter(fates)), Fate.UNKNOWN
