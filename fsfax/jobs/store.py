"""Public interface of the jobs: accept, read, list, cancel, hold, release, resubmit, remove.

    with fsfax.JobStore("sqlite:///fsfax.db") as store:
        job = store.accept(fsfax.NewFax(to_number="+353 1 555 0100", documents=["letter.pdf"]))
        print(store.get(job.id).state)

When `accept` has returned, the job and its documents are on the disk. Calls block their thread; a
transaction takes milliseconds. Workers use `fsfax.jobs.claims` and `fsfax.jobs.settle` instead.

An account id, if given, limits a call to that account: jobs of other accounts are treated as if
they did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr
from sqlalchemy import Connection, Row, bindparam, exc, select, text

from fsfax.db import documents, transitions
from fsfax.db.database import Database
from fsfax.db.records import Attempt, Document, Job, JobEvent, NewFax, cursor
from fsfax.db.schema import HEX, LISTED, Utc, attempts, job_events, jobs
from fsfax.db.states import Direction, Hold, JobState
from fsfax.errors import IllegalMove, InvalidRequest, JobNotFound
from fsfax.jobs import intake
from fsfax.jobs.destination import DestinationHistory
from fsfax.runtime.clock import Clock, utc_now
from fsfax.settings import Settings
from fsfax.values.events import EventKind
from fsfax.values.numbers import dialable

_HEX = 32  # digits of an id after its YYYYMM-
_LONGEST_PAGE = 1000

_TIMES = {name: bindparam(name, type_=Utc()) for name in ("at", "earliest", "latest")}

InTransaction = Callable[[Connection, Sequence[str]], None]
"""Writes more in the transaction that inserts the jobs of these ids."""


def _nothing_more(connection: Connection, job_ids: Sequence[str]) -> None:
    """Do nothing: the default of ``in_transaction``."""


@dataclass(frozen=True, slots=True)
class JobList:
    """A part of a list; ``next_start`` is the ``start`` of the next part, None at the end."""

    jobs: tuple[Job, ...]
    next_start: str | None


class JobStore:
    """Accepts, lists and changes jobs: for every program but the worker.

    Args:
        database: a `Database`, its URL (a string, or the setting ``database``), or the settings.
        clock: for tests.

    Raises:
        ConfigurationError: the URL is none of a database.
    """

    def __init__(
        self, database: Database | str | SecretStr | Settings, *, clock: Clock = utc_now
    ) -> None:
        match database:
            case Settings():
                self.database = Database(database.database.get_secret_value())
            case SecretStr():
                self.database = Database(database.get_secret_value())
            case str():
                self.database = Database(database)
            case _:
                self.database = database
        self._now = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()

    # --- accept -----------------------------------------------------------------------------

    def accept(self, fax: NewFax) -> Job:
        """Store a fax and its documents; once this returns, it is never lost.

        Raises:
            InvalidRequest: a number that cannot be dialled, retries or priority out of range,
                neither document nor URL.
            DocumentError: a document cannot be read, is empty, or is of no known kind.
            JobNotFound: there is no such account.
            StoreError: the database cannot store it; nothing was accepted then (after
                `StoreUnavailable` try again with the same idempotency key).
        """
        return self.accept_all([fax])[0]

    def accept_all(
        self, faxes: Sequence[NewFax], *, in_transaction: InTransaction = _nothing_more
    ) -> list[Job]:
        """Accept several faxes in one transaction, all of them or none.

        ``in_transaction`` is called in that transaction with the ids of the jobs, for what else
        has to be committed with them; it is called again if another client used the same
        idempotency key at the same moment.

        Raises:
            InvalidRequest, DocumentError, JobNotFound, StoreError: as `accept`.
        """
        checked = [intake.check(fax) for fax in faxes]
        try:
            ids = self._accept(checked, in_transaction)
        except exc.IntegrityError:
            # Another client used the same key at the same moment: now its job is found.
            try:
                ids = self._accept(checked, in_transaction)
            except exc.IntegrityError as error:
                accounts = ", ".join({fax.account_id for fax in checked})
                raise JobNotFound(f"there is no account {accounts}") from error
        return [self.get(id) for id in ids]

    def _accept(
        self, faxes: Sequence[intake.CheckedFax], in_transaction: InTransaction
    ) -> list[str]:
        now = self._now()
        with self.database.write() as connection:
            ids = [intake.insert_job(connection, fax, now) for fax in faxes]
            in_transaction(connection, ids)
            transitions.notify_workers(connection)
        return ids

    # --- read -------------------------------------------------------------------------------

    def get(self, job_id: str, account_id: str | None = None) -> Job:
        """Return a job; its id may be given without the ``YYYYMM-``.

        Raises:
            JobNotFound: there is no such job (of that account).
        """
        with self.database.read_statement() as connection:
            return Job.from_row(self._find(connection, job_id, account_id))

    def list(
        self,
        account_id: str | None = None,
        *,
        direction: Direction | None = None,
        states: Collection[JobState] = (),
        with_pages: bool = False,
        faxbox_id: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        start: str | None = None,
        limit: int = 50,
        ascending: bool = False,
    ) -> JobList:
        """Return jobs by the time of their creation, the newest first, without removed ones.

        ``with_pages`` leaves out jobs without a confirmed page.
        ``start`` is the ``next_start`` of the part before. ``limit`` is at most 1000.

        Raises:
            InvalidRequest: ``start`` or ``limit`` is invalid.
        """
        if not 1 <= limit <= _LONGEST_PAGE:
            raise InvalidRequest(f"limit must be 1 to {_LONGEST_PAGE}")
        values: dict[str, Any] = {"limit": limit + 1}
        where = [str(LISTED)]
        if account_id is not None:
            where.append("account_id = :account")
            values["account"] = account_id
        if faxbox_id is not None:
            where.append("faxbox_id = :faxbox AND faxbox_id IS NOT NULL")
            values["faxbox"] = faxbox_id
        if with_pages:
            where.append("pages_confirmed > 0")
        if created_from is not None:
            where.append("created_at >= :earliest")
            values["earliest"] = created_from
        if created_to is not None:
            where.append("created_at <= :latest")
            values["latest"] = created_to
        if start is not None:
            where.append(f"(created_at, id) {'>' if ascending else '<'} (:at, :id)")
            values["at"], values["id"] = _cursor(start)
        parts = _parts(
            [direction] if direction else Direction,
            [state for state in JobState if not states or state in states],
            where,
            "" if ascending else "DESC",
        )
        ids = text(parts).columns(jobs.c.id)
        ids = ids.bindparams(*(_TIMES[name] for name in _TIMES.keys() & values.keys()))
        order = [c if ascending else c.desc() for c in (jobs.c.created_at, jobs.c.id)]
        query = select(jobs).where(jobs.c.id.in_(ids)).order_by(*order).limit(limit + 1)
        with self.database.read_statement() as connection:
            rows = connection.execute(query, values).all()
        found = tuple(map(Job.from_row, rows))
        more = len(found) > limit
        found = found[:limit]
        return JobList(found, cursor(found[-1]) if more else None)

    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a job, the first one first."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
            )
            return tuple(Attempt.from_row(row) for row in rows)

    def events(self, job_id: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the events of a job after the event of that id, the first one first."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(job_events)
                .where(job_events.c.job_id == job_id, job_events.c.id > after)
                .order_by(job_events.c.id)
            )
            return tuple(JobEvent.from_row(row) for row in rows)

    def last_event(self, job_id: str) -> JobEvent | None:
        """Return the last event on a job's call, None without one."""
        query = (
            select(job_events)
            .where(job_events.c.job_id == job_id, job_events.c.call_id != "")
            .order_by(job_events.c.id.desc())
            .limit(1)
        )
        with self.database.read_statement() as connection:
            row = connection.execute(query).first()
        return JobEvent.from_row(row) if row else None

    def documents(self, job_id: str) -> tuple[Document, ...]:
        """Return the documents of a job, also those whose bytes were removed."""
        with self.database.read() as connection:
            return documents.of_job(connection, job_id)

    def read(self, document: Document) -> Iterator[bytes]:
        """Yield a document's bytes in pieces, checked against their hash.

        Raises:
            JobNotFound: they were removed.
            StoreError: they are damaged.
        """
        return documents.read(self.database, document)

    def save(self, document: Document, target: Path) -> None:
        """Write a document's bytes to a file, whole or not at all.

        Raises:
            JobNotFound, StoreError: as `read`.
        """
        documents.save(self.database, document, target)

    # --- change -----------------------------------------------------------------------------

    def cancel(self, job_id: str, account_id: str | None = None) -> Job:
        """Cancel a fax: at once if no worker owns it, else its worker ends the call.

        If everything is delivered before the call can be ended, the job is ``completed``.

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is over already, or inbound.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            if row.direction == Direction.IN:
                raise IllegalMove("an inbound fax cannot be cancelled")
            if JobState(row.state).is_final:
                raise IllegalMove(f"job {row.id} is {row.state} already")
            if row.worker_id is None and row.state != JobState.PROCESSING:
                transitions.transition(
                    connection, row, JobState.CANCELLED, now, why="by request", cancel_asked=True
                )
            else:
                transitions.update_job(connection, row.id, now, cancel_asked=True)
            transitions.notify_workers(connection)
        return self.get(row.id)

    def hold(self, job_id: str, account_id: str | None = None) -> Job:
        """Hold a pending fax: it is not called before `release`.

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is being called, or over.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            if row.state not in (JobState.PENDING, JobState.ATTACHING_FILES):
                raise IllegalMove(f"job {row.id} is {row.state}: only one that waits can be held")
            if row.hold == Hold.NO:
                transitions.update_job(connection, row.id, now, hold=Hold.OPERATOR, blocked=False)
                transitions.record_event(
                    connection, row.id, EventKind.HELD, now, hold=Hold.OPERATOR
                )
                transitions.free_number(connection, row.dial_number)
        return self.get(row.id)

    def release(self, job_id: str, account_id: str | None = None) -> Job:
        """Release a held fax, so that it is called, also one whose last call is uncertain.

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is not held.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            if row.hold == Hold.NO:
                raise IllegalMove(f"job {row.id} is not held, it is {row.state}")
            transitions.update_job(connection, row.id, now, hold=Hold.NO, due_at=now)
            transitions.record_event(connection, row.id, EventKind.RELEASED, now)
            transitions.notify_workers(connection)
        return self.get(row.id)

    def resubmit(
        self,
        job_id: str,
        account_id: str | None = None,
        *,
        changes: Mapping[str, Any] | None = None,
    ) -> Job:
        """Send a finished or received fax again: as a new job with the same documents.

        ``changes`` replaces fields of `NewFax` (``to_number``, ``retries``, …).

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is not over yet, or its documents were removed.
            InvalidRequest: a change is invalid.
        """
        with self.database.write() as connection:
            row = self._find(connection, job_id, account_id)
            if not JobState(row.state).is_final:
                raise IllegalMove(
                    f"job {row.id} is {row.state}: only one that is over can be sent again"
                )
            new_id = intake.insert_resubmission(
                connection, Job.from_row(row), changes or {}, self._now()
            )
            transitions.notify_workers(connection)
        return self.get(new_id)

    def remove(self, job_id: str, account_id: str | None = None) -> None:
        """Remove a finished fax from the lists, with its documents; the record stays.

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is not over yet.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            self._require_over(row)
            documents.remove(connection, row.id, now)
            transitions.update_job(connection, row.id, now, removed_at=now)

    def remove_documents(self, job_id: str, account_id: str | None = None) -> int:
        """Remove the bytes of a finished fax's documents; return the number of documents.

        Raises:
            JobNotFound: there is no such job.
            IllegalMove: it is not over yet.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            self._require_over(row)
            return documents.remove(connection, row.id, now)

    # --- destinations -----------------------------------------------------------------------

    def destination(self, number: str) -> DestinationHistory:
        """Return the history of a number.

        Raises:
            InvalidNumber: it cannot be dialled.
        """
        dial_number = dialable(number)
        with self.database.read() as connection:
            return DestinationHistory.from_dict(
                dial_number, transitions.destination_history(connection, dial_number)
            )

    def teach(
        self, number: str, change: Callable[[DestinationHistory], DestinationHistory]
    ) -> DestinationHistory:
        """Replace the history of a number by what ``change`` returns for it; return that.

        Raises:
            InvalidNumber: the number cannot be dialled.
        """
        dial_number = dialable(number)
        with self.database.write() as connection:
            known = transitions.destination_history(connection, dial_number)
            history = change(DestinationHistory.from_dict(dial_number, known))
            transitions.store_destination_history(
                connection, dial_number, history.as_dict(), self._now()
            )
        return history

    # --- within -----------------------------------------------------------------------------

    def _find(self, connection: Connection, job_id: str, account_id: str | None) -> Row[Any]:
        whole = len(job_id) > _HEX
        query = select(jobs).where(
            (jobs.c.id if whole else HEX) == job_id,
            jobs.c.removed_at.is_(None),
        )
        if account_id is not None:
            query = query.where(jobs.c.account_id == account_id)
        row = connection.execute(query).first()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return row

    @contextmanager
    def _changing(
        self, job_id: str, account_id: str | None
    ) -> Iterator[tuple[Connection, Row[Any], datetime]]:
        """Open a transaction with a job's row locked; yield connection, row and time."""
        with self.database.write() as connection:
            found = self._find(connection, job_id, account_id)
            yield connection, transitions.locked_row(connection, found.id), self._now()

    @staticmethod
    def _require_over(row: Row[Any]) -> None:
        if not JobState(row.state).is_final:
            raise IllegalMove(f"job {row.id} is {row.state}: cancel it, or wait until it is over")


def _parts(
    directions: Iterable[Direction], states: Sequence[JobState], where: Sequence[str], order: str
) -> str:
    """Return the SQL of a list's ids: a part per direction and state, each as long as the list.

    Each part is the end of a range in an index. So a list costs as much as it shows, however few
    of all jobs match.
    """
    conditions = " AND ".join(where)
    parts = [
        # Every word is a constant of this module or of an enum; callers' values are parameters.
        f"SELECT id FROM jobs WHERE {conditions}"  # noqa: S608
        f" AND direction = '{direction}' AND state = '{state}'"
        f" ORDER BY created_at {order}, id {order} LIMIT :limit"
        for direction in directions
        for state in states
    ]
    return " UNION ALL ".join(
        f"SELECT id FROM ({part}) AS part_{number}"  # noqa: S608
        for number, part in enumerate(parts)
    )


def _cursor(start: str) -> tuple[datetime, str]:
    at, _, id = start.partition("/")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), id
    except ValueError as error:
        raise InvalidRequest(f"{start!r} is not the next_start of a list") from error
