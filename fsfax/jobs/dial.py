"""One attempt of one job, through the engine: dial, follow, settle.

The attempt is in the database before this begins. Between the guard mark in FreeSWITCH and the
originate the engine asks once more whether the job is still ours, so that a worker that slept
dials nothing. A result that the database cannot take right now is kept until it can; should the
process die first, FreeSWITCH's marks still hold it, because they are erased only afterwards.
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

_NO_ROOM_DELAY = 5.0
_SPOOL_DELAY = 60.0

InThread = Callable[..., Any]


class Dialler:
    """Carries claims out. One for a worker; each claim runs in a greenlet of its own.

    Args:
        engine: in the hub of the worker.
        database, settlement, settings: of the worker.
        in_thread: runs a function that blocks, see `fsfax.jobs.prepare`.
        may_dial: asked right before each originate: is the lease still ours?
        ended: told each result that was written down.
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

        Returns False if the call's fate could not be proved: the attempt is still open then and
        has to be reconciled.

        Raises:
            LeaseLost: the job belongs to somebody else by now.
        """
        attempt, job = claim.attempt, claim.job
        file = self.settings.spool.absolute() / "work" / f"{attempt.id}.tif"
        try:
            self._fetch(claim, file)
            call = self._start(claim, file)
            self.calls[job.id] = call
            result = self.follow(call, claim)
        except AlreadyDialled:
            # Somebody used the id before us: look before anything else is done.
            return False
        except (NotDialled, NoCapacity, EslError, StoreError) as error:
            self.keep_trying(self.settlement.not_dialled, claim, str(error), _NO_ROOM_DELAY)
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
        """Write down what is seen of a call until it is over; return its result.

        Raises:
            LeaseLost: the job belongs to somebody else by now; the call was left to itself.
            FsfaxError: what `SendCall.result` raises.
        """
        try:
            for seen in call.progress():
                try:
                    if self.in_thread(self.settlement.observe, claim, seen):
                        call.cancel()  # asked for before the call was there to be cancelled
                except StoreError as error:
                    # The result will tell; a database that is away must not cost the call.
                    _log.warning("observation_not_stored", job=claim.job.id, error=str(error))
            return call.result()
        except BaseException:
            # Whoever owns the job now follows the call; ending it is not ours to decide.
            call.leave()
            raise

    def settle(self, claim: Claim, result: TxResult) -> None:
        """Write the result down, however long the database needs, then erase the marks.

        Raises:
            LeaseLost: the job belongs to somebody else by now.
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
            return  # what is there may still be asked for
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
        """End the call of a job; False if it has none here."""
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
        attempt, job, fax = claim.attempt, claim.job, self.settings.fax
        plan, preferences = attempt.plan, job.preferences
        return self.engine.start(
            file,
            job.dial_number,
            as_is=True,
            attempt_id=attempt.id,
            node=attempt.node,
            gateways=attempt.gateways,
            from_number=job.from_number or fax.from_number,
            from_name=job.from_name or fax.from_name,
            ident=fax.ident if preferences.ident is None else preferences.ident,
            header=fax.header if preferences.header is None else preferences.header,
            timezone=fax.timezone if preferences.timezone is None else preferences.timezone,
            t38=plan["t38"],
            ecm=plan["ecm"],
            v17=plan["v17"],
            start_page=plan["first_page"],
            end_page=plan["last_page"],
            keep_marks=True,
            may_dial=self._may_dial,
        )
