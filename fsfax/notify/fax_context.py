"""The fax of a delivery: read from the database with its attempts, faxbox and documents.

`document_to_attach` chooses the document that a mail gets, `save_document` writes it to a file.
"""

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
    """A fax and what belongs to it; ``box``: None if it has no faxbox (any more)."""

    job: Job
    attempts: tuple[Attempt, ...]
    box: Faxbox | None
    documents: tuple[Document, ...]


def read_job(database: Database, job_id: str) -> Job:
    """Return a fax, also a deleted one: its notifications are still sent.

    Raises:
        JobNotFound: it is not in the database.
    """
    with database.read() as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return Job.from_row(row)


def read_fax_context(database: Database, job: Job) -> FaxContext:
    """Return a fax with what belongs to it."""
    with database.read() as connection:
        rows = connection.execute(
            select(attempts).where(attempts.c.job_id == job.id).order_by(attempts.c.number)
        )
        calls = tuple(Attempt.from_row(row) for row in rows)
        stored = documents.of_job(connection, job.id)
    box = None
    if job.faxbox_id:
        try:
            box = Faxboxes(database).get(job.faxbox_id)
        except FaxboxNotFound:
            box = None
    return FaxContext(job, calls, box, tuple(each for each in stored if not each.removed_at))


def document_to_attach(stored: Sequence[Document]) -> Document | None:
    """Return the document to attach: the TIFF that went over the line, else a submitted PDF.

    The TIFF is the better proof, and safe to open; a PDF that a client submitted need not be. The
    PDF is returned if there is no TIFF yet.
    """
    tiff = next((each for each in stored if each.kind in ("fax", "received")), None)
    originals = [each for each in stored if each.kind == "original"]
    if tiff is None and len(originals) == 1 and originals[0].media_type == "application/pdf":
        return originals[0]
    return tiff


def save_document(database: Database, document: Document, folder: Path) -> Path:
    """Write a document into a folder, in chunks; return the file.

    Raises:
        JobNotFound: its bytes have been removed.
        StoreError: they are damaged, or the disk is full.
    """
    target = folder / ("fax.pdf" if document.media_type == "application/pdf" else "fax.tif")
    documents.save(database, document, target)
    return target
