"""Moves inbound faxes from the engine into the database.

The engine puts every fax into a folder of its own before it reports it
(`fsfax.engine.inbound_spool`). Here it is stored in the database and only then removed from the
folder, so that a crash at any moment leaves it in one of the two places; faxes found in the folder
at the start are stored first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent

from fsfax.db.records import Job
from fsfax.engine.admission import ACCEPT, Admission
from fsfax.engine.engine import Engine
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import Observation
from fsfax.engine.verdict import Fate
from fsfax.errors import Closed, EslError, FsfaxError, StoreError
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.log import get_logger
from fsfax.runtime.service import retry_until_stored
from fsfax.settings import Settings
from fsfax.values.results import FaxResult, RxResult

_log = get_logger(__name__)

_LOST_CHECK_INTERVAL = 30.0
"""Seconds between two checks for faxes whose end was missed."""


class InboundService:
    """Receives the faxes of all nodes; one worker at a time has one.

    Args:
        engine: in the hub of the caller.
        inbound_faxes: stores the faxes.
        settings: the spool, and how long a missed end is waited for.
        in_thread: runs a function that blocks, see `fsfax.jobs.prepare`.
        on_result: called with each result once it is stored.
    """

    def __init__(
        self,
        engine: Engine,
        inbound_faxes: InboundFaxes,
        settings: Settings,
        *,
        in_thread: Callable[..., Any],
        on_result: Callable[[FaxResult], None] = lambda _: None,
    ) -> None:
        self._on_result = on_result
        self._engine = engine
        self._inbound_faxes = inbound_faxes
        self._settings = settings
        self._in_thread = in_thread
        self._spool = InboundSpool(settings.spool.absolute() / "received")
        self._checked_at = time.monotonic()
        self._missing_since: dict[str, float] = {}
        self._receiving = engine.receive(
            self._spool.folder, on_progress=self._observe, admit=self._admit
        )
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """Stop receiving; the next worker finds what is cut off."""
        self._greenlet.kill()
        self._receiving.close()

    def mark_lost_faxes(self) -> None:
        """Mark as lost the faxes whose call ended unseen and left no file, after a while.

        The while is ``jobs.uncertain_after`` seconds, and begins when FreeSWITCH is known to have
        no such call.

        Raises:
            StoreError: the database cannot be used.
        """
        if time.monotonic() < self._checked_at + _LOST_CHECK_INTERVAL:
            return
        self._checked_at = time.monotonic()
        in_spool = set(self._spool.pending())
        unfinished = {
            job.call_id for job in self._in_thread(self._inbound_faxes.unfinished) if job.call_id
        }
        self._missing_since = {id: at for id, at in self._missing_since.items() if id in unfinished}
        for call_id in unfinished - in_spool:
            try:
                is_up = self._engine.fate(call_id) is Fate.UP
            except EslError as error:
                _log.info("fate_unknown", call_id=call_id, error=str(error))
                continue
            if is_up:
                self._missing_since.pop(call_id, None)
                continue
            since = self._missing_since.setdefault(call_id, time.monotonic())
            if time.monotonic() - since > self._settings.jobs.uncertain_after:
                self._in_thread(self._inbound_faxes.mark_lost, call_id)

    # --- within -----------------------------------------------------------------------------

    def _run(self) -> None:
        for call_id in self._spool.pending():
            self._store(call_id)
        while True:
            try:
                result = self._receiving.get()
            except Closed:
                return
            self._store(result.call_id)

    def _store(self, call_id: str) -> None:
        """Store one fax, however long the database is away, then remove its files."""
        store = partial(self._load_and_store, call_id)
        try:
            result, job = retry_until_stored(store, "inbound fax", call_id=call_id)
        except FsfaxError as error:
            # Its files stay in the spool for inspection.
            _log.error("fax_not_storable", call_id=call_id, error=str(error))
            return
        self._spool.remove(call_id)
        self._on_result(result)
        _log.info("fax_stored", job=job.id, call_id=call_id, state=job.state.value)

    def _load_and_store(self, call_id: str) -> tuple[RxResult, Job]:
        result = self._spool.load(call_id)
        return result, self._in_thread(self._inbound_faxes.store, result)

    def _admit(self, caller: str, called: str) -> Admission:
        try:
            admission: Admission = self._in_thread(self._inbound_faxes.admit, caller, called)
        except StoreError as error:
            # A fax from a blocked caller is better than losing the faxes of all others.
            _log.warning("caller_lists_not_read", called=called, error=str(error))
            return ACCEPT
        return admission

    def _observe(self, call_id: str, observation: Observation) -> None:
        try:
            self._in_thread(self._inbound_faxes.observe, call_id, observation)
        except StoreError as error:
            _log.warning("observation_not_stored", call_id=call_id, error=str(error))
