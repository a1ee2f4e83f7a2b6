"""What a delivery is about, read from the database in one go: the fax, its attempts, documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.db import documents
from fsfax.db.database import Database
from fsfax.db.records import Attempt, Document, Job
from fsfax.db.schema import attempts, jobs
from fsfax.errors import FaxboxNotFound, JobNotFound


@dataclass(frozen=True, slots=True)
class FaxContext:
    """A fax and all that belongs to it; ``box`` is None if it has none (any more)."""

    job: Job
    attempts: tuple[Attempt, ...]
    box: Faxbox | None
    documents: tuple[Document, ...]


def read_job(database: Database, job_id: str) -> Job:
    """Return a fax, also one that was taken out of the lists: its end is news all the same.

    Raises:
        JobNotFound: there is no trace of it.
    """
    with database.read() as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return Job.from_row(row)


def read_fax_context(database: Database, job: Job) -> FaxContext:
    """Return what belongs to a fax."""
    with database.read() as connection:
        tried = connection.execute(
            select(attempts).where(attempts.c.job_id == job.id).order_by(attempts.c.number)
        )
        tried_all = tuple(Attempt.from_row(row) for row in tried)
        kept = documents.of_job(connection, job.id)
    box = None
    if job.faxbox_id:
        try:
            box = Faxboxes(database).get(job.faxbox_id)
        except FaxboxNotFound:
            box = None
    return FaxContext(job, tried_all, box, tuple(each for each in kept if not each.removed_at))


def fax_of(kept: Sequence[Document]) -> Document | None:
    """Return the fax as it is on paper: what went over the line, else a PDF that was handed in.

    What was sent is the better proof, and a picture is harmless wherever it is opened; the PDF
    that a client handed in need not be. It is taken where nothing was drawn yet.
    """
    drawn = next((each for each in kept if each.kind in ("fax", "received")), None)
    originals = [each for each in kept if each.kind == "original"]
    if drawn is None and len(originals) == 1 and originals[0].media_type == "application/pdf":
        return originals[0]
    return drawn


def save(database: Database, document: Document, folder: Path) -> Path:
    """Write a document into a folder, piece by piece; return the file.

    Raises:
        JobNotFound: its bytes were removed meanwhile.
        StoreError: they are damaged, or there is no room.
    """
    target = folder / ("fax.pdf" if document.media_type == "application/pdf" else "fax.tif")
    documents.save(database, document, target)
    return target
