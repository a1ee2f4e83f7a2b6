"""The worker: claims what is due, carries it out, and picks up what others dropped.

    with fsfax.Worker(settings) as worker:      # or: fsfax worker
        worker.wait()

It lives in one gevent hub, together with its engine (see `fsfax.runtime.hub` for which). The
database is used in a few real threads, so that a slow disk or a server that went away never
stops a fax on the line. Its greenlets:

    live ──── the loop: take over, cancel, prepare, claim; then wait for the listener
    beat ──── the heartbeat of the lease
    receive ─ incoming faxes, in one worker at a time
    empty ─── documents whose time is over, now and then
    one for each document that is made ready, one for each call

A worker that is stopped takes on nothing new, gives its calls time to end and leaves those that
did not to the next one: their channels stay up. A worker that finds itself replaced lets go of
everything and begins anew.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import gevent
import gevent.event
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
from fsfax.runtime.hub import HubChoice, HubRunner
from fsfax.runtime.threads import Threads
from fsfax.settings import Settings
from fsfax.values.results import FaxResult

_log = get_logger(__name__)

_THREADS = 4
"""Transactions at once: they take milliseconds."""

_BATCH = 10
"""Jobs claimed in one transaction."""

_MARGIN = 0.25
"""Share of the lease that must be left for a call to be placed."""

_SWEEP_INTERVAL = 600.0
_LEFTOVER_AGE = 3600.0
"""Seconds after which a file that nobody owns is waste that a killed process left."""

_NO_CAPACITY_PAUSE = 1.0
_TROUBLE_PAUSE = 2.0


class Worker:
    """Works on the jobs of a database until it is stopped.

    Args:
        settings: everything, see `fsfax.Settings`; ``database`` names the jobs' place.
        hub: where it lives, see `fsfax.Engine`.
        engine: one that is to be shared, in the same hub; else it makes its own.
        ended: told the result of each call, sent or received, when it is written down.

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
        self._hub = HubRunner(hub)
        self._given = engine
        self._stopped = False
        self._stopping = False
        self._hub.run(self._begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def busy(self) -> int:
        """Calls under way."""
        return len(self._calls)

    def wait(self) -> None:
        """Wait until somebody stops the worker."""
        self._hub.run(self._stopped_event.wait)

    def stop(self, drain: float | None = None) -> None:
        """Take on nothing new, give running calls ``drain`` seconds, hand the others over.

        ``drain`` defaults to ``jobs.drain``; a second call with less cuts the first one short.
        """
        if self._stopped:
            return
        seconds = self.settings.jobs.drain if drain is None else drain
        self._hub.run(self._end, seconds)
        self._stopped = True
        self._hub.close()
        self.database.close()

    # --- at home: begin and end ---------------------------------------------------------------

    def _begin(self) -> None:
        self._stopped_event = gevent.event.Event()
        self._drain_now = gevent.event.Event()
        self._threads = Threads(_THREADS)
        self._in_thread = self._threads.run
        self.engine = self._given or Engine(self.settings, hub="current")
        self._listener = ChangeListener(self.database, self.settings.jobs.poll)
        self._calls: dict[str, gevent.Greenlet[..., None]] = {}
        self._preparations = gevent.pool.Group()
        self._reception: InboundService | None = None
        self._swept_at = -_SWEEP_INTERVAL
        self._retention_greenlet: gevent.Greenlet[..., None] | None = None
        self._register_as_new_worker()
        self._loop_greenlet = gevent.spawn(self._run_loop)
        self._heartbeat_greenlet = gevent.spawn(self._heartbeat_loop)

    def _register_as_new_worker(self) -> None:
        """Become a worker that the database does not know yet."""
        name = f"{socket.gethostname()}/{os.getpid()}"
        self._leases = Leases(self.database, name, self.settings.jobs.lease)
        id = self._leases.worker_id
        self._claims = Claims(self.database, id, self.settings)
        self._settlement = Settlement(self.database, id, self.settings)
        self._incoming = InboundFaxes(self.database, self.settings.inbound)
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

    def _end(self, drain: float) -> None:
        if self._stopping:
            self._drain_now.set()
            self._stopped_event.wait()
            return
        self._stopping = True
        self._listener.wake()
        _log.info("worker_draining", calls=len(self._calls), seconds=drain)
        deadline = time.monotonic() + drain
        while self._calls and time.monotonic() < deadline and not self._drain_now.is_set():
            self._drain_now.wait(min(0.1, max(0.0, deadline - time.monotonic())))
        self._release_calls()
        self._loop_greenlet.kill()
        self._heartbeat_greenlet.kill()
        if self._registered:
            try:
                self._in_thread(self._leases.retire)
            except StoreError as error:
                # It runs out by itself.
                _log.warning("lease_not_given_back", error=str(error))
        self._listener.close()
        if not self._given:
            self.engine.close()
        self._threads.close()
        self._stopped_event.set()

    def _release_calls(self) -> None:
        """Stop following; what is on the line stays there for whoever comes next."""
        if self._reception:
            self._reception.close()
            self._reception = None
        for greenlet in list(self._calls.values()):
            greenlet.kill()
        self._preparations.kill()
        if self._retention_greenlet:
            self._retention_greenlet.kill()
        self._calls.clear()

    # --- at home: the loop --------------------------------------------------------------------

    def _run_loop(self) -> None:
        while not self._stopping:
            try:
                pause = self._run_once()
            except LeaseLost as error:
                self._register_again(str(error))
                pause = 0.0
            except StoreError as error:
                _log.warning("database_away", error=str(error))
                pause = _TROUBLE_PAUSE
            except Exception:  # noqa: BLE001  # a worker that stands still would be worse
                _log.exception("turn_failed")
                pause = _TROUBLE_PAUSE
            if pause > 0:
                self._listener.wait(pause)

    def _run_once(self) -> float:
        """Do everything that is due; return for how long nothing else will be."""
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
        """Begin to make documents ready; tell whether no more can be begun now."""
        free = self.settings.jobs.prepare - len(self._preparations)
        if free > 0:
            for preparation in self._in_thread(self._claims.claim_unprepared, free):
                self._preparations.spawn(self._prepare, preparation)
        return len(self._preparations) >= self.settings.jobs.prepare

    def _call_what_is_due(self) -> float | None:
        """Begin calls; return a pause if there may be more for which there is no room now."""
        while not self._stopping and self._may_dial():
            nodes = self._node_capacities()
            limit = self.settings.jobs.calls
            free = min(_BATCH, limit - len(self._calls)) if limit else _BATCH
            if free <= 0:
                return self.settings.jobs.lease / 3  # the end of a call rings
            if not nodes:
                return _NO_CAPACITY_PAUSE
            claims = self._in_thread(self._claims.claim, nodes, free)
            for claim in claims:
                self._spawn_call(claim, self._dial)
            if len(claims) < free:
                return None
        return _NO_CAPACITY_PAUSE

    def _node_capacities(self) -> list[NodeCapacity]:
        """The nodes that are up, with their limits."""
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

    # --- at home: the lease -------------------------------------------------------------------

    def _heartbeat_loop(self) -> None:
        while True:
            gevent.sleep(self.settings.jobs.lease / 3)
            if not self._registered:
                continue
            try:
                self._in_thread(self._leases.heartbeat)
            except LeaseLost as error:
                self._register_again(str(error))
            except StoreError as error:
                _log.warning("heartbeat_missed", error=str(error))
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
        _log.warning("worker_starts_anew", why=why)
        self._release_calls()
        self._register_as_new_worker()
        self._listener.wake()

    # --- at home: greenlets -------------------------------------------------------------------

    def _spawn_call(self, claim: Claim, work: Callable[[Claim], None]) -> None:
        job_id = claim.job.id

        def supervised() -> None:
            try:
                work(claim)
            except LeaseLost as error:
                _log.warning("job_lost", job=job_id, error=str(error))
            except Exception:  # noqa: BLE001  # whatever it was, the call has to be looked after
                _log.exception("job_left", job=job_id)
                gevent.sleep(_TROUBLE_PAUSE)
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
        except Exception:  # noqa: BLE001  # whatever it was, somebody has to try again
            _log.exception("job_not_prepared", job=preparation.job.id)
            gevent.sleep(_TROUBLE_PAUSE)
            self._dialler.keep_trying(self._claims.release, preparation.job.id, preparation.token)
        finally:
            self._listener.wake()

    def _receive_if_elected(self) -> None:
        if not self.settings.jobs.receive:
            return
        if not self._in_thread(self._leases.take_duty, "receive"):
            return
        if self._reception is None:
            self._reception = InboundService(
                self.engine,
                self._incoming,
                self.settings,
                in_thread=self._in_thread,
                on_result=self._on_result,
            )
        self._reception.look_after()

    def _sweep_if_due(self) -> None:
        """Remove what killed processes left in the spool, and documents whose time is over."""
        if time.monotonic() < self._swept_at + _SWEEP_INTERVAL:
            return
        self._swept_at = time.monotonic()
        keep = self._in_thread(self._claims.open_attempts)
        try:
            self.engine.sweep(keep, older_than=_LEFTOVER_AGE)
            self._in_thread(_remove_leftovers, self.settings.spool.absolute() / "work", keep)
        except (SpoolError, OSError) as error:
            _log.warning("spool_not_tidied", error=str(error))
        if not self._retention_greenlet:
            # Beside the calls: the first time, years may be waiting.
            self._retention_greenlet = gevent.spawn(self._apply_retention)

    def _apply_retention(self) -> None:
        try:
            steps = Retention(self.database).steps()
            while self._in_thread(next, steps, None) is not None:
                gevent.sleep(0)
        except StoreError as error:
            _log.warning("documents_not_removed", error=str(error))


def _remove_leftovers(folder: Path, keep: frozenset[str]) -> None:
    """Remove old files and folders of work that nobody does any more."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.stem in keep or time.time() - path.stat().st_mtime < _LEFTOVER_AGE:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
