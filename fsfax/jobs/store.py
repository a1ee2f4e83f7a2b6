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

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Row, bindparam, exc, insert, select, text

from fsfax.document.fetch import MEDIA_TYPES, FetchRequest
from fsfax.document.kinds import HEAD, sniff
from fsfax.errors import (
    DocumentNotFound,
    IllegalMove,
    InvalidRequest,
    JobNotFound,
)
from fsfax.esl.dialstring import dialable
from fsfax.jobs import documents, ledger
from fsfax.jobs.database import Database
from fsfax.jobs.destination import Memory
from fsfax.jobs.records import Attempt, Document, FetchSource, Job, NewFax, Seen
from fsfax.jobs.schema import HEX, LISTED, Utc, attempts, jobs, observations
from fsfax.jobs.states import Direction, Hold, JobState

MAX_RETRIES = 4
MAX_PRIORITY = 100
_HEX = 32  # digits of an id, behind its YYYYMM-
_LONGEST_PAGE = 1000

_TIMES = {name: bindparam(name, type_=Utc()) for name in ("at", "earliest", "latest")}

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a list: ``next_start`` continues it, None at its end."""

    jobs: tuple[Job, ...]
    next_start: str | None


class JobStore:
    """Jobs, as everybody but a worker sees them.

    Args:
        database: a `Database`, or its URL.
        clock: for tests.
    """

    def __init__(self, database: Database | str, *, clock: Clock = utc_now) -> None:
        self.database = Database(database) if isinstance(database, str) else database
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
        values = self._checked(fax)
        kinds = [_kind(Path(file)) for file in fax.documents]
        now = self._now()
        job_id = f"{now:%Y%m}-{uuid.uuid4().hex}"
        try:
            with self.database.write() as connection:
                if fax.account_id is None:
                    ledger.ensure_default_account(connection, now)
                self._insert(connection, job_id, now, **values)
                for position, (file, media_type) in enumerate(
                    zip(fax.documents, kinds, strict=True)
                ):
                    documents.add(
                        connection,
                        job_id,
                        Path(file),
                        kind="original",
                        media_type=media_type,
                        at=now,
                        position=position,
                        name=Path(file).name,
                    )
                ledger.ring(connection)
        except exc.IntegrityError as error:
            return self._accepted_before(fax, error)
        return self.get(job_id)

    def _checked(self, fax: NewFax) -> dict[str, Any]:
        if bool(fax.documents) == bool(fax.source):
            raise InvalidRequest("a fax needs a document or the URL of one, and not both")
        if not 0 <= fax.retries <= MAX_RETRIES:
            raise InvalidRequest(f"retries is {fax.retries}, but must be 0 to {MAX_RETRIES}")
        if not -MAX_PRIORITY <= fax.priority <= MAX_PRIORITY:
            raise InvalidRequest(f"priority must be -{MAX_PRIORITY} to {MAX_PRIORITY}")
        if fax.not_before is not None and fax.not_before.tzinfo is None:
            raise InvalidRequest("not_before has no time zone: add one, for example +00:00")
        if any("," in gateway or not gateway for gateway in fax.gateways):
            raise InvalidRequest("a gateway's name is empty or has a comma in it")
        if fax.from_number:
            dialable(fax.from_number)
        if fax.source:
            FetchRequest(**fax.source.as_dict())  # refuses what could never be fetched
        return {
            "account_id": fax.account_id or ledger.DEFAULT_ACCOUNT,
            "state": JobState.PENDING if fax.source else JobState.ATTACHING_FILES,
            "from_number": fax.from_number,
            "from_name": fax.from_name,
            "to_number": fax.to_number,
            "to_name": fax.to_name,
            "dial_number": dialable(fax.to_number),
            "retries": fax.retries,
            "priority": fax.priority,
            "route": ",".join(fax.gateways),
            "wish": fax.wish.as_dict(),
            "source": fax.source.as_dict() if fax.source else None,
            "fields": dict(fax.fields),
            "idempotency_key": fax.idempotency_key,
            "faxbox_id": fax.faxbox_id,
            "not_before": fax.not_before,
        }

    def _insert(self, connection: Connection, job_id: str, now: datetime, **values: Any) -> None:
        not_before = values.pop("not_before", None)
        connection.execute(
            insert(jobs).values(
                id=job_id,
                direction=Direction.OUT,
                created_at=now,
                modified_at=now,
                due_at=max(now, not_before) if not_before else now,
                **values,
            )
        )
        ledger.note(connection, job_id, "state", now, state=values["state"])

    def _accepted_before(self, fax: NewFax, error: exc.IntegrityError) -> Job:
        """The same idempotency key: the job that it made; else there is no such account."""
        account = fax.account_id or ledger.DEFAULT_ACCOUNT
        if fax.idempotency_key:
            with self.database.read() as connection:
                row = connection.execute(
                    select(jobs).where(
                        jobs.c.account_id == account,
                        jobs.c.idempotency_key == fax.idempotency_key,
                    )
                ).first()
            if row:
                return Job.from_row(row)
        raise JobNotFound(f"there is no account {account}") from error

    # --- read -------------------------------------------------------------------------------

    def get(self, job_id: str, account_id: str | None = None) -> Job:
        """Return a job; its id may be given without the ``YYYYMM-``.

        Raises:
            JobNotFound: there is none (of that account).
        """
        with self.database.read() as connection:
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
    ) -> Listing:
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
        with self.database.read() as connection:
            found = tuple(Job.from_row(row) for row in connection.execute(query, values))
        more = len(found) > limit
        found = found[:limit]
        last = found[-1] if more else None
        return Listing(found, f"{last.created_at.isoformat()}/{last.id}" if last else None)

    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a job, the first one first."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
            )
            return tuple(Attempt.from_row(row) for row in rows)

    def seen(self, job_id: str, after: int = 0) -> tuple[Seen, ...]:
        """Return what was seen of a job after the observation of that id."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(observations)
                .where(observations.c.job_id == job_id, observations.c.id > after)
                .order_by(observations.c.id)
            )
            return tuple(Seen.from_row(row) for row in rows)

    def last_seen(self, job_id: str) -> Seen | None:
        """Return what was seen of a job's call last, None if nothing was."""
        query = (
            select(observations)
            .where(observations.c.job_id == job_id, observations.c.attempt_id != "")
            .order_by(observations.c.id.desc())
            .limit(1)
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return Seen.from_row(row) if row else None

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
                ledger.move(
                    connection, row, JobState.CANCELLED, now, why="by request", cancel_asked=True
                )
            else:
                ledger.change(connection, row.id, now, cancel_asked=True)
            ledger.ring(connection)
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
                ledger.change(connection, row.id, now, hold=Hold.OPERATOR, blocked=False)
                ledger.note(connection, row.id, "held", now, hold=Hold.OPERATOR)
                ledger.free_number(connection, row.dial_number)
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
            ledger.change(connection, row.id, now, hold=Hold.NO, due_at=now)
            ledger.note(connection, row.id, "released", now)
            ledger.ring(connection)
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
            JobNotFound: there is none, or its documents were removed.
            IllegalMove: it is not over yet.
            InvalidRequest: a change makes no sense.
        """
        now = self._now()
        with self.database.write() as connection:
            row = self._find(connection, job_id, account_id)
            if not JobState(row.state).is_final:
                raise IllegalMove(
                    f"job {row.id} is {row.state}: only one that is over can be sent again"
                )
            old = Job.from_row(row)
            kept = [d for d in documents.of_job(connection, old.id) if d.removed_at is None]
            values = self._checked(_again(old, changes or {}, bool(kept)))
            new_id = f"{now:%Y%m}-{uuid.uuid4().hex}"
            same_look = values["wish"].get("resolution") == old.wish.resolution
            ready = any(d.kind == "fax" for d in kept) and same_look
            values |= {
                "resubmit_of": old.id,
                "prepared": ready,
                "state": JobState.PENDING if ready or not kept else JobState.ATTACHING_FILES,
                "pages_total": old.pages_total if ready else 0,
            }
            self._insert(connection, new_id, now, **values)
            for document in kept:
                if document.kind == "received":
                    documents.copy(connection, replace(document, kind="original"), new_id, now)
                elif document.kind == "original" or ready:
                    documents.copy(connection, document, new_id, now)
            ledger.ring(connection)
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
            ledger.change(connection, row.id, now, removed_at=now)

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

    def destination(self, number: str) -> Memory:
        """Return what is remembered of a number.

        Raises:
            InvalidNumber: it is none.
        """
        dial_number = dialable(number)
        with self.database.read() as connection:
            return Memory.from_dict(dial_number, ledger.memory_of(connection, dial_number))

    def teach(self, number: str, change: Callable[[Memory], Memory]) -> Memory:
        """Replace what is remembered of a number by what ``change`` makes of it.

        Raises:
            InvalidNumber: it is none.
        """
        dial_number = dialable(number)
        with self.database.write() as connection:
            known = ledger.memory_of(connection, dial_number)
            memory = change(Memory.from_dict(dial_number, known))
            ledger.remember(connection, dial_number, memory.as_dict(), self._now())
        return memory

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
            yield connection, ledger.row_of(connection, found.id), self._now()

    @staticmethod
    def _require_over(row: Row[Any]) -> None:
        if not JobState(row.state).is_final:
            raise IllegalMove(f"job {row.id} is {row.state}: cancel it, or wait until it is over")


def _again(old: Job, changes: Mapping[str, Any], has_documents: bool) -> NewFax:
    """The request of a job once more, with changes."""
    if not has_documents and not old.source:
        raise JobNotFound(f"the documents of job {old.id} were removed: nothing is left to send")
    incoming = old.direction is Direction.IN
    request = NewFax(
        # Whoever sends on a fax that came in has to say where to.
        to_number="" if incoming else old.to_number,
        to_name="" if incoming else old.to_name,
        from_number=old.to_number if incoming else old.from_number,
        from_name="" if incoming else old.from_name,
        # Documents in the store stand in for files here; `resubmit` copies them.
        documents=(Path("copied"),) if has_documents else (),
        source=None if has_documents or not old.source else FetchSource(**old.source),
        retries=old.retries,
        priority=old.priority,
        gateways=old.gateways,
        wish=old.wish,
        account_id=old.account_id,
        faxbox_id=old.faxbox_id,
        fields=old.fields,
    )
    try:
        return replace(request, **changes)
    except TypeError as error:
        raise InvalidRequest(f"a fax has no such field: {error}") from error


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


def _kind(file: Path) -> str:
    """The media type of a file, told from its first bytes."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise DocumentNotFound(f"{file} cannot be read: {error.strerror}") from error
    return MEDIA_TYPES[sniff(head)]


def _cursor(start: str) -> tuple[datetime, str]:
    at, _, id = start.partition("/")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), id
    except ValueError as error:
        raise InvalidRequest(f"{start!r} is not the next_start of a list") from error
