"""Intake: new jobs, each written with its documents inside a transaction of the caller's.

    NewFax ── check ──► CheckedFax ── insert ──► job          what somebody asks for
    Job ──────────────── insert_resubmission ──────► job          what is sent once more, or sent on

Nothing here commits; whoever does may write in the same transaction why the job is there.
"""

from __future__ import annotations

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
from fsfax.values.numbers import dialable
from fsfax.values.preferences import MAX_RETRIES

MAX_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class CheckedFax:
    """A fax that was checked: the columns of its job, and its files with their media types."""

    values: Mapping[str, Any]
    files: tuple[tuple[Path, str], ...]


def check(fax: NewFax) -> CheckedFax:
    """Refuse what could never be sent, before anything is written.

    Raises:
        InvalidRequest: a number that cannot be dialled, retries or priority out of range,
            neither document nor URL.
        DocumentError: a document cannot be read, is empty, or is of no known kind.
    """
    files = [Path(file) for file in fax.documents]
    return CheckedFax(_values(fax), tuple((file, _media_type(file)) for file in files))


def insert_job(connection: Connection, request: CheckedFax, now: datetime) -> str:
    """Write a job and its documents; return its id, or that of the job its key made before.

    Raises:
        IntegrityError: there is no such account, or somebody uses the same key in this moment.
        DocumentNotFound: a file cannot be read any more.
    """
    values = request.values
    if values["account_id"] == transitions.DEFAULT_ACCOUNT:
        transitions.ensure_default_account(connection, now)
    if known := _made_before(connection, values):
        return known
    job_id = _insert(connection, now, values)
    for position, (file, media_type) in enumerate(request.files):
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
    """Write a new job with the documents of an old one; return its id.

    ``changes`` replaces fields of `NewFax` (``to_number``, ``retries``, …).

    Raises:
        IllegalMove: the documents were removed.
        InvalidRequest: a change makes no sense.
    """
    kept = [d for d in documents.of_job(connection, old.id) if d.removed_at is None]
    values = _values(_again(old, changes, bool(kept)))
    same_look = values["preferences"].get("resolution") == old.preferences.resolution
    ready = any(d.kind == "fax" for d in kept) and same_look
    values |= {
        "resubmit_of": old.id,
        "prepared": ready,
        "state": JobState.PENDING if ready or not kept else JobState.ATTACHING_FILES,
        "pages_total": old.pages_total if ready else 0,
    }
    job_id = _insert(connection, now, values)
    for document in kept:
        if document.kind == "received":
            documents.copy(connection, replace(document, kind="original"), job_id, now)
        elif document.kind == "original" or ready:
            documents.copy(connection, document, job_id, now)
    return job_id


def _values(fax: NewFax) -> dict[str, Any]:
    """The columns of a request's job."""
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
    return {
        "account_id": fax.account_id or transitions.DEFAULT_ACCOUNT,
        "state": JobState.PENDING if fax.source else JobState.ATTACHING_FILES,
        "from_number": fax.from_number,
        "from_name": fax.from_name,
        "to_number": fax.to_number,
        "to_name": fax.to_name,
        "dial_number": dialable(fax.to_number),
        "retries": fax.retries,
        "priority": fax.priority,
        "route": ",".join(fax.gateways),
        "preferences": fax.preferences.as_dict(),
        "source": fax.source.as_dict() if fax.source else None,
        "fields": dict(fax.fields),
        "idempotency_key": fax.idempotency_key,
        "faxbox_id": fax.faxbox_id,
        "not_before": fax.not_before,
    }


def _made_before(connection: Connection, values: Mapping[str, Any]) -> str | None:
    """The job that the same key of the same account made."""
    if not values["idempotency_key"]:
        return None
    query = select(jobs.c.id).where(
        jobs.c.account_id == values["account_id"],
        jobs.c.idempotency_key == values["idempotency_key"],
    )
    found: str | None = connection.execute(query).scalar()
    return found


def _insert(connection: Connection, now: datetime, values: Mapping[str, Any]) -> str:
    job_id = f"{now:%Y%m}-{uuid.uuid4().hex}"
    columns = dict(values)
    not_before = columns.pop("not_before")
    connection.execute(
        insert(jobs).values(
            id=job_id,
            direction=Direction.OUT,
            created_at=now,
            modified_at=now,
            due_at=max(now, not_before) if not_before else now,
            **columns,
        )
    )
    transitions.record_event(connection, job_id, EventKind.STATE, now, state=columns["state"])
    return job_id


def _again(old: Job, changes: Mapping[str, Any], has_documents: bool) -> NewFax:
    """The request of a job once more, with changes."""
    if not has_documents and not old.source:
        raise IllegalMove(f"the documents of job {old.id} were removed: nothing is left to send")
    incoming = old.direction is Direction.IN
    request = NewFax(
        # Whoever sends on a fax that came in has to say where to.
        to_number="" if incoming else old.to_number,
        to_name="" if incoming else old.to_name,
        from_number=old.to_number if incoming else old.from_number,
        from_name="" if incoming else old.from_name,
        # Documents in the store stand in for files here; `insert_resubmission` copies them.
        documents=(Path("copied"),) if has_documents else (),
        source=None if has_documents or not old.source else old.source,
        retries=old.retries,
        priority=old.priority,
        gateways=old.gateways,
        preferences=old.preferences,
        account_id=old.account_id,
        faxbox_id=old.faxbox_id,
        fields=old.fields,
    )
    try:
        return replace(request, **changes)
    except TypeError as error:
        raise InvalidRequest(f"a fax has no such field: {error}") from error


def _media_type(file: Path) -> str:
    """The media type of a file, told from its first bytes."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise DocumentNotFound(f"{file} cannot be read: {error.strerror}") from error
    if (kind := office.kind_of(head, file.name)) and office.program():
        return kind.media_type
    return MEDIA_TYPES[sniff(head)]
