"""One attempt of one job, through the engine: dial, follow, settle.

The attempt is in the database before this begins. Between the guard mark in FreeSWITCH and the
originate the engine asks once more whether this worker still has its lease, so that a worker that
was suspended dials nothing. A result that the database cannot store now is stored once it can; if
the process ends before that, FreeSWITCH's marks still have the result, because they are erased only
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fsfax.db import documents
from fsfax.db.database import Database
from fsfax.engine.engine import Engine
from fsfax.engine.handles import SendCall
from fsfax.errors import (
    AlreadyDialled,
    DocumentError,
    EslError,
    FsfaxError,
    InvalidRequest,
    JobNotFound,
    NoCapacity,
    NotDialled,
    SpoolError,
    StoreError,
)
from fsfax.jobs.claims import Claim
from fsfax.jobs.settle import Settlement
from fsfax.log import get_logger
from fsfax.runtime.service import retry_until_stored
from fsfax.settings import Settings
from fsfax.values.results import FaxResult, Status, TxResult

_log = get_logger(__name__)

_NO_CAPACITY_DELAY = 5.0
_SPOOL_DELAY = 60.0

InThread = Callable[..., Any]


class Dialler:
    """Makes the calls of one worker's claims, each in a greenlet of its own.

    Args:
        engine: in the hub of the worker.
        database, settlement, settings: of the worker.
        in_thread: runs a function that blocks, see `fsfax.jobs.prepare`.
        may_dial: called right before each originate: returns whether the lease still holds.
        on_result: called with each result once it is stored.
    """

    def __init__(
        self,
        engine: Engine,
        database: Database,
        settlement: Settlement,
        settings: Settings,
        *,
        in_thread: InThread,
        may_dial: Callable[[], bool],
        on_result: Callable[[FaxResult], None] = lambda _: None,
    ) -> None:
        self.engine = engine
        self.settlement = settlement
        self.settings = settings
        self.calls: dict[str, SendCall] = {}
        self._database = database
        self.in_thread = in_thread
        self._may_dial = may_dial
        self._on_result = on_result

    def dial(self, claim: Claim) -> bool:
        """Place the call of a claim, follow it and settle it.

        Returns False if the call's fate cannot be proved: the attempt is still open then and has to
        be reconciled.

        Raises:
            LeaseLost: another worker owns the job now.
        """
        attempt, job = claim.attempt, claim.job
        file = self.settings.spool.absolute() / "work" / f"{attempt.id}.tif"
        try:
            self._fetch(claim, file)
            call = self._start(claim, file)
            self.calls[job.id] = call
            result = self.follow(call, claim)
        except AlreadyDialled:
            # The id was used before: ask FreeSWITCH before anything else is done.
            return False
        except (NotDialled, NoCapacity, EslError, StoreError) as error:
            self.keep_trying(self.settlement.not_dialled, claim, str(error), _NO_CAPACITY_DELAY)
        except SpoolError as error:
            self.keep_trying(self.settlement.not_dialled, claim, str(error), _SPOOL_DELAY)
        except (InvalidRequest, DocumentError, JobNotFound) as error:
            self.keep_trying(self.settlement.reject_number, claim, str(error))
        else:
            if result.status is Status.UNCERTAIN:
                return False
            self.settle(claim, result)
        finally:
            self.calls.pop(job.id, None)
            file.unlink(missing_ok=True)
        return True

    def follow(self, call: SendCall, claim: Claim) -> TxResult:
        """Record what is observed of a call until it is over; return its result.

        Raises:
            LeaseLost: another worker owns the job now; the call was left as it is.
            FsfaxError: what `SendCall.result` raises.
        """
        try:
            for observation in call.progress():
                try:
                    if self.in_thread(self.settlement.observe, claim, observation):
                        call.cancel()  # was requested before this call could be cancelled
                except StoreError as error:
                    # The result has it, too; the call goes on without the database.
                    _log.warning("observation_not_stored", job=claim.job.id, error=str(error))
            return call.result()
        except BaseException:
            # The worker that owns the job now follows the call; it must not be ended here.
            call.leave()
            raise

    def settle(self, claim: Claim, result: TxResult) -> None:
        """Store the result, however long the database is away, then erase the marks.

        Raises:
            LeaseLost: another worker owns the job now.
        """
        job = self.keep_trying(self.settlement.settle, claim, result)
        _log.info(
            "attempt_settled",
            job=job.id,
            attempt=claim.attempt.id,
            outcome=result.outcome.value,
            state=job.state.value,
        )
        self._on_result(result)
        if result.status is Status.UNCERTAIN:
            return  # the marks may still be needed
        try:
            self.engine.forget(claim.attempt.id, gateways=max(1, len(claim.attempt.gateways)))
        except FsfaxError as error:
            _log.info("marks_left", attempt=claim.attempt.id, error=str(error))

    def keep_trying(self, write: Callable[..., Any], *args: Any) -> Any:
        """Call ``write`` in a thread until the database takes it; return its value.

        Raises:
            LeaseLost: it never will: another worker owns the job now.
        """
        return retry_until_stored(partial(self.in_thread, write, *args), write.__name__)

    def cancel(self, job_id: str) -> bool:
        """End the call of a job; return False if this worker has no call of it."""
        call = self.calls.get(job_id)
        if call:
            call.cancel()
        return call is not None

    # --- within -----------------------------------------------------------------------------

    def _fetch(self, claim: Claim, file: Path) -> None:
        if claim.fax is None:
            raise JobNotFound(f"the document of job {claim.job.id} was removed")
        self.in_thread(documents.save, self._database, claim.fax, file)

    def _start(self, claim: Claim, file: Path) -> SendCall:
        attempt, job, plan = claim.attempt, claim.job, claim.attempt.plan
        fax = job.preferences.over(self.settings.fax)
        return self.engine.start(
            file,
            job.dial_number,
            as_is=True,
            attempt_id=attempt.id,
            node=attempt.node,
            gateways=attempt.gateways,
            from_number=job.from_number or fax.from_number,
            from_name=job.from_name or fax.from_name,
            ident=fax.ident,
            header=fax.header,
            timezone=fax.timezone,
            t38=plan.mode.t38,
            ecm=plan.mode.ecm,
            v17=plan.mode.v17,
            start_page=plan.first_page,
            end_page=plan.last_page,
            keep_marks=True,
            may_dial=self._may_dial,
        )
