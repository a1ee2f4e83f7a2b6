"""The fax of a delivery as it is read from the database, and the document to attach."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.database import Database
from fsfax.db.records import Document, DocumentKind
from fsfax.errors import JobNotFound
from fsfax.jobs.store import JobStore
from fsfax.notify.fax_context import document_to_attach, read_fax_context, read_job, save_document
from tests.jobs.results import BUSY, DELIVERED
from tests.notify.dispatchers import Send

AT = datetime(2026, 11, 23, tzinfo=UTC)


def document(kind: DocumentKind, media_type: str = "application/pdf") -> Document:
    return Document(
        id=f"{kind} {media_type}", job_id="1", kind=kind, position=0, name="", pages=1, size=1,
        media_type=media_type, sha256="", created_at=AT, removed_at=None,
    )  # fmt: skip


PDF, WORD = document("original"), document("original", "application/msword")
FAX, RECEIVED = document("fax", "image/tiff"), document("received", "image/tiff")


@pytest.mark.parametrize(
    ("stored", "attached"),
    [
        ([PDF, FAX], FAX),
        ([RECEIVED], RECEIVED),
        ([PDF], PDF),
        ([WORD], None),
        ([PDF, PDF], None),
        ([], None),
    ],
)
def test_the_tiff_is_attached_else_a_submitted_pdf(
    stored: list[Document], attached: Document | None
) -> None:
    assert document_to_attach(stored) is attached


def test_an_unknown_fax_is_an_error(database: Database) -> None:
    with pytest.raises(JobNotFound, match="there is no job 202611-x"):
        read_job(database, "202611-x")


def test_a_removed_fax_is_still_read(database: Database, sent: Send, store: JobStore) -> None:
    job_id = sent()
    store.remove(job_id)
    assert read_job(database, job_id).removed_at is not None


def test_a_fax_is_read_with_attempts_faxbox_and_documents(
    database: Database, sent: Send, store: JobStore, boxes: Faxboxes, account: str, tmp_path: Path
) -> None:
    box = boxes.create(account, {"name": "Clinic"})
    context = read_fax_context(database, read_job(database, sent(result=BUSY, faxbox_id=box.id)))
    assert context.box == box
    assert [(each.number, each.outcome) for each in context.attempts] == [(1, BUSY.outcome)]
    assert {each.kind for each in context.documents} == {"original", "fax"}
    original = next(each for each in context.documents if each.kind == "original")
    assert save_document(database, original, tmp_path) == tmp_path / "fax.pdf"
    assert (tmp_path / "fax.pdf").read_bytes().startswith(b"%PDF-")

    store.remove_documents(context.job.id)
    boxes.remove(box.id)
    later = read_fax_context(database, context.job)
    assert (later.box, later.documents) == (None, ())
    with pytest.raises(JobNotFound):
        save_document(database, original, tmp_path)


def test_a_fax_without_a_faxbox_has_none(database: Database, sent: Send) -> None:
    context = read_fax_context(database, read_job(database, sent(result=DELIVERED)))
    assert context.box is None
    tiff = document_to_attach(context.documents)
    assert tiff is not None
    assert tiff.kind == "fax"
