"""Intake: new jobs, each inserted with its documents inside the caller's transaction.

    NewFax ── check ──► CheckedFax ── insert_job ──► job      a new fax
    Job ────────────── insert_resubmission ────────► job      a fax that is sent again, or forwarded

Nothing here commits, so the caller can record in the same transaction why the job exists.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from fsfax.db import documents, transitions
from fsfax.db.records import Job, NewFax
from fsfax.db.schema import jobs
from fsfax.db.states import Direction, JobState
from fsfax.document import office
from fsfax.document.fetch import MEDIA_TYPES
from fsfax.document.kinds import HEAD, sniff
from fsfax.errors import DocumentNotFound, IllegalMove, InvalidRequest
from fsfax.values.events import EventKind
from fsfax.values.numbers import DialNumber, dialable
from fsfax.values.preferences import MAX_RETRIES

MAX_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class CheckedFax:
    """A fax that was checked: the number to dial, and its files with their media types."""

    fax: NewFax
    dial_number: DialNumber
    files: tuple[tuple[Path, str], ...]

    @property
    def account_id(self) -> str:
        """The account that the job belongs to."""
        return self.fax.account_id or transitions.DEFAULT_ACCOUNT


def check(fax: NewFax) -> CheckedFax:
    """Return the fax with what was found out about it, before anything is written.

    Raises:
        InvalidRequest: a number that cannot be dialled, retries or priority out of range,
            neither document nor URL.
        DocumentError: a document cannot be read, is empty, or is of no known kind.
    """
    dial_number = _check_values(fax)
    files = [Path(file) for file in fax.documents]
    return CheckedFax(fax, dial_number, tuple((file, _media_type(file)) for file in files))


def insert_job(connection: Connection, checked: CheckedFax, now: datetime) -> str:
    """Insert a job and its documents; return its id, or that of an earlier job with its key.

    Raises:
        IntegrityError: there is no such account, or another client uses the same idempotency key
            at this moment.
        DocumentNotFound: a file cannot be read any more.
    """
    if checked.account_id == transitions.DEFAULT_ACCOUNT:
        transitions.ensure_default_account(connection, now)
    if earlier := _earlier_job(connection, checked):
        return earlier
    state = JobState.PENDING if checked.fax.source else JobState.ATTACHING_FILES
    job_id = _insert(connection, checked, now, state)
    for position, (file, media_type) in enumerate(checked.files):
        documents.add(
            connection,
            job_id,
            file,
            kind="original",
            media_type=media_type,
            at=now,
            position=position,
            name=file.name,
        )
    return job_id


def insert_resubmission(
    connection: Connection, old: Job, changes: Mapping[str, Any], now: datetime
) -> str:
    """Insert a new job with the documents of an old one; return its id.

    ``changes`` replaces fields of `NewFax` (``to_number``, ``retries``, …).

    Raises:
        IllegalMove: the documents were removed.
        InvalidRequest: a change is invalid.
    """
    kept = [d for d in documents.of_job(connection, old.id) if d.removed_at is None]
    fax = _resubmission(old, changes, has_documents=bool(kept))
    checked = CheckedFax(fax, _check_values(fax), ())
    # The TIFF-F of the old job is used again if the new one wants the same resolution.
    same_resolution = fax.preferences.resolution == old.preferences.resolution
    ready = any(d.kind == "fax" for d in kept) and same_resolution
    job_id = _insert(
        connection,
        checked,
        now,
        JobState.PENDING if ready or not kept else JobState.ATTACHING_FILES,
        resubmit_of=old.id,
        prepared=ready,
        pages_total=old.pages_total if ready else 0,
    )
    for document in kept:
        if document.kind == "received":
            documents.copy(connection, replace(document, kind="original"), job_id, now)
        elif document.kind == "original" or ready:
            documents.copy(connection, document, job_id, now)
    return job_id


def _check_values(fax: NewFax) -> DialNumber:
    """Return the number to dial once every value of the request is valid.

    Raises:
        InvalidRequest: one is not.
    """
    if isinstance(fax.documents, str | os.PathLike):
        raise InvalidRequest("documents is a list of files: put the one file into [ ]")
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
    return dialable(fax.to_number)


def _earlier_job(connection: Connection, checked: CheckedFax) -> str | None:
    """Return the id of the job that the same idempotency key of the account made."""
    key = checked.fax.idempotency_key
    if not key:
        return None
    query = select(jobs.c.id).where(
        jobs.c.account_id == checked.account_id, jobs.c.idempotency_key == key
    )
    found: str | None = connection.execute(query).scalar()
    return found


def _insert(
    connection: Connection, checked: CheckedFax, now: datetime, state: JobState, **columns: Any
) -> str:
    fax = checked.fax
    job_id = f"{now:%Y%m}-{uuid.uuid4().hex}"
    connection.execute(
        insert(jobs).values(
            id=job_id,
            account_id=checked.account_id,
            direction=Direction.OUT,
            state=state,
            created_at=now,
            modified_at=now,
            due_at=max(now, fax.not_before) if fax.not_before else now,
            from_number=fax.from_number,
            from_name=fax.from_name,
            to_number=fax.to_number,
            to_name=fax.to_name,
            dial_number=checked.dial_number,
            retries=fax.retries,
            priority=fax.priority,
            route=",".join(fax.gateways),
            preferences=fax.preferences.as_dict(),
            source=fax.source.as_dict() if fax.source else None,
            fields=dict(fax.fields),
            idempotency_key=fax.idempotency_key,
            faxbox_id=fax.faxbox_id,
            **columns,
        )
    )
    transitions.record_event(connection, job_id, EventKind.STATE, now, state=state)
    return job_id


def _resubmission(old: Job, changes: Mapping[str, Any], *, has_documents: bool) -> NewFax:
    """Return the request that sends a job's fax again, with changes."""
    if not has_documents and not old.source:
        raise IllegalMove(f"the documents of job {old.id} were removed: nothing is left to send")
    inbound = old.direction is Direction.IN
    fax = NewFax(
        # For an inbound fax the changes have to name the number.
        to_number="" if inbound else old.to_number,
        to_name="" if inbound else old.to_name,
        from_number=old.to_number if inbound else old.from_number,
        from_name="" if inbound else old.from_name,
        # Stands for the stored documents, which `insert_resubmission` copies.
        documents=("copied",) if has_documents else (),
        source=None if has_documents else old.source,
        retries=old.retries,
        priority=old.priority,
        gateways=old.gateways,
        preferences=old.preferences,
        account_id=old.account_id,
        faxbox_id=old.faxbox_id,
        fields=old.fields,
    )
    try:
        return replace(fax, **changes)
    except TypeError as error:
        raise InvalidRequest(f"a fax has no such field: {error}") from error


def _media_type(file: Path) -> str:
    """Return the media type of a file, recognised by its first bytes."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise DocumentNotFound(f"{file} cannot be read: {error.strerror}") from error
    if (kind := office.kind_of(head, file.name)) and office.soffice_path():
        return kind.media_type
    return MEDIA_TYPES[sniff(head)]
