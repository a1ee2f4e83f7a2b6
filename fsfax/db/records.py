"""The values that callers of the jobs get and give. Immutable; nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from operator import attrgetter
from os import PathLike
from typing import Any, Literal, Protocol, Self

from sqlalchemy import Row

from fsfax.db.states import AttemptState, Direction, Hold, JobState
from fsfax.egress.request import FetchRequest
from fsfax.values.events import EventKind
from fsfax.values.preferences import SendPreferences

GREGORIAN_OFFSET = 62_167_219_200
"""Seconds from year 0 to 1970: the API counts time from year 0 (Erlang's gregorian seconds)."""

DocumentKind = Literal["original", "fax", "received"]
"""What was handed in, the TIFF-F made of it, and what came in."""


def gregorian(at: datetime) -> int:
    """Return a time as the API's ``created``: whole seconds since year 0, UTC."""
    return int(at.timestamp()) + GREGORIAN_OFFSET


class ListItem(Protocol):
    """Something that stands in a list by the time of its creation."""

    @property
    def id(self) -> str:
        """It tells those apart that were made at once."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


def cursor(item: ListItem) -> str:
    """Return the ``start`` of a list that goes on behind an item."""
    return f"{item.created_at.isoformat()}/{item.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFax:
    """A fax that is to be sent.

    to_number: as given; what is dialled follows from it.
    documents: files that together, in order, make one fax; or ``source``, to be fetched.
    retries: how often to try again after the first attempt, 0 to 4.
    priority: the higher one of an account goes first; -100 to 100.
    not_before: an aware time; None = now.
    gateways: tried in order; none = those of the node.
    account_id: None = the default account.
    fields: everything else that the caller wants to see again, kept as it is (JSON).
    idempotency_key: the same key of the same account makes the same job, not a second one.
    faxbox_id: the faxbox that it is sent from.
    """

    to_number: str
    documents: Sequence[str | PathLike[str]] = ()
    source: FetchRequest | None = None
    from_number: str = ""
    from_name: str = ""
    to_name: str = ""
    retries: int = 1
    priority: int = 0
    not_before: datetime | None = None
    gateways: Sequence[str] = ()
    preferences: SendPreferences = field(default_factory=SendPreferences)
    account_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    faxbox_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A fax, in either direction.

    id: ``YYYYMM-`` and 32 hex digits, for its whole life.
    attempts: attempts that count against ``retries``; dials: all of them; fetches: vain tries
        to make the document ready.
    result: tx_result or rx_result as JSON values; None before the first attempt ended.
    pages_confirmed: pages that are known to have arrived, over all attempts.
    status_text: what happens right now, in plain words.
    revision: grows with every change.
    """

    id: str
    account_id: str
    direction: Direction
    state: JobState
    hold: Hold
    created_at: datetime
    modified_at: datetime
    finished_at: datetime | None
    removed_at: datetime | None
    revision: int
    from_number: str
    from_name: str
    to_number: str
    to_name: str
    dial_number: str
    retries: int
    priority: int
    gateways: tuple[str, ...]
    preferences: SendPreferences
    source: FetchRequest | None
    fields: Mapping[str, Any]
    resubmit_of: str | None
    due_at: datetime
    prepared: bool
    cancel_asked: bool
    attempts: int
    dials: int
    fetches: int
    pages_total: int
    pages_confirmed: int
    status_text: str
    result: Mapping[str, Any] | None
    call_id: str | None
    faxbox_id: str | None

    @property
    def created(self) -> int:
        """`created_at` in Gregorian seconds."""
        return gregorian(self.created_at)

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make a job of a row of the table."""
        values: dict[str, Any] = dict(zip(_COLUMNS, _IN_ROW(row), strict=True))
        values["direction"] = Direction(values["direction"])
        values["state"] = JobState(values["state"])
        values["hold"] = Hold(values["hold"])
        values["gateways"] = split_route(row.route)
        values["source"] = FetchRequest.from_dict(row.source) if row.source else None
        values["preferences"] = (
            SendPreferences.from_dict(values["preferences"])
            if values["preferences"]
            else _NO_PREFERENCES
        )
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self) | {"created": self.created}


# Lists make thousands of jobs of rows, so what is the same for all is found out once.
_COLUMNS = tuple(item.name for item in fields(Job) if item.name != "gateways")
_IN_ROW = attrgetter(*_COLUMNS)
_NO_PREFERENCES = SendPreferences()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of a job (over one gateway or, on local trouble, several).

    id: the Unique-ID of its first call. counts: it counts against ``retries``.
    core: Core-UUID of the FreeSWITCH process that was to dial it.
    plan: what was to be sent how (first_page, last_page, t38, ecm, v17).
    page: the last page that was seen to be confirmed, 0 = none.
    why: plain sentences, why it was tried that way.
    """

    id: str
    job_id: str
    number: int
    state: AttemptState
    counts: bool
    dial_number: str
    node: str
    core: str
    gateways: tuple[str, ...]
    gateway: str
    plan: Mapping[str, Any]
    why: tuple[str, ...]
    page: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    result: Mapping[str, Any] | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make an attempt of a row of the table."""
        values = {item.name: getattr(row, item.name) for item in fields(cls)}
        values["state"] = AttemptState(row.state)
        values["gateways"] = tuple(row.gateways)
        values["why"] = tuple(row.why)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of a job; its bytes are in the database unless ``removed_at`` is set."""

    id: str
    job_id: str
    kind: DocumentKind
    position: int
    name: str
    media_type: str
    size: int
    sha256: str
    pages: int
    created_at: datetime
    removed_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make a document of a row of the table."""
        return cls(**{item.name: getattr(row, item.name) for item in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that was seen of a job; ``id`` grows, so that a reader can go on from there."""

    id: int
    job_id: str
    attempt_id: str
    at: datetime
    kind: EventKind
    data: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Make one of a row of the table."""
        values = {item.name: getattr(row, item.name) for item in fields(cls)}
        return cls(**values | {"kind": EventKind(row.kind)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


def split_route(route: str) -> tuple[str, ...]:
    """Return the gateways that a job's ``route`` names; none = those of the node."""
    return tuple(route.split(",")) if route else ()


def plain_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as plain JSON values."""
    return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return [_plain(item) for item in value]
        case frozenset():
            return sorted(_plain(item) for item in value)
        case SendPreferences() | FetchRequest():
            return value.as_dict()
        case _:
            return value
