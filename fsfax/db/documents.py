"""Documents in the database: streamed in and out in pieces, hashed, removable.

A document is written in the transaction of the job that it belongs to. It is written and read in
pieces, so that its size does not matter for memory. What is read is checked against the hash that
was computed when it was written.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, literal, select, update

from fsfax.db.database import Database
from fsfax.db.records import Document, DocumentKind
from fsfax.db.schema import chunks, documents
from fsfax.errors import DocumentNotFound, JobNotFound, StoreError, StoreFull

CHUNK = 256 * 1024
"""Bytes of one piece: many of SQLite's pages, little memory."""


def add(
    connection: Connection,
    job_id: str,
    file: Path,
    *,
    kind: DocumentKind,
    media_type: str,
    at: datetime,
    position: int = 0,
    name: str = "",
    pages: int = 0,
) -> str:
    """Store a file as a document of a job; return the document's id.

    Raises:
        DocumentNotFound: the file cannot be read.
    """
    id = uuid.uuid4().hex
    digest, size = hashlib.sha256(), 0
    connection.execute(
        insert(documents).values(
            id=id,
            job_id=job_id,
            kind=kind,
            position=position,
            name=name,
            media_type=media_type,
            size=0,
            sha256="",
            pages=pages,
            created_at=at,
        )
    )
    try:
        with file.open("rb") as stream:
            for number, data in enumerate(iter(lambda: stream.read(CHUNK), b"")):
                digest.update(data)
                size += len(data)
                connection.execute(insert(chunks).values(document_id=id, number=number, data=data))
    except OSError as error:
        raise DocumentNotFound(f"{file} cannot be read: {error.strerror}") from error
    connection.execute(
        update(documents).where(documents.c.id == id).values(size=size, sha256=digest.hexdigest())
    )
    return id


def copy(connection: Connection, old: Document, job_id: str, at: datetime) -> str:
    """Copy a document, bytes and all, to another job; return the new document's id."""
    id = uuid.uuid4().hex
    connection.execute(
        insert(documents).values(
            id=id,
            job_id=job_id,
            created_at=at,
            **{
                column: getattr(old, column)
                for column in ("kind", "position", "name", "media_type", "size", "sha256", "pages")
            },
        )
    )
    connection.execute(
        insert(chunks).from_select(
            ["document_id", "number", "data"],
            select(literal(id), chunks.c.number, chunks.c.data).where(
                chunks.c.document_id == old.id
            ),
        )
    )
    return id


def of_job(connection: Connection, job_id: str) -> tuple[Document, ...]:
    """Return the documents of a job, also those whose bytes were removed."""
    rows = connection.execute(
        select(documents)
        .where(documents.c.job_id == job_id)
        .order_by(documents.c.kind, documents.c.position)
    )
    return tuple(Document.from_row(row) for row in rows)


def remove(connection: Connection, job_id: str, at: datetime) -> int:
    """Remove the bytes of a job's documents, not the records; return the number of documents."""
    present = select(documents.c.id).where(
        documents.c.job_id == job_id, documents.c.removed_at.is_(None)
    )
    ids = list(connection.execute(present).scalars())
    connection.execute(delete(chunks).where(chunks.c.document_id.in_(ids)))
    connection.execute(update(documents).where(documents.c.id.in_(ids)).values(removed_at=at))
    return len(ids)


def read(database: Database, document: Document) -> Iterator[bytes]:
    """Yield a document's bytes, piece by piece; each piece is a transaction of its own.

    Raises:
        JobNotFound: the bytes were removed.
        StoreError: the bytes are not those that were written.
    """
    digest, number, size = hashlib.sha256(), 0, 0
    while size < document.size or number == 0:
        with database.read() as connection:
            data = connection.execute(
                select(chunks.c.data).where(
                    chunks.c.document_id == document.id, chunks.c.number == number
                )
            ).scalar()
        if data is None:
            break
        digest.update(data)
        size += len(data)
        number += 1
        yield bytes(data)
    if size != document.size or digest.hexdigest() != document.sha256:
        if number == 0:
            raise JobNotFound(f"the {document.kind} document of {document.job_id} was removed")
        raise StoreError(
            f"the {document.kind} document of {document.job_id} is damaged in the database:"
            f" {size} of {document.size} bytes, or other ones than were stored"
        )


def save(database: Database, document: Document, target: Path) -> None:
    """Write a document's bytes to a file, whole or not at all.

    Raises:
        JobNotFound, StoreError: see `read`.
        StoreFull: the target's disk is full, or the target cannot be written for another reason.
    """
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            for data in read(database, document):
                stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise StoreFull(f"{target} cannot be written: {error.strerror}") from error
    finally:
        # If this fails, too, the first reason is the one to report.
        with suppress(OSError):
            part.unlink(missing_ok=True)
