"""Inbound faxes as jobs, from the first event to the stored document: one row per call.

The engine stores a fax as a file before it reports it; `InboundFaxes.store` puts file and result
into the database in one commit, and only then may the file be removed. Storing a fax twice (after
a crash in between) changes nothing. `fsfax.accounts.routing` finds the account and the faxbox; if
the faxbox forwards faxes (`fsfax.jobs.forward`), that job is part of the same commit.

Of a blocked caller only the call is recorded, and no notification is sent: a block list against
advertisements would otherwise turn them into mails.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, exc, insert, select

from fsfax.accounts import routing
from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.schema import PROCESSING, jobs
from fsfax.db.schema import documents as documents_table
from fsfax.db.states import Direction, JobState
from fsfax.engine.admission import Admission
from fsfax.engine.observations import (
    Answered,
    Created,
    FaxStarted,
    Negotiated,
    Observation,
    PageDone,
)
from fsfax.jobs.forward import forward
from fsfax.runtime.clock import Clock, utc_now
from fsfax.settings import InboundSettings
from fsfax.values.events import EventKind
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import RxResult, Status


class InboundFaxes:
    """Stores inbound calls and their faxes.

    Args:
        database: where the jobs are.
        inbound: the owner of faxes to unknown numbers.
        clock: for tests.
    """

    def __init__(
        self,
        database: Database,
        inbound: InboundSettings | None = None,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._inbound = inbound or InboundSettings()
        self._now = clock

    def admit(self, caller: str, called: str) -> Admission:
        """Return whether a call is accepted, and how; see `fsfax.accounts.callers`.

        Raises:
            StoreError: the database cannot be used.
        """
        with self._database.read() as connection:
            return routing.admission(connection, caller, called, self._inbound)

    def observe(self, call_id: str, observation: Observation) -> None:
        """Record an observation of an inbound call; the first one inserts the job.

        Only the creation of the channel and the stages of a fax are recorded.
        """
        text, data = _recorded(observation)
        if not text and not isinstance(observation, Created):
            return
        with self._database.write() as connection:
            now = self._now()
            changes = {"status_text": text}
            row = self._of_call(connection, call_id)
            row = row or self._begin(connection, call_id, now, observation)
            if row.state != JobState.PROCESSING:
                return
            if isinstance(observation, Created):
                changes |= self._numbers(connection, row, observation, now)
            transitions.update_job(connection, row.id, now, **changes)
            kind = observation.kind
            transitions.record_event(connection, row.id, kind, now, call_id, **data)

    def store(self, result: RxResult) -> Job:
        """Store a received fax, its file and its result; a second time changes nothing.

        Raises:
            DocumentNotFound: the file cannot be read.
            StoreError: the database cannot store it; the file has to stay.
        """
        with self._database.write() as connection:
            now = self._now()
            row = self._of_call(connection, result.call_id)
            row = row or self._begin(connection, result.call_id, now, result)
            if result.to_number:
                # Before the notification is enqueued: it belongs to the account.
                numbers = self._numbers(connection, row, result, now)
                transitions.update_job(connection, row.id, now, **numbers)
                row = self._row(connection, row.id)
            if result.file and not self._has_document(connection, row.id):
                transitions.update_job(connection, row.id, now, documents_expired=False)
                documents.add(
                    connection,
                    row.id,
                    Path(result.file),
                    kind="received",
                    media_type="image/tiff",
                    at=now,
                    name=f"{result.call_id}.tif",
                    pages=result.pages_received,
                )
            # A fax that broke off after some pages is stored, too, as failed.
            new = JobState.COMPLETED if result.success else JobState.FAILED
            if row.state == JobState.PROCESSING or (
                row.state == JobState.FAILED and new is JobState.COMPLETED
            ):
                transitions.transition(
                    connection,
                    row,
                    new,
                    now,
                    why=result.error_message,
                    notify=not result.blocked,
                    result=replace(result, file=None).as_dict(),
                    pages_total=result.pages_total,
                    pages_confirmed=result.pages_received,
                )
                if new is JobState.COMPLETED:
                    forward(connection, Job.from_row(self._row(connection, row.id)), now)
            return Job.from_row(self._row(connection, row.id))

    def unfinished(self) -> tuple[Job, ...]:
        """Return the inbound faxes without an end: still being received, or the end was missed."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(jobs).where(PROCESSING, jobs.c.direction == Direction.IN)
            )
            return tuple(Job.from_row(row) for row in rows)

    def mark_lost(self, call_id: str) -> None:
        """Fail a fax whose end was missed and that left no file.

        A file that is found later completes it.
        """
        with self._database.write() as connection:
            row = self._of_call(connection, call_id)
            if row is not None and row.state == JobState.PROCESSING:
                problem = (
                    "The call ended while no worker was connected, and no page of it was found."
                )
                result = RxResult(
                    call_id=call_id,
                    success=False,
                    status=Status.UNCERTAIN,
                    outcome=Outcome.UNKNOWN,
                    error_message=problem,
                    retry=False,
                    doubt=Doubt.ANY,
                    result_code=None,
                    result_text="",
                    result_cause="",
                )
                transitions.transition(
                    connection,
                    row,
                    JobState.FAILED,
                    self._now(),
                    why=problem,
                    result=result.as_dict(),
                )

    # --- within -----------------------------------------------------------------------------

    @staticmethod
    def _row(connection: Connection, job_id: str) -> Row[Any]:
        return connection.execute(select(jobs).where(jobs.c.id == job_id)).one()

    @staticmethod
    def _of_call(connection: Connection, call_id: str) -> Row[Any] | None:
        query = select(jobs).where(jobs.c.call_id == call_id).with_for_update()
        return connection.execute(query).first()

    @staticmethod
    def _has_document(connection: Connection, job_id: str) -> bool:
        query = select(documents_table.c.id).where(documents_table.c.job_id == job_id).limit(1)
        return connection.execute(query).first() is not None

    def _numbers(
        self, connection: Connection, row: Row[Any], call: Created | RxResult, now: datetime
    ) -> dict[str, Any]:
        """Return the columns of who called whom, and of the owner that follows from it.

        Values that were observed on the call are preferred to those that are found later: the
        dialplan records numbers in digits only, and no name.
        """
        same = call.from_number.lstrip("+") == row.from_number.lstrip("+")
        called = {
            "from_number": row.from_number if same else call.from_number or row.from_number,
            "from_name": call.from_name or row.from_name,
            "to_number": call.to_number,
        }
        if row.to_number == call.to_number:
            # The owner at the beginning of the call stays.
            return called
        owner = routing.route(connection, call.to_number, self._inbound, now, row.call_id)
        return called | {"account_id": owner.account_id, "faxbox_id": owner.faxbox_id}

    def _begin(
        self, connection: Connection, call_id: str, now: datetime, first: Observation | RxResult
    ) -> Row[Any]:
        """Insert the job of a call at its first observation; return the row."""
        called = first.to_number if isinstance(first, Created | RxResult) else ""
        owner = routing.route(connection, called, self._inbound, now, call_id)
        job_id = f"{now:%Y%m}-{uuid.uuid4().hex}"
        values: dict[str, Any] = {
            "id": job_id,
            "account_id": owner.account_id,
            "faxbox_id": owner.faxbox_id,
            "to_number": called,
            "direction": Direction.IN,
            "state": JobState.PROCESSING,
            "created_at": now,
            "modified_at": now,
            "due_at": now,
            "prepared": True,
            "preferences": {},
            "fields": {},
            "call_id": call_id,
        }
        try:
            with connection.begin_nested():
                connection.execute(insert(jobs).values(values))
        except exc.IntegrityError:
            # Another worker inserted the call at the same moment.
            return connection.execute(select(jobs).where(jobs.c.call_id == call_id)).one()
        transitions.record_event(
            connection, job_id, EventKind.STATE, now, call_id, state=JobState.PROCESSING
        )
        return self._row(connection, job_id)


def _recorded(observation: Observation) -> tuple[str, dict[str, Any]]:
    """Return the status text and the values of an observation, ("", {}) if it has none."""
    match observation:
        case Answered():
            return "answered, negotiating", {}
        case FaxStarted():
            return "waiting for the far end's fax", {}
        case Negotiated(rate=rate, ecm=ecm, t38_status=t38_status):
            data = {"rate": rate, "ecm": ecm, "t38_status": t38_status}
            return "receiving the first page", data
        case PageDone(number=number):
            return f"{number} page(s) received", {"page": number}
        case _:
            return "", {}
