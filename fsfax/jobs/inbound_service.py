"""Moves inbound faxes from the engine into the database.

The engine puts every fax into a folder of its own before it reports it
(`fsfax.engine.inbound_spool`). Here it is stored in the database and only then removed from the
folder, so that a crash at any moment leaves it in one of the two places; faxes found in the folder
at the start are stored first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent

from fsfax.engine.admission import ACCEPT, Admission
from fsfax.engine.engine import Engine
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import Observation
from fsfax.engine.verdict import Fate
from fsfax.errors import Closed, DocumentNotFound, EslError, FsfaxError, StoreError
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.log import get_logger
from fsfax.settings import Settings
from fsfax.values.results import FaxResult

_log = get_logger(__name__)

_PAUSE = 2.0
"""Seconds before a fax that the database did not take is offered again."""

_LOOK = 30.0
"""Seconds between two looks at faxes of which nobody saw the end."""


class InboundService:
    """Receives for all; one worker at a time has one.

    Args:
        engine: in the hub of the caller.
        incoming: what is written down.
        settings: the spool, and how long an end that nobody saw is waited for.
        in_thread: runs a function that blocks, see `fsfax.jobs.prepare`.
        ended: told each result that was written down.
    """

    def __init__(
        self,
        engine: Engine,
        incoming: InboundFaxes,
        settings: Settings,
        *,
        in_thread: Callable[..., Any],
        on_result: Callable[[FaxResult], None] = lambda _: None,
    ) -> None:
        self._on_result = on_result
        self._engine = engine
        self._incoming = incoming
        self._settings = settings
        self._in_thread = in_thread
        self._inbox = InboundSpool(settings.spool.absolute() / "received")
        self._looked_at = time.monotonic()
        self._alone: dict[str, float] = {}
        self._receiving = engine.receive(
            self._inbox.folder, on_progress=self._observe, admit=self._admit
        )
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """Stop; what is cut off is found by whoever receives next."""
        self._greenlet.kill()
        self._receiving.close()

    def look_after(self) -> None:
        """Give up faxes that ended unseen and left nothing, once enough time has passed.

        Raises:
            StoreError: the database cannot be used.
        """
        if time.monotonic() < self._looked_at + _LOOK:
            return
        self._looked_at = time.monotonic()
        there = set(self._inbox.pending())
        unfinished = {
            job.call_id for job in self._in_thread(self._incoming.unfinished) if job.call_id
        }
        self._alone = {id: at for id, at in self._alone.items() if id in unfinished}
        for call_id in unfinished - there:
            try:
                is_up = self._engine.fate(call_id) is Fate.UP
            except EslError as error:
                _log.info("fate_unknown", call_id=call_id, error=str(error))
                continue
            if is_up:
                self._alone.pop(call_id, None)
                continue
            since = self._alone.setdefault(call_id, time.monotonic())
            if time.monotonic() - since > self._settings.jobs.uncertain_after:
                self._in_thread(self._incoming.mark_lost, call_id)

    # --- within -----------------------------------------------------------------------------

    def _run(self) -> None:
        for call_id in self._inbox.pending():
            self._keep(call_id)
        while True:
            try:
                result = self._receiving.get()
            except Closed:
                return
            self._keep(result.call_id)

    def _keep(self, call_id: str) -> None:
        """Store one fax, however long the database needs, then remove the files."""
        while True:
            try:
                result = self._inbox.load(call_id)
                job = self._in_thread(self._incoming.store, result)
            except StoreError as error:
                _log.warning("fax_not_stored_yet", call_id=call_id, error=str(error))
                gevent.sleep(_PAUSE)
            except (DocumentNotFound, FsfaxError) as error:
                # Its files stay where they are: a person can look at them.
                _log.error("fax_not_storable", call_id=call_id, error=str(error))
                return
            else:
                self._inbox.remove(call_id)
                self._on_result(result)
                _log.info("fax_stored", job=job.id, call_id=call_id, state=job.state.value)
                return

    def _admit(self, caller: str, called: str) -> Admission:
        try:
            admission: Admission = self._in_thread(self._incoming.admit, caller, called)
        except StoreError as error:
            # Better a fax of somebody unwanted than none of anybody.
            _log.warning("lists_not_read", called=called, error=str(error))
            return ACCEPT
        return admission

    def _observe(self, call_id: str, seen: Observation) -> None:
        try:
            self._in_thread(self._incoming.observe, call_id, seen)
        except StoreError as error:
            _log.warning("observation_not_stored", call_id=call_id, error=str(error))
