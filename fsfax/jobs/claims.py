"""Claims: which job is called next, over which node, and how. One commit before any dialling.

The order: the account that got a line longest ago; in it the highest priority, then the job that
has been due longest. A job that cannot be called now is excluded from the query (a job to a number
with an open attempt is ``blocked`` until that is over, a full route is left out), so a claim reads
a handful of rows however many jobs there are.

All workers claim one at a time (an advisory lock on PostgreSQL, the write lock on SQLite): the
limits are counted in the transaction that uses them up, and a claim takes milliseconds, a call a
minute.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    String,
    bindparam,
    insert,
    literal,
    select,
    text,
    tuple_,
    update,
)

from fsfax.accounts.windows import is_open, next_opening
from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.records import Attempt, Document, Job, split_route
from fsfax.db.schema import CLAIMABLE, PROCESSING, UNPREPARED, Utc, accounts, attempts, jobs
from fsfax.db.states import AttemptState, Direction, JobState
from fsfax.engine.plan import new_call_id
from fsfax.jobs.destination import DAY, DestinationHistory, advise
from fsfax.jobs.ladder import ModeChoice, PastAttempt, first_mode, next_mode
from fsfax.runtime.clock import Clock, utc_now
from fsfax.settings import Settings
from fsfax.values.plan import AttemptPlan, Mode
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import TxResult

_CLAIM_LOCK = 0x66736662
_ACCOUNTS = 64  # read by one query

_NEXT = text(
    # A loose index scan over routes, and in each over priorities: one lookup for each of them,
    # however many jobs are not due yet or have a full route.
    """
    WITH RECURSIVE routes (route) AS (
        SELECT min(route) FROM jobs WHERE CLAIMABLE AND account_id = :account
        UNION ALL
        SELECT (SELECT min(jobs.route) FROM jobs
                WHERE CLAIMABLE AND account_id = :account AND jobs.route > routes.route)
        FROM routes WHERE routes.route IS NOT NULL
    ), lanes (route, priority) AS (
        SELECT route, (SELECT max(jobs.priority) FROM jobs
                       WHERE CLAIMABLE AND account_id = :account AND jobs.route = routes.route)
        FROM routes WHERE route IS NOT NULL AND route NOT IN :full
        UNION ALL
        SELECT route, (SELECT max(jobs.priority) FROM jobs
                       WHERE CLAIMABLE AND account_id = :account AND jobs.route = lanes.route
                       AND jobs.priority < lanes.priority)
        FROM lanes WHERE priority IS NOT NULL
    ), heads (priority, id) AS (
        SELECT priority, (SELECT jobs.id FROM jobs
                WHERE CLAIMABLE AND account_id = :account AND jobs.route = lanes.route
                AND jobs.priority = lanes.priority AND due_at <= :now AND jobs.id NOT IN :locked
                ORDER BY due_at, jobs.id LIMIT 1)
        FROM lanes WHERE priority IS NOT NULL
    )
    SELECT id FROM heads WHERE id IS NOT NULL
    ORDER BY priority DESC, (SELECT due_at FROM jobs WHERE jobs.id = heads.id), id LIMIT 1
    """.replace("CLAIMABLE", CLAIMABLE.text)
).bindparams(
    bindparam("account", type_=String),
    bindparam("full", type_=String, expanding=True),
    bindparam("locked", type_=String, expanding=True),
    bindparam("now", type_=Utc),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCapacity:
    """A FreeSWITCH that is up: ``capacity`` and the gateways' are calls at once, 0 = no limit."""

    node: str
    core: str
    capacity: int = 0
    gateways: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job with its open attempt, owned by one worker.

    fax: the TIFF-F. token: the fencing token, which every write has to have.
    """

    job: Job
    attempt: Attempt
    fax: Document | None
    worker_id: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """A job whose document is to be prepared, owned by one worker."""

    job: Job
    originals: tuple[Document, ...]
    worker_id: str
    token: int


class Claims:
    """Gives jobs to one worker.

    Args:
        database: where the jobs are.
        worker_id: see `fsfax.jobs.leases`.
        settings: the limits, and the defaults for faxes.
        clock: for tests.
    """

    def __init__(
        self, database: Database, worker_id: str, settings: Settings, *, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._settings = settings
        self._now = clock

    # --- calls ------------------------------------------------------------------------------

    def claim(self, nodes: Sequence[NodeCapacity], limit: int = 1) -> list[Claim]:
        """Claim up to ``limit`` jobs that can be called now, and store an attempt for each.

        Raises:
            LeaseLost: this worker was replaced.
            StoreError: the database cannot be used; nothing was claimed.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})"))
            transitions.require_current_worker(connection, self._worker_id)
            now = self._now()
            lines = _LineAccounting(connection, nodes)
            claimed: list[Claim] = []
            passed: Row[Any] | None = None
            while len(claimed) < limit and (some := self._accounts(connection, now, passed)):
                passed = some[-1]
                waiting = deque(some)
                while waiting and len(claimed) < limit:
                    account = waiting.popleft()
                    if not self._may_call(account, lines, now):
                        continue
                    claim = self._claim_of(connection, account, lines, now)
                    if claim:
                        claimed.append(claim)
                        waiting.append(account)
            return claimed

    def take_over(self, limit: int = 20) -> list[Claim]:
        """Claim calls that lost their worker. They have to be reconciled, not dialled.

        Raises:
            LeaseLost: this worker was replaced.
            StoreError: the database cannot be used; nothing was claimed.
        """
        with self._database.write() as connection:
            transitions.require_current_worker(connection, self._worker_id)
            orphans = connection.execute(
                select(jobs)
                .where(
                    PROCESSING,
                    jobs.c.direction == Direction.OUT,
                    jobs.c.worker_id.is_(None),
                )
                .order_by(jobs.c.modified_at, jobs.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            taken = []
            for row in orphans:
                attempt = connection.execute(
                    select(attempts).where(
                        attempts.c.job_id == row.id, attempts.c.ended_at.is_(None)
                    )
                ).one()
                self._own(connection, row.id)
                taken.append(self._as_claim(connection, row.id, attempt.id))
            return taken

    def release(self, job_id: str, token: int) -> None:
        """Give a job up unchanged, so that a worker takes it over.

        Raises:
            StoreError: the database cannot be used.
        """
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(
                    jobs.c.id == job_id,
                    jobs.c.worker_id == self._worker_id,
                    jobs.c.token == token,
                )
                .values(worker_id=None)
            )
            transitions.notify_workers(connection)

    def open_attempts(self) -> frozenset[str]:
        """Return the ids of all open attempts, of all workers.

        Raises:
            StoreError: the database cannot be used.
        """
        with self._database.read() as connection:
            query = select(attempts.c.id).where(attempts.c.ended_at.is_(None))
            return frozenset(connection.execute(query).scalars())

    def asked_to_cancel(self) -> list[str]:
        """Return the ids of this worker's jobs that are to be cancelled.

        Raises:
            StoreError: the database cannot be used.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                select(jobs.c.id).where(jobs.c.worker_id == self._worker_id, jobs.c.cancel_asked)
            )
            return list(rows.scalars())

    def next_due(self) -> datetime | None:
        """Return when the next job becomes due or the next account may call; None without one."""
        now = self._now()
        with self._database.read() as connection:
            times = [
                connection.execute(
                    select(jobs.c.due_at)
                    .where(where, jobs.c.due_at > now)
                    .order_by(jobs.c.due_at)
                    .limit(1)
                ).scalar()
                for where in (CLAIMABLE, UNPREPARED)
            ]
            times += [
                next_opening(account.windows, now)
                for account in self._accounts(connection, now)
                if not is_open(account.windows, now)
            ]
        return min((at for at in times if at), default=None)

    # --- documents --------------------------------------------------------------------------

    def claim_unprepared(self, limit: int = 1) -> list[Preparation]:
        """Claim up to ``limit`` jobs whose documents are to be prepared.

        Raises:
            LeaseLost: this worker was replaced.
            StoreError: the database cannot be used; nothing was claimed.
        """
        with self._database.write() as connection:
            transitions.require_current_worker(connection, self._worker_id)
            rows = connection.execute(
                select(jobs.c.id)
                .where(UNPREPARED, jobs.c.due_at <= self._now())
                .order_by(jobs.c.due_at, jobs.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).scalars()
            claimed = []
            for job_id in list(rows):
                token = self._own(connection, job_id)
                row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
                originals = tuple(
                    document
                    for document in documents.of_job(connection, job_id)
                    if document.kind == "original" and document.removed_at is None
                )
                claimed.append(
                    Preparation(
                        job=Job.from_row(row),
                        originals=originals,
                        worker_id=self._worker_id,
                        token=token,
                    )
                )
            return claimed

    # --- within -----------------------------------------------------------------------------

    def _accounts(
        self, connection: Connection, now: datetime, passed: Row[Any] | None = None
    ) -> list[Row[Any]]:
        """Return accounts with jobs that are due, the longest unserved first, after ``passed``."""
        # A scalar subquery: PostgreSQL turns EXISTS into a join and reads the whole queue.
        due = (
            select(jobs.c.due_at)
            .where(CLAIMABLE, jobs.c.account_id == accounts.c.id, jobs.c.due_at <= now)
            .order_by(jobs.c.due_at)
            .limit(1)
            .scalar_subquery()
        )
        place = tuple_(accounts.c.served_at, accounts.c.id)
        query = select(accounts).where(due.is_not(None))
        if passed is not None:
            at = literal(passed.served_at, accounts.c.served_at.type)
            query = query.where(place > tuple_(at, literal(passed.id)))
        query = query.order_by(accounts.c.served_at, accounts.c.id).limit(_ACCOUNTS)
        return list(connection.execute(query))

    def _may_call(self, account: Row[Any], lines: _LineAccounting, now: datetime) -> bool:
        limit = account.max_calls or self._settings.jobs.account_calls
        return is_open(account.windows, now) and not 0 < limit <= lines.accounts[account.id]

    def _claim_of(
        self, connection: Connection, account: Row[Any], lines: _LineAccounting, now: datetime
    ) -> Claim | None:
        """Claim the account's first job that can be called; None if there is none."""
        full: set[str] = set()
        locked: set[str] = set()
        while True:
            job_id = connection.execute(
                _NEXT,
                {"account": account.id, "full": list(full), "locked": list(locked), "now": now},
            ).scalar()
            if job_id is None:
                return None
            row = connection.execute(
                select(jobs).where(jobs.c.id == job_id, CLAIMABLE).with_for_update(skip_locked=True)
            ).first()
            if row is None:
                # Another transaction has it locked, to hold or to cancel it.
                locked.add(job_id)
                continue
            if transitions.number_is_busy(connection, row.dial_number):
                transitions.block_number(connection, row.dial_number, now)
                continue
            line = lines.take(split_route(row.route), account.id)
            if line is None:
                full.add(row.route)
                continue
            connection.execute(
                update(accounts).where(accounts.c.id == account.id).values(served_at=now)
            )
            return self._intend(connection, row, line, now)

    def _intend(
        self, connection: Connection, row: Row[Any], line: _FreeLine, now: datetime
    ) -> Claim:
        """Store the attempt: ids, node, plan."""
        choice = self._choose(connection, row, now)
        attempt_id = new_call_id()
        # A page whose fate is unknown is sent again: only confirmed ones are left out.
        plan = AttemptPlan(
            first_page=row.pages_confirmed + 1, last_page=row.pages_total, mode=choice.mode
        )
        connection.execute(
            insert(attempts).values(
                id=attempt_id,
                job_id=row.id,
                account_id=row.account_id,
                number=row.dials + 1,
                state=AttemptState.INTENDED,
                dial_number=row.dial_number,
                node=line.node_capacity.node,
                core=line.node_capacity.core,
                gateways=list(line.gateways),
                gateway=line.gateways[0] if line.gateways else "",
                plan=plan.as_dict(),
                why=list(choice.why),
                started_at=now,
            )
        )
        self._own(connection, row.id)
        transitions.transition(
            connection, row, JobState.PROCESSING, now, dials=row.dials + 1, status_text="dialling"
        )
        return self._as_claim(connection, row.id, attempt_id)

    def _choose(self, connection: Connection, row: Row[Any], now: datetime) -> ModeChoice:
        """Return how the attempt is made: chosen from earlier attempts, else from the history."""
        requested = requested_mode(row, self._settings)
        history = DestinationHistory.from_dict(
            row.dial_number, transitions.destination_history(connection, row.dial_number)
        )
        past = past_attempts(connection, row.id)
        if past and (following := next_mode(past, requested, history.pins)):
            return following
        half_life = self._settings.jobs.history_half_life * DAY
        return first_mode(requested, advise(history, requested, now.timestamp(), half_life))

    def _own(self, connection: Connection, job_id: str) -> int:
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id)
            .values(worker_id=self._worker_id, token=jobs.c.token + 1)
        )
        query = select(jobs.c.token).where(jobs.c.id == job_id)
        return int(connection.execute(query).scalar_one())

    def _as_claim(self, connection: Connection, job_id: str, attempt_id: str) -> Claim:
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
        attempt = connection.execute(select(attempts).where(attempts.c.id == attempt_id)).one()
        fax = [
            document
            for document in documents.of_job(connection, job_id)
            if document.kind == "fax" and document.removed_at is None
        ]
        return Claim(
            job=Job.from_row(row),
            attempt=Attempt.from_row(attempt),
            fax=fax[0] if fax else None,
            worker_id=self._worker_id,
            token=row.token,
        )


