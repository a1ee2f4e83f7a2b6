"""The door of the jobs for everybody: accept, read, list, cancel, hold, release, resubmit.

    with fsfax.JobStore("sqlite:///fsfax.db") as store:
        job = store.accept(fsfax.NewFax(to_number="+353 1 555 0100", documents=["letter.pdf"]))
        print(store.get(job.id).state)

When `accept` has returned, the job and its documents are on the disk. The workers' own door is
`fsfax.jobs.leases` and its neighbours. Calls block their thread; a transaction takes
milliseconds.

An account id, where it is given, limits what is seen to that account: what belongs to another
one is answered like what does not exist.
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

_HEX = 32  # digits of an id, behind its YYYYMM-
_LONGEST_PAGE = 1000

_TIMES = {name: bindparam(name, type_=Utc()) for name in ("at", "earliest", "latest")}

InTransaction = Callable[[Connection, Sequence[str]], None]
"""What else is written in the transaction that makes jobs of these ids."""


def _nothing_more(connection: Connection, job_ids: Sequence[str]) -> None:
    """For jobs that come alone."""


@dataclass(frozen=True, slots=True)
class JobList:
    """A part of a list: ``next_start`` continues it, None at its end."""

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
        """Give the connections back."""
        self.database.close()

    # --- accept -----------------------------------------------------------------------------

    def accept(self, fax: NewFax) -> Job:
        """Take a fax on: when this returns, it is not lost any more.

        Raises:
            InvalidRequest: a number that cannot be dialled, retries or priority out of range,
                neither document nor URL.
            DocumentError: a document cannot be read, is empty, or is of no known kind.
            JobNotFound: there is no such account.
            StoreError: the database cannot take it; nothing was accepted then (after
                `StoreUnavailable` ask with the same idempotency key again).
        """
        return self.accept_all([fax])[0]

    def accept_all(
        self, faxes: Sequence[NewFax], *, in_transaction: InTransaction = _nothing_more
    ) -> list[Job]:
        """Accept several faxes in one transaction, all of them or none.

        ``in_transaction`` is called in that transaction with the ids of the jobs, for what else
        has to be committed with them; it is called again where another client used the same
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
            JobNotFound: there is none (of that account).
        """
        with self.database.ask() as connection:
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
        """Return jobs by the time of their creation, the newest first; removed ones are not seen.

        ``with_pages`` leaves out those of which no page arrived.
        ``start`` is the ``next_start`` of the part before. ``limit`` is at most 1000.

        Raises:
            InvalidRequest: ``start`` or ``limit`` makes no sense.
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
        with self.database.ask() as connection:
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
        """Return what was seen of a job after the observation of that id."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(job_events)
                .where(job_events.c.job_id == job_id, job_events.c.id > after)
                .order_by(job_events.c.id)
            )
            return tuple(JobEvent.from_row(row) for row in rows)

    def last_event(self, job_id: str) -> JobEvent | None:
        """Return what was seen of a job's call last, None if nothing was."""
        query = (
            select(job_events)
            .where(job_events.c.job_id == job_id, job_events.c.call_id != "")
            .order_by(job_events.c.id.desc())
            .limit(1)
        )
        with self.database.ask() as connection:
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
        """Cancel a fax: at once if nobody works on it, else its worker ends the call.

        A call that delivered everything before it could be ended is ``completed`` all the same.

        Raises:
            JobNotFound: there is none.
            IllegalMove: it is over already, or coming in.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            if row.direction == Direction.IN:
                raise IllegalMove("a fax that is coming in cannot be cancelled")
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
        """Keep a pending fax from being called until `release`.

        Raises:
            JobNotFound: there is none.
            IllegalMove: it is not waiting.
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
        """Let a held fax be called, also one whose last call is uncertain.

        Raises:
            JobNotFound: there is none.
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
        """Send a fax that is over, or one that came in, once more: a new job with its documents.

        ``changes`` replaces fields of `NewFax` (``to_number``, ``retries``, …).

        Raises:
            JobNotFound: there is none.
            IllegalMove: it is not over yet, or its documents were removed.
            InvalidRequest: a change makes no sense.
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
        """Take a fax that is over out of the lists, with its documents; the record stays.

        Raises:
            JobNotFound: there is none.
            IllegalMove: it is not over yet.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            self._require_over(row)
            documents.remove(connection, row.id, now)
            transitions.update_job(connection, row.id, now, removed_at=now)

    def remove_documents(self, job_id: str, account_id: str | None = None) -> int:
        """Remove the bytes of a fax that is over; return how many documents there were.

        Raises:
            JobNotFound: there is none.
            IllegalMove: it is not over yet.
        """
        with self._changing(job_id, account_id) as (connection, row, now):
            self._require_over(row)
            return documents.remove(connection, row.id, now)

    # --- destinations -----------------------------------------------------------------------

    def destination(self, number: str) -> DestinationHistory:
        """Return what is remembered of a number.

        Raises:
            InvalidNumber: it is none.
        """
        dial_number = dialable(number)
        with self.database.read() as connection:
            return DestinationHistory.from_dict(
                dial_number, transitions.destination_history(connection, dial_number)
            )

    def teach(
        self, number: str, change: Callable[[DestinationHistory], DestinationHistory]
    ) -> DestinationHistory:
        """Replace what is remembered of a number by what ``change`` makes of it.

        Raises:
            InvalidNumber: it is none.
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
        """A transaction with a job's row, locked."""
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
    """The SQL of a list's ids: a part for each direction and state, each as long as the list.

    Each part is the end of a range in an index. So a list costs what it shows, however rare what
    it shows is among everything that there is.
    """
    # Words of ours alone; what callers give is in parameters.
    words = f" FROM jobs WHERE {' AND '.join(where)} AND direction = '{{}}' AND state = '{{}}'"
    words += f" ORDER BY created_at {order}, id {order} LIMIT :limit"
    parts = [
        f"SELECT id{words.format(direction, state)}" for direction in directions for state in states
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
