"""The worker: claims due jobs, makes their calls, and takes over jobs of workers that died.

    with fsfax.Worker(settings) as worker:      # or: fsfax worker
        worker.wait()

It is a `fsfax.runtime.service.Service`, and runs in one gevent hub together with its engine. The
database is used in a few real threads, so that a slow disk or a server that is down never stops a
fax on the line. Its greenlets:

    loop ────── take over, cancel, prepare, claim; then wait for a change in the database
    heartbeat ─ extends the lease
    inbound ─── receives faxes, in one worker at a time
    retention ─ removes documents whose time is over, now and then
    one for each document that is prepared, one for each call

A worker that is stopped claims nothing new, gives its calls time to end and leaves those that did
not end to the next worker: their channels stay up. A worker whose lease was lost releases all its
calls and registers as a new worker.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import gevent.pool

from fsfax.db.change_listener import ChangeListener
from fsfax.db.database import Database
from fsfax.engine.engine import Engine
from fsfax.errors import LeaseLost, SpoolError, StoreError
from fsfax.jobs.claims import Claim, Claims, NodeCapacity, Preparation
from fsfax.jobs.dial import Dialler
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.inbound_service import InboundService
from fsfax.jobs.leases import Leases
from fsfax.jobs.prepare import Preparer
from fsfax.jobs.reconcile import reconcile
from fsfax.jobs.retention import Retention
from fsfax.jobs.settle import Settlement
from fsfax.log import get_logger
from fsfax.runtime.hub import HubChoice
from fsfax.runtime.service import TROUBLE_PAUSE, Service
from fsfax.settings import Settings
from fsfax.values.results import FaxResult

_log = get_logger(__name__)

_BATCH = 10
"""Jobs claimed in one transaction."""

_MARGIN = 0.25
"""Share of the lease that must be left when a call is placed."""

_SWEEP_INTERVAL = 600.0
_LEFTOVER_AGE = 3600.0
"""Seconds after which a file without an owner is taken for one that a killed process left."""

_NO_CAPACITY_PAUSE = 1.0


class Worker(Service):
    """Works on the jobs of a database until it is stopped.

    `stop` claims nothing new, gives the calls under way ``jobs.drain`` seconds, and leaves the
    others to the next worker.

    Args:
        settings: all of them, see `fsfax.Settings`; ``database`` is the URL of the jobs' database.
        hub: where it runs, see `fsfax.Engine`.
        engine: one to share, in the same hub; without one the worker makes its own.
        on_result: called with the result of each call, sent or received, once it is stored.

    Raises:
        StoreOutdated: the tables are of another version.
        StoreUnavailable: the database cannot be reached.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        hub: HubChoice = "auto",
        engine: Engine | None = None,
        on_result: Callable[[FaxResult], None] = lambda _: None,
    ) -> None:
        self._on_result = on_result
        self.settings = settings
        self.database = Database(settings.database.get_secret_value())
        self.database.require_current()
        self._given = engine
        jobs = settings.jobs
        super().__init__(
            self.database,
            lambda: ChangeListener(self.database, jobs.poll),
            hub=hub,
            drain=jobs.drain,
            heartbeat=jobs.lease / 3,
        )

    @property
    def busy(self) -> int:
        """Number of calls under way."""
        return len(self._calls)

    # --- begin and end ------------------------------------------------------------------------

    def _begin(self) -> None:
        self.engine = self._given or Engine(self.settings, hub="current")
        self._calls: dict[str, gevent.Greenlet[..., None]] = {}
        self._preparations = gevent.pool.Group()
        self._inbound_service: InboundService | None = None
        self._swept_at = -_SWEEP_INTERVAL
        self._retention_greenlet: gevent.Greenlet[..., None] | None = None
        self._register_as_new_worker()

    def _register_as_new_worker(self) -> None:
        """Create a new worker identity and everything bound to it."""
        name = f"{socket.gethostname()}/{os.getpid()}"
        self._leases = Leases(self.database, name, self.settings.jobs.lease)
        id = self._leases.worker_id
        self._claims = Claims(self.database, id, self.settings)
        self._settlement = Settlement(self.database, id, self.settings)
        self._inbound_faxes = InboundFaxes(self.database, self.settings.inbound)
        self._lease_until = 0.0
        self._registered = False
        self._preparer = Preparer(
            self.engine, self.database, self._settlement, self.settings, self._in_thread
        )
        self._dialler = Dialler(
            self.engine,
            self.database,
            self._settlement,
            self.settings,
            in_thread=self._in_thread,
            may_dial=self._may_dial,
            on_result=self._on_result,
        )

    def _end(self) -> None:
        self._release_calls()
        if self._registered:
            try:
                self._in_thread(self._leases.retire)
            except StoreError as error:
                _log.warning("lease_not_given_back", error=str(error))  # it expires
        if not self._given:
            self.engine.close()

    def _release_calls(self) -> None:
        """Stop following calls; their channels stay up for the worker that takes them over."""
        if self._inbound_service:
            self._inbound_service.close()
            self._inbound_service = None
        for greenlet in list(self._calls.values()):
            greenlet.kill()
        self._preparations.kill()
        if self._retention_greenlet:
            self._retention_greenlet.kill()
        self._calls.clear()

    # --- the loop -----------------------------------------------------------------------------

    def _run_once(self) -> float:
        try:
            return self._do_what_is_due()
        except LeaseLost as error:
            self._register_again(str(error))
            return 0.0

    def _do_what_is_due(self) -> float:
        """Do everything that is due; return the seconds until something else may be due."""
        if not self._registered:
            self._in_thread(self._leases.register)
            self._registered = True
            self._extend_lease()
        self._receive_if_elected()
        self._sweep_if_due()
        for claim in self._in_thread(self._claims.take_over):
            _log.info("job_taken_over", job=claim.job.id, attempt=claim.attempt.id)
            self._spawn_call(claim, self._reconcile)
        for job_id in self._in_thread(self._claims.asked_to_cancel):
            self._dialler.cancel(job_id)
        full = self._prepare_what_is_due()
        pause = self._call_what_is_due()
        if pause is not None:
            return pause
        due = self._in_thread(self._claims.next_due)
        longest = self.settings.jobs.lease / 3
        if due is None or full:
            return longest
        return min(longest, max(0.01, due.timestamp() - time.time()))

    def _prepare_what_is_due(self) -> bool:
        """Begin to prepare documents; return whether no more can be begun now."""
        free = self.settings.jobs.prepare - len(self._preparations)
        if free > 0:
            for preparation in self._in_thread(self._claims.claim_unprepared, free):
                self._preparations.spawn(self._prepare, preparation)
        return len(self._preparations) >= self.settings.jobs.prepare

    def _call_what_is_due(self) -> float | None:
        """Begin calls; return a pause if more may be due that cannot be begun now."""
        while not self._stopping and self._may_dial():
            nodes = self._node_capacities()
            limit = self.settings.jobs.calls
            free = min(_BATCH, limit - len(self._calls)) if limit else _BATCH
            if free <= 0:
                return self.settings.jobs.lease / 3  # the end of a call wakes the loop
            if not nodes:
                return _NO_CAPACITY_PAUSE
            claims = self._in_thread(self._claims.claim, nodes, free)
            for claim in claims:
                self._spawn_call(claim, self._dial)
            if len(claims) < free:
                return None
        return _NO_CAPACITY_PAUSE

    def _node_capacities(self) -> list[NodeCapacity]:
        """Return the nodes that are up, with their limits."""
        limits = {node.name: node for node in self.settings.nodes}
        return [
            NodeCapacity(
                node=node.name,
                core=node.core,
                capacity=limits[node.name].capacity,
                gateways={gateway.name: gateway.capacity for gateway in limits[node.name].gateways},
            )
            for node in self.engine.nodes()
            if node.state == "up"
        ]

    # --- the lease ----------------------------------------------------------------------------

    def _heartbeat(self) -> None:
        if not self._registered:
            return
        try:
            self._in_thread(self._leases.heartbeat)
        except LeaseLost as error:
            self._register_again(str(error))
        else:
            self._extend_lease()

    def _extend_lease(self) -> None:
        self._lease_until = time.monotonic() + self.settings.jobs.lease

    def _may_dial(self) -> bool:
        left = self._lease_until - time.monotonic()
        return not self._stopping and left > _MARGIN * self.settings.jobs.lease

    def _register_again(self, why: str) -> None:
        if self._stopping or not self._registered:
            return
        _log.warning("worker_registers_again", why=why)
        self._release_calls()
        self._register_as_new_worker()
        self._listener.wake()

    # --- greenlets ----------------------------------------------------------------------------

    def _spawn_call(self, claim: Claim, work: Callable[[Claim], None]) -> None:
        job_id = claim.job.id

        def supervised() -> None:
            try:
                work(claim)
            except LeaseLost as error:
                _log.warning("job_lost", job=job_id, error=str(error))
            except Exception:  # noqa: BLE001  # the job has to be claimed again, whatever the error
                _log.exception("call_failed", job=job_id)
                gevent.sleep(TROUBLE_PAUSE)
                self._dialler.keep_trying(self._claims.release, job_id, claim.token)
            finally:
                if self._calls.get(job_id) is gevent.getcurrent():
                    del self._calls[job_id]
                self._listener.wake()

        self._calls[job_id] = gevent.spawn(supervised)

    def _dial(self, claim: Claim) -> None:
        if not self._dialler.dial(claim):
            reconcile(self._dialler, claim)

    def _reconcile(self, claim: Claim) -> None:
        reconcile(self._dialler, claim)

    def _prepare(self, preparation: Preparation) -> None:
        try:
            self._preparer.prepare(preparation)
        except LeaseLost as error:
            _log.warning("job_lost", job=preparation.job.id, error=str(error))
        except Exception:  # noqa: BLE001  # it has to be tried again, whatever the error
            _log.exception("preparation_failed", job=preparation.job.id)
            gevent.sleep(TROUBLE_PAUSE)
            self._dialler.keep_trying(self._claims.release, preparation.job.id, preparation.token)
        finally:
            self._listener.wake()

    def _receive_if_elected(self) -> None:
        if not self.settings.jobs.receive:
            return
        if not self._in_thread(self._leases.take_duty, "receive"):
            return
        if self._inbound_service is None:
            self._inbound_service = InboundService(
                self.engine,
                self._inbound_faxes,
                self.settings,
                in_thread=self._in_thread,
                on_result=self._on_result,
            )
        self._inbound_service.mark_lost_faxes()

    def _sweep_if_due(self) -> None:
        """Remove files that killed processes left in the spool; begin to apply the retention."""
        if time.monotonic() < self._swept_at + _SWEEP_INTERVAL:
            return
        self._swept_at = time.monotonic()
        keep = self._in_thread(self._claims.open_attempts)
        try:
            self.engine.sweep(keep, older_than=_LEFTOVER_AGE)
            self._in_thread(_remove_leftovers, self.settings.spool.absolute() / "work", keep)
        except (SpoolError, OSError) as error:
            _log.warning("spool_not_swept", error=str(error))
        if not self._retention_greenlet:
            # In a greenlet: the first time there may be documents of years.
            self._retention_greenlet = gevent.spawn(self._apply_retention)

    def _apply_retention(self) -> None:
        try:
            steps = Retention(self.database).steps()
            while self._in_thread(next, steps, None) is not None:
                gevent.sleep(0)
        except StoreError as error:
            _log.warning("documents_not_removed", error=str(error))


def _remove_leftovers(folder: Path, keep: frozenset[str]) -> None:
    """Remove old files and folders of attempts that are not in ``keep``."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.stem in keep or time.time() - path.stat().st_mtime < _LEFTOVER_AGE:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