def requested_mode(row: Row[Any], settings: Settings) -> Mode:
    """Return what a job's request asks for, over what the settings say."""
    return Mode.requested(SendPreferences.from_dict(row.preferences).over(settings.fax))


def past_attempts(connection: Connection, job_id: str) -> list[PastAttempt]:
    """Return how the settled attempts of a job were made and ended, the first one first."""
    rows = connection.execute(
        select(attempts)
        .where(attempts.c.job_id == job_id, attempts.c.result.is_not(None), attempts.c.counts)
        .order_by(attempts.c.number)
    )
    return [
        PastAttempt.of(Mode.from_dict(row.plan), TxResult.from_dict(row.result)) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _FreeLine:
    node_capacity: NodeCapacity
    gateways: tuple[str, ...]


class _LineAccounting:
    """Counts the lines in use from the open attempts, and finds free ones."""

    def __init__(self, connection: Connection, nodes: Sequence[NodeCapacity]) -> None:
        self._capacities = nodes
        self.accounts: Counter[str] = Counter()
        self._calls_of_node: Counter[str] = Counter()
        self._calls_of_gateway: Counter[tuple[str, str]] = Counter()
        query = select(attempts.c.node, attempts.c.gateway, attempts.c.account_id)
        for node, gateway, account_id in connection.execute(
            query.where(attempts.c.ended_at.is_(None))
        ):
            self._count(node, gateway, account_id)

    def take(self, asked: Sequence[str], account_id: str) -> _FreeLine | None:
        """Take a line of the least busy node that has one for these gateways; None without one."""
        lines = [
            line for node_capacity in self._capacities if (line := self._line(node_capacity, asked))
        ]
        if not lines:
            return None
        best = min(lines, key=lambda line: self._calls_of_node[line.node_capacity.node])
        gateway = best.gateways[0] if best.gateways else ""
        self._count(best.node_capacity.node, gateway, account_id)
        return best

    def _line(self, node_capacity: NodeCapacity, asked: Sequence[str]) -> _FreeLine | None:
        if 0 < node_capacity.capacity <= self._calls_of_node[node_capacity.node]:
            return None
        names = tuple(dict.fromkeys(asked or node_capacity.gateways))
        free = tuple(
            name
            for name in names
            if not 0
            < node_capacity.gateways.get(name, 0)
            <= self._calls_of_gateway[node_capacity.node, name]
        )
        return None if names and not free else _FreeLine(node_capacity, free)

    def _count(self, node: str, gateway: str, account_id: str) -> None:
        self._calls_of_node[node] += 1
        self._calls_of_gateway[node, gateway] += 1
        self.accounts[account_id] += 1
