"""The values that are read from rows, and the request for a new fax. Immutable."""

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
from fsfax.values.numbers import DialNumber
from fsfax.values.plan import AttemptPlan
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import RxResult, TxResult

GREGORIAN_OFFSET = 62_167_219_200
"""Seconds from year 0 to 1970: the API counts time from year 0 (Erlang's gregorian seconds)."""

DocumentKind = Literal["original", "fax", "received"]
"""A document as it was submitted or fetched, the TIFF-F made of it, and a received TIFF."""


def gregorian(at: datetime) -> int:
    """Return a time as the Faxes API has it in ``created``: whole seconds since year 0, UTC."""
    return int(at.timestamp()) + GREGORIAN_OFFSET


class ListItem(Protocol):
    """An item of a list that is ordered by the time of creation."""

    @property
    def id(self) -> str:
        """Unique; orders items that were created at the same time."""

    @property
    def created_at(self) -> datetime:
        """When the item was created."""


def cursor(item: ListItem) -> str:
    """Return the ``start`` that continues a list after this item."""
    return f"{item.created_at.isoformat()}/{item.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFax:
    """A fax that is to be sent.

    to_number: as written; `fsfax.Job.dial_number` is the normalised number that is dialled.
    documents: files that together, in this order, make one fax; or ``source``, a URL to fetch.
    retries: how often to try again after the first attempt, 0 to 4.
    priority: jobs of an account with a higher one are called first; -100 to 100.
    not_before: an aware time; None = now.
    gateways: tried in this order; empty = those of the node.
    account_id: None = the default account.
    fields: other values of the caller's, returned unchanged with the job (JSON).
    idempotency_key: a second request of an account with the same key returns the first job.
    faxbox_id: the faxbox that the fax is sent from.
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

    id: ``YYYYMM-`` and 32 hex digits; never changes.
    dial_number: what is dialled; "" for an inbound fax.
    attempts: attempts that count against ``retries``; dials: all of them; fetches: failed
        preparations of the document.
    stored_result: `result` as it is stored (JSON values).
    pages_confirmed: pages that are known to have arrived, over all attempts.
    status_text: what happens at the moment, in plain words.
    revision: grows with every change.
    call_id: the Unique-ID of an inbound fax's call.
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
    dial_number: DialNumber
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
    stored_result: Mapping[str, Any] | None
    call_id: str | None
    faxbox_id: str | None

    @property
    def created(self) -> int:
        """`created_at` in Gregorian seconds."""
        return gregorian(self.created_at)

    @property
    def result(self) -> TxResult | RxResult | None:
        """What became of the fax so far; None before the first attempt ended.

        It is parsed at each access, because that takes as long as the rest of `from_row` (7 µs with
        three pages): lists that do not show results need not parse them.

        Raises:
            InvalidRequest: the stored value is no result.
        """
        if self.stored_result is None:
            return None
        kind = TxResult if self.direction is Direction.OUT else RxResult
        return kind.from_dict(self.stored_result)

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the job of a row of the table ``jobs``."""
        values: dict[str, Any] = dict(zip(_FIELDS, _IN_ROW(row), strict=True))
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
        return _with_result(plain_fields(self)) | {"created": self.created}


# Lists make thousands of jobs of rows, so what is the same for all jobs is computed once.
_FIELDS = tuple(item.name for item in fields(Job) if item.name != "gateways")
_IN_ROW = attrgetter(*(name.removeprefix("stored_") for name in _FIELDS))
_NO_PREFERENCES = SendPreferences()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of a job (over one gateway or, on local trouble, several).

    id: the Unique-ID of its first call. counts: it counts against ``retries``.
    core: Core-UUID of the FreeSWITCH process that was to dial it.
    gateways: those that may be tried, in this order; gateway: the last one that was tried.
    why: plain sentences, why it was tried that way.
    page: the last page of the document that was observed to be confirmed, 0 = none.
    stored_result: `result` as it is stored (JSON values).
    """

    id: str
    job_id: str
    number: int
    state: AttemptState
    counts: bool
    dial_number: DialNumber
    node: str
    core: str
    gateways: tuple[str, ...]
    gateway: str
    plan: AttemptPlan
    why: tuple[str, ...]
    page: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    stored_result: Mapping[str, Any] | None

    @property
    def result(self) -> TxResult | None:
        """How the attempt ended, parsed at each access; None while it is open.

        Raises:
            InvalidRequest: the stored value is no result.
        """
        return None if self.stored_result is None else TxResult.from_dict(self.stored_result)

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the attempt of a row of the table ``attempts``."""
        values = {
            item.name: getattr(row, item.name.removeprefix("stored_")) for item in fields(cls)
        }
        values["state"] = AttemptState(row.state)
        values["gateways"] = tuple(row.gateways)
        values["plan"] = AttemptPlan.from_dict(row.plan)
        values["why"] = tuple(row.why)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _with_result(plain_fields(self))


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
        """Return the document of a row of the table ``documents``."""
        return cls(**{item.name: getattr(row, item.name) for item in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job; ``id`` grows, so that a reader can continue after it.

    call_id: the Unique-ID of the call on which it was observed: an inbound fax's call, or the
        attempt's id, which is that of its first call; "" for what happened to the job itself.
    """

    id: int
    job_id: str
    call_id: str
    at: datetime
    kind: EventKind
    data: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the event of a row of the table ``job_events``."""
        values = {item.name: getattr(row, item.name) for item in fields(cls)}
        return cls(**values | {"kind": EventKind(row.kind)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_fields(self)


def split_route(route: str) -> tuple[str, ...]:
    """Return the gateways that a job's ``route`` names; empty = those of the node."""
    return tuple(route.split(",")) if route else ()


def plain_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as plain JSON values."""
    return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}


def _with_result(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the stored result under the name of the result."""
    return values | {"result": values.pop("stored_result")}


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
        case SendPreferences() | FetchRequest() | AttemptPlan():
            return value.as_dict()
        case _:
            return value
