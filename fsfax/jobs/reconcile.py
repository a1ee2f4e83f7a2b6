"""Reconciliation: attempts that lost their worker are settled after FreeSWITCH was asked.

still up ──────────────► followed to its end, settled
a mark, or it ended ───► settled
provably never dialled ► the job can be claimed again
FreeSWITCH is down ────► asked again, up to ``jobs.uncertain_after``
otherwise ─────────────► uncertain: held, or tried again, as policy says; never silently
"""

from __future__ import annotations

import time

import gevent

from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call, judge_sent
from fsfax.errors import Closed, EslError, InvalidRequest, NotDialled
from fsfax.jobs.claims import Claim
from fsfax.jobs.dial import Dialler
from fsfax.log import get_logger
from fsfax.values.results import Status, TxResult

_log = get_logger(__name__)

_ASK_WAIT = 10.0
"""Seconds that one question to a node that is down may take."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def reconcile(dialler: Dialler, claim: Claim) -> None:
    """Find out what became of an open attempt, follow it if it is up, and settle it.

    Raises:
        LeaseLost: another worker owns the job now.
        Closed: the engine was closed; another worker asks.
    """
    attempt = claim.attempt
    deadline = time.monotonic() + dialler.settings.jobs.uncertain_after
    pause = _FIRST_PAUSE
    while True:
        try:
            result = _ask(dialler, claim)
        except NotDialled as error:
            dialler.keep_trying(dialler.settlement.not_dialled, claim, str(error), 0.0)
            return
        except Closed:
            raise
        except InvalidRequest as error:
            # The node is not in the settings any more: there is no FreeSWITCH to ask.
            _log.warning("node_unknown", attempt=attempt.id, error=str(error))
            result = uncertain_result(claim)
        except EslError as error:
            _log.warning("fate_unknown", attempt=attempt.id, error=str(error))
            if time.monotonic() < deadline:
                gevent.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            result = uncertain_result(claim)
        if result.still_up:
            # It could not be ended, or its node went down again: the call is not over.
            gevent.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
            continue
        if result.status is Status.UNCERTAIN:
            _log.warning("attempt_uncertain", job=claim.job.id, attempt=attempt.id)
        dialler.settle(claim, result)
        return


def _ask(dialler: Dialler, claim: Claim) -> TxResult:
    attempt = claim.attempt
    call = dialler.engine.adopt(
        attempt.id,
        node=attempt.node,
        core=attempt.core,
        gateways=attempt.gateways,
        first_page=attempt.plan.first_page,
        last_page=attempt.plan.last_page,
        started_at=attempt.started_at.timestamp(),
        t38=attempt.plan.mode.t38,
        keep_marks=True,
        wait=_ASK_WAIT,
    )
    dialler.calls[claim.job.id] = call
    try:
        if claim.job.cancel_asked:
            call.cancel()
        return dialler.follow(call, claim)
    finally:
        dialler.calls.pop(claim.job.id, None)


def uncertain_result(claim: Claim) -> TxResult:
    """Return the result of an attempt of which nothing can be found out."""
    attempt = claim.attempt
    call = Call(attempt.id, attempt.node, attempt.started_at.timestamp(), time.time())
    return judge_sent(
        Transcript(),
        call,
        first_page=attempt.plan.first_page,
        last_page=attempt.plan.last_page,
    )
