"""Settlement: what a worker observed of a call, and what follows from it. One commit each.

State, result, the destination's history, the next attempt and the notifications to send change
together or not at all. Every write needs the job's token: a worker that was replaced meanwhile gets
`LeaseLost` and has to stop working on the job.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, update

from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.schema import attempts, job_events, jobs
from fsfax.db.states import AttemptState, Hold, JobState, require_attempt_move
from fsfax.engine.observations import (
    Answered,
    Dialling,
    Negotiated,
    Observation,
    PageDone,
    Ringing,
)
from fsfax.jobs import retry
from fsfax.jobs.claims import Claim, Preparation, past_attempts, requested_mode
from fsfax.jobs.destination import DAY, DestinationHistory, learn
from fsfax.jobs.ladder import PastAttempt, next_mode
from fsfax.runtime.clock import Clock, utc_now
from fsfax.settings import Settings
from fsfax.values.events import EventKind, NotificationKind
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.plan import AttemptPlan
from fsfax.values.results import PageRecord, Status, TxResult

_NOT_DIALLED_DELAY = 5.0
"""Seconds until a job can be claimed again whose call could not be placed for local reasons."""

_STAGES: Mapping[type[Observation], tuple[AttemptState, str]] = {
    Dialling: (AttemptState.DIALLING, "dialling"),
    Ringing: (AttemptState.DIALLING, "ringing"),
    Answered: (AttemptState.ANSWERED, "answered, negotiating"),
    Negotiated: (AttemptState.NEGOTIATED, "sending the first page"),
    PageDone: (AttemptState.SENDING, ""),
}


class Settlement:
    """Records what happens to the jobs that one worker owns.

    Args:
        database: where the jobs are.
        worker_id: see `fsfax.jobs.leases`.
        settings: the table of retries, the policy for uncertain calls.
        clock, chance: the time, and a random number from 0 to 1; for tests.
    """

    def __init__(
        self,
        database: Database,
        worker_id: str,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._settings = settings
        self._now = clock
        self._chance = chance

    # --- documents --------------------------------------------------------------------------

    def fetched(self, preparation: Preparation, file: Path, media_type: str) -> None:
        """Store a document that was fetched, so that it is not fetched again.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row = self._fenced(connection, preparation)
            documents.add(
                connection,
                row.id,
                file,
                kind="original",
                media_type=media_type,
                at=self._now(),
                name=file.name,
            )

    def prepared(self, preparation: Preparation, fax: Path, pages: int) -> None:
        """Store the TIFF-F of a job, which can be called from then on.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, preparation), self._now()
            if row.cancel_asked:
                transitions.transition(connection, row, JobState.CANCELLED, now, why="by request")
                return
            documents.add(
                connection,
                row.id,
                fax,
                kind="fax",
                media_type="image/tiff",
                at=now,
                name="fax.tif",
                pages=pages,
            )
            ready: dict[str, Any] = {"prepared": True, "pages_total": pages, "worker_id": None}
            if row.state == JobState.ATTACHING_FILES:
                transitions.transition(connection, row, JobState.PENDING, now, **ready)
            else:
                transitions.update_job(connection, row.id, now, **ready)
                transitions.record_event(connection, row.id, EventKind.PREPARED, now, pages=pages)
            transitions.notify_workers(connection)

    def postpone(self, preparation: Preparation, problem: str, delay: float) -> None:
        """Put the preparation of a document off by ``delay`` seconds; no attempt is used up.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, preparation), self._now()
            if row.cancel_asked:
                transitions.transition(connection, row, JobState.CANCELLED, now, why="by request")
                return
            transitions.update_job(
                connection,
                row.id,
                now,
                worker_id=None,
                fetches=row.fetches + 1,
                due_at=now + timedelta(seconds=delay),
                status_text=problem,
            )
            transitions.record_event(
                connection, row.id, EventKind.POSTPONED, now, problem=problem, delay=delay
            )

    def reject_document(self, preparation: Preparation, problem: str) -> None:
        """Fail a job whose document cannot be fetched or faxed.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, preparation), self._now()
            result = _failed_before_dialling(problem, Outcome.BAD_DOCUMENT)
            state = JobState.CANCELLED if row.cancel_asked else JobState.FAILED
            stored = _job_result(row, result, 0, now).as_dict()
            transitions.transition(connection, row, state, now, why=problem, result=stored)

    # --- calls ------------------------------------------------------------------------------

    def observe(self, claim: Claim, observation: Observation) -> bool:
        """Record an observation of a call that is a stage of it; others are passed over.

        Returns whether the job is to be cancelled.

        Raises:
            LeaseLost: another worker owns the job.
        """
        if type(observation) not in _STAGES:
            return False
        state, text = _STAGES[type(observation)]
        data: dict[str, Any] = {}
        changes: dict[str, Any] = {}
        match observation:
            case Dialling(node=node, gateway=gateway, call_id=call_id):
                changes["gateway"] = gateway
                data = {"node": node, "gateway": gateway, "call_id": call_id}
            case Negotiated(rate=rate, ecm=ecm, t38_status=t38_status):
                data = {"rate": rate, "ecm": ecm, "t38_status": t38_status}
            case PageDone():
                page = claim.attempt.plan.first_page + observation.number - 1
                text = f"page {page} of {claim.job.pages_total} confirmed"
                data = _page_event(replace(observation.page, number=page))
                changes["page"] = page
        with self._database.write() as connection:
            row, now = self._fenced(connection, claim), self._now()
            attempt = self._open(connection, claim)
            old = AttemptState(attempt.state)
            if state.rank > old.rank:
                require_attempt_move(old, state)
                changes["state"] = state
            if changes:
                connection.execute(
                    update(attempts).where(attempts.c.id == claim.attempt.id).values(**changes)
                )
            confirmed = max(row.pages_confirmed, changes.get("page", 0))
            transitions.update_job(
                connection, row.id, now, status_text=text, pages_confirmed=confirmed
            )
            kind = observation.kind
            transitions.record_event(connection, row.id, kind, now, claim.attempt.id, **data)
            return bool(row.cancel_asked)

    def settle(self, claim: Claim, result: TxResult) -> Job:
        """Close the attempt with its result, and decide what becomes of the job.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, claim), self._now()
            attempt = self._open(connection, claim)
            plan = AttemptPlan.from_dict(attempt.plan)
            result = _completed_from_events(connection, attempt, result)
            confirmed = _confirmed(row, attempt, plan, result)
            history = DestinationHistory.from_dict(
                row.dial_number, transitions.destination_history(connection, row.dial_number)
            )
            before = past_attempts(connection, row.id)
            self._close(connection, attempt, result, now, counts=True)
            past = past_attempts(connection, row.id)
            rule = self._settings.jobs.retry[result.outcome]
            tried = row.attempts + (1 if rule.counts else 0)
            requested = requested_mode(row, self._settings)
            decision = retry.decide(
                result,
                retry.RetryHistory(
                    tried=tried,
                    retries=row.retries,
                    same=_in_a_row(past),
                    progressed=confirmed >= plan.first_page,
                    ever_fax=history.ever_fax or any(one.ever_fax for one in before),
                    rungs_left=next_mode(past, requested, history.pins) is not None,
                    give_up=history.pins.give_up,
                ),
                uncertain=self._settings.jobs.uncertain,
                table=self._settings.jobs.retry,
                chance=self._chance(),
            )
            half_life = self._settings.jobs.history_half_life * DAY
            learnt = learn(history, result, plan.mode, now.timestamp(), half_life)
            if learnt != history:
                transitions.store_destination_history(
                    connection, row.dial_number, learnt.as_dict(), now
                )
            values: dict[str, Any] = {
                "attempts": tried,
                "pages_confirmed": confirmed,
                "result": _job_result(row, result, confirmed, now).as_dict(),
                "worker_id": None,
                "status_text": "",
            }
            self._conclude(connection, row, result, decision, values, now=now)
            transitions.free_number(connection, row.dial_number)
            transitions.notify_workers(connection)
            return self._job(connection, row.id)

    def not_dialled(self, claim: Claim, problem: str, delay: float = _NOT_DIALLED_DELAY) -> Job:
        """Close an attempt that provably dialled nothing; the job can be claimed again.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, claim), self._now()
            attempt = self._open(connection, claim)
            result = _failed_before_dialling(problem, Outcome.LOCAL_TROUBLE)
            self._close(connection, attempt, result, now, counts=False)
            if row.cancel_asked:
                transitions.transition(connection, row, JobState.CANCELLED, now, why="by request")
            else:
                transitions.transition(
                    connection,
                    row,
                    JobState.PENDING,
                    now,
                    why=problem,
                    worker_id=None,
                    due_at=now + timedelta(seconds=delay),
                    status_text=problem,
                )
            transitions.free_number(connection, row.dial_number)
            transitions.notify_workers(connection)
            return self._job(connection, row.id)

    def reject_number(self, claim: Claim, problem: str) -> Job:
        """Fail a job whose number, options or document cannot be used; nothing was dialled.

        Raises:
            LeaseLost: another worker owns the job.
        """
        with self._database.write() as connection:
            row, now = self._fenced(connection, claim), self._now()
            attempt = self._open(connection, claim)
            result = _failed_before_dialling(problem, Outcome.REFUSED)
            self._close(connection, attempt, result, now, counts=False)
            stored = _job_result(row, result, row.pages_confirmed, now).as_dict()
            transitions.transition(
                connection, row, JobState.FAILED, now, why=problem, result=stored
            )
            return self._job(connection, row.id)

    # --- within -----------------------------------------------------------------------------

    def _fenced(self, connection: Connection, held: Claim | Preparation) -> Row[Any]:
        return transitions.fenced_row(connection, held.job.id, self._worker_id, held.token)

    @staticmethod
    def _open(connection: Connection, claim: Claim) -> Row[Any]:
        return connection.execute(
            select(attempts).where(attempts.c.id == claim.attempt.id, attempts.c.ended_at.is_(None))
        ).one()

    @staticmethod
    def _job(connection: Connection, job_id: str) -> Job:
        return Job.from_row(connection.execute(select(jobs).where(jobs.c.id == job_id)).one())

    @staticmethod
    def _close(
        connection: Connection, attempt: Row[Any], result: TxResult, now: datetime, *, counts: bool
    ) -> None:
        state = AttemptState(result.status.value)
        require_attempt_move(AttemptState(attempt.state), state)
        connection.execute(
            update(attempts)
            .where(attempts.c.id == attempt.id)
            .values(
                state=state,
                ended_at=now,
                outcome=result.outcome,
                result=result.as_dict(),
                counts=counts,
            )
        )

    @staticmethod
    def _conclude(
        connection: Connection,
        row: Row[Any],
        result: TxResult,
        decision: retry.Decision,
        values: dict[str, Any],
        *,
        now: datetime,
    ) -> None:
        """Move the job to where the decision puts it."""
        everything = values["pages_confirmed"] >= row.pages_total > 0
        if result.success or everything:
            transitions.transition(connection, row, JobState.COMPLETED, now, **values)
        elif row.cancel_asked or result.outcome is Outcome.CANCELLED:
            transitions.transition(
                connection, row, JobState.CANCELLED, now, why="by request", **values
            )
        elif decision.action == "hold":
            values |= {"hold": Hold.UNCERTAIN, "status_text": decision.reason}
            transitions.transition(
                connection, row, JobState.PENDING, now, why=decision.reason, **values
            )
            transitions.enqueue_notification(
                connection, row, NotificationKind.OUT_UNCERTAIN, now, reason=decision.reason
            )
        elif decision.action == "retry":
            due_at = now + timedelta(seconds=decision.delay)
            values |= {"due_at": due_at, "status_text": decision.reason}
            transitions.transition(
                connection, row, JobState.PENDING, now, why=decision.reason, **values
            )
            data = {"reason": decision.reason, "next_attempt_at": due_at.isoformat()}
            transitions.enqueue_notification(
                connection, row, NotificationKind.OUT_RETRYING, now, **data
            )
        else:
            transitions.transition(
                connection, row, JobState.FAILED, now, why=decision.reason, **values
            )


def _confirmed(row: Row[Any], attempt: Row[Any], plan: AttemptPlan, result: TxResult) -> int:
    """Return how many pages of the document are known to have arrived; never fewer than before."""
    if result.success:
        return plan.last_page
    # Pages that were observed before a crash count, also if the end of the call was not observed.
    last = max(row.pages_confirmed, attempt.page, (result.first_unconfirmed_page or 1) - 1)
    return min(int(last), int(row.pages_total))


def _page_event(page: PageRecord) -> dict[str, Any]:
    """Return a confirmed page as the data of its event: ``page`` is its number in the document."""
    data = page.as_dict()
    del data["seconds"]  # not known until the call is over
    return {"page": data.pop("number"), **data}


def _completed_from_events(connection: Connection, attempt: Row[Any], result: TxResult) -> TxResult:
    """Return the result with what only the recorded events know, after a crash of the worker."""
    rows = connection.execute(
        select(job_events.c.kind, job_events.c.data)
        .where(
            job_events.c.job_id == attempt.job_id,
            job_events.c.call_id == attempt.id,
            job_events.c.kind.in_([EventKind.NEGOTIATED, EventKind.PAGE_DONE]),
        )
        .order_by(job_events.c.id)
    ).all()
    agreed = [row.data for row in rows if row.kind == EventKind.NEGOTIATED]
    if agreed and not result.fax_speed:
        result = replace(
            result,
            fax_speed=agreed[-1]["rate"],
            fax_error_correction=agreed[-1]["ecm"],
            t38_status=agreed[-1]["t38_status"],
        )
    pages = {
        page.number: page
        for page in (
            PageRecord.from_dict({**row.data, "number": row.data["page"]})
            for row in rows
            if row.kind == EventKind.PAGE_DONE
        )
    }
    pages |= {page.number: page for page in result.pages}
    return replace(result, pages=tuple(pages[number] for number in sorted(pages)))


def _in_a_row(past: Sequence[PastAttempt]) -> int:
    """Return how many of the last attempts ended with the same outcome."""
    count = 0
    for attempt in reversed(past):
        if attempt.outcome != past[-1].outcome:
            break
        count += 1
    return count


def _failed_before_dialling(problem: str, outcome: Outcome) -> TxResult:
    return TxResult(
        call_id="",
        success=False,
        status=Status.FAILED,
        outcome=outcome,
        error_message=problem,
        retry=outcome is Outcome.LOCAL_TROUBLE,
        doubt=Doubt.NONE,
        result_code=None,
        result_text="",
        result_cause="",
    )


def _job_result(row: Row[Any], result: TxResult, confirmed: int, now: datetime) -> TxResult:
    """Return the result of a job so far: the last call's values, the pages of all calls once each.

    A fax of which every page is confirmed has arrived, however its last call ended.
    ``time_elapsed`` is the time since the fax was submitted, as the Faxes API has it;
    ``line_seconds`` is the time that its calls took.
    """
    before = TxResult.from_dict(row.result) if row.result else None
    pages = {page.number: page for page in before.pages} if before else {}
    pages |= {page.number: page for page in result.pages if page.number <= confirmed}
    if confirmed >= row.pages_total > 0:
        result = replace(result, success=True, error_message="")
    return replace(
        result,
        pages=tuple(pages[number] for number in sorted(pages)),
        pages_sent=confirmed,
        pages_total=row.pages_total,
        first_unconfirmed_page=None if result.success else confirmed + 1,
        line_seconds=(before.line_seconds if before else 0) + result.time_elapsed,
        time_elapsed=max(0, round((now - row.created_at).total_seconds())),
    )
