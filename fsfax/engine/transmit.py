"""One attempt on one node: guard, dial, follow, settle, over each gateway of the plan in turn.

A `Transmission` has one plan, one node and one channel at a time. The `Channel` follows the
call's events, runs the watchdogs, ends the call when it must and asks FreeSWITCH when events are
missing. `fsfax.engine.verdict` decides about the outcome.

    guard ► dial ──► follow ──► settle ──► judge
                       ▲  │ events missed: ask for the fate, catch up or settle
                       └──┘ a stage took too long, or cancel(): uuid_kill, then wait for the hangup
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fsfax.engine import marks
from fsfax.engine.causes import cause
from fsfax.engine.channel import Channel
from fsfax.engine.observations import Dialling, Negotiated, Observation, OriginateReply
from fsfax.engine.plan import SendPlan
from fsfax.engine.spool import Spool
from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call, Interruption, judge_sent
from fsfax.errors import (
    AlreadyDialled,
    CommandFailed,
    Disconnected,
    EslError,
    InvalidRequest,
    NotDialled,
)
from fsfax.esl.link import Link
from fsfax.log import get_logger
from fsfax.values.results import GatewayAttempt, Status, TxResult

_log = get_logger(__name__)

OnProgress = Callable[[Observation], None]
MayDial = Callable[[], bool]


class Transmission:
    """Sends one fax over one node; tries the plan's gateways in order.

    `run` blocks its greenlet; `cancel` may be called from any other one.
    ``may_dial`` is called right before each originate; it must not wait for long.
    """

    def __init__(
        self,
        link: Link,
        node: str,
        spool: Spool,
        plan: SendPlan,
        on_progress: OnProgress,
        *,
        may_dial: MayDial = lambda: True,
    ) -> None:
        self._link = link
        self._node = node
        self._spool = spool
        self._plan = plan
        self._on_progress = on_progress
        self._may_dial = may_dial
        self._channel: Channel | None = None
        self._cancelled = False

    def run(self) -> TxResult:
        """Dial, follow the call to its end and return its result.

        Raises:
            SpoolError: FreeSWITCH does not see the file; nothing was dialled.
            InvalidRequest: number, name or path cannot be dialled; nothing was dialled.
            AlreadyDialled: the attempt's id was used before; nothing was dialled now.
            NotDialled: ``may_dial`` returned False; nothing was dialled, and the id is barred.
            EslError: FreeSWITCH could not be reached before anything was dialled.
        """
        plan = self._plan
        path = self._spool.require(self._link, plan.file)
        # All commands are made before the first is dialled: a wrong gateway name must not be
        # found in the middle of a fail-over.
        calls = [
            (call_id, gateway, plan.originate(call_id, gateway, path).render())
            for call_id, gateway in zip(plan.call_ids, plan.gateways, strict=True)
        ]
        failed: list[GatewayAttempt] = []
        result: TxResult | None = None
        for call_id, gateway, command in calls:
            try:
                self._guard(call_id)
            except (AlreadyDialled, NotDialled, EslError) as error:
                if result is None:
                    raise
                # This gateway was not dialled: the failure of the one before stays the result.
                _log.warning("gateway_not_tried", gateway=gateway, error=str(error))
                break
            result = self._call(call_id, gateway, command, tuple(failed))
            last = call_id == plan.call_ids[-1]
            if last or self._cancelled or not _may_try_elsewhere(result):
                break
            _log.info("gateway_failed_over", gateway=gateway, cause=result.result_cause)
            failed.append(
                GatewayAttempt(
                    node=self._node,
                    gateway=gateway,
                    call_id=result.call_id,
                    cause=result.result_cause,
                )
            )
        if result is None:
            raise InvalidRequest("the plan names no gateway")
        return result

    def cancel(self) -> None:
        """End the call as soon as FreeSWITCH allows it; has no effect when it is over already."""
        self._cancelled = True
        if self._channel:
            self._channel.interrupt(Interruption.CANCELLED)

    def _guard(self, call_id: str) -> None:
        """Put the guard mark, so that this id is dialled once, and ask ``may_dial``.

        Raises:
            AlreadyDialled, NotDialled, EslError: as `run`.
        """
        if self._cancelled:
            return  # nothing is dialled any more
        core = self._link.core
        if not marks.intend(self._link, self._plan.marks_realm, call_id):
            raise AlreadyDialled(
                f"a call with the id {call_id} was dialled before, or its attempt was settled;"
                " nothing was dialled now: ask for its fate, or use another id"
            )
        allowed = False
        try:
            allowed = self._may_dial()
        finally:
            if not allowed:
                self._withdraw(call_id)
        if not allowed:
            raise NotDialled("may_dial returned False right before dialling; nothing was dialled")
        if self._link.core != core:
            self._withdraw(call_id)
            raise Disconnected(
                f"the connection to {self._node} was lost right before dialling, and with it the"
                " guard; nothing was dialled"
            )

    def _withdraw(self, call_id: str) -> None:
        try:
            marks.withdraw(self._link, self._plan.marks_realm, call_id)
        except EslError as error:
            # The guard stays "intended", so an adoption will have to report "uncertain".
            _log.warning("guard_left", call_id=call_id, error=str(error))

    def _call(
        self, call_id: str, gateway: str, command: str, failed_gateways: tuple[GatewayAttempt, ...]
    ) -> TxResult:
        plan = self._plan
        started_at = time.time()
        with Channel(
            self._link,
            self._link.watch(call_id),
            call_id,
            timeouts=plan.timeouts,
            realm=plan.marks_realm,
            on_observation=self._observed,
        ) as channel:
            self._channel = channel
            channel.note(Dialling(at=started_at, node=self._node, gateway=gateway, call_id=call_id))
            if self._cancelled:  # between two gateways, or before the first
                channel.note(OriginateReply(at=started_at, cause="ORIGINATOR_CANCEL"))
                channel.interrupt(Interruption.CANCELLED)
            else:
                self._originate(channel, call_id, command)
            fate = channel.follow()
        result = judge_sent(
            channel.transcript,
            Call(call_id, self._node, started_at, time.time()),
            fate=fate,
            interruption=channel.interruption,
            first_page=plan.first_page,
            last_page=plan.last_page,
            failed_gateways=failed_gateways,
        )
        _log.info(
            "call_settled",
            call_id=call_id,
            status=result.status.value,
            outcome=result.outcome.value,
            pages=result.pages_sent,
            cause=result.result_cause,
        )
        return result

    def _originate(self, channel: Channel, call_id: str, command: str) -> None:
        try:
            self._link.bgapi("originate", command, job_id=call_id)
        except CommandFailed as error:
            # Refused at once: there is no job and no channel.
            channel.note(OriginateReply(at=time.time(), cause=error.reply or "NONE"))
        except EslError as error:
            # FreeSWITCH may have executed it: from here on the call counts as dialled.
            _log.warning("originate_unanswered", call_id=call_id, error=str(error))
            channel.doubt()

    def _observed(self, observation: Observation, transcript: Transcript) -> None:
        if self._channel and lacks_t38(self._plan.t38, observation, transcript):
            self._channel.interrupt(Interruption.T38_REQUIRED)
        self._on_progress(observation)


def lacks_t38(wanted: str, observation: Observation, transcript: Transcript) -> bool:
    """Return whether a call that requires T.38 was just negotiated without it.

    After the first confirmed page the call goes on in any case.
    """
    return (
        wanted == "required"
        and isinstance(observation, Negotiated)
        and observation.t38_status != "negotiated"
        and not transcript.pages
    )


def _may_try_elsewhere(result: TxResult) -> bool:
    """Return whether another gateway may be tried: the call failed at our own gateway."""
    return (
        result.status is Status.FAILED
        and result.pages_sent == 0
        and bool(result.result_cause)
        and cause(result.result_cause).local
        and not result.fax_speed
    )
