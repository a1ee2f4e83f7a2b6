"""Lists: pages, ranges of time, filters, CSV.

Ranges of time are conditions of the query and use an index. Filters test the fax as the API shows
it, after it was read (as in Kazoo): rows are read until a page is full or 5,000 rows were tested;
``next_start_key`` continues there. Rows are formatted in the thread that reads them, so that a
long list does not block the hub.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import falcon

from fsfax.api.envelope import ApiError, invalid, succeed
from fsfax.api.filters import Filter, Row, filters, query_text
from fsfax.api.models import ListQuery
from fsfax.api.validation import checked
from fsfax.db.records import GREGORIAN_OFFSET, ListItem, cursor
from fsfax.runtime.threads import Threads

T = TypeVar("T", bound=ListItem)

MOST = 1000
"""Most rows of a page."""

_EVERYTHING = 10_000
"""Most rows of a list without paging."""

_MAX_TESTED = 5000
"""Rows that are tested by filters in one request."""

_BATCH = 500
"""Rows that are read for filters in one transaction, at least."""

_LAST_SECOND = 253_402_300_799
"""Seconds from 1970 to the end of the year 9999."""

CSV_TYPE = "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The requested part of a list, as the stores' ``list`` methods take it."""

    created_from: datetime | None
    created_to: datetime | None
    start: str | None
    limit: int
    ascending: bool


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """A part of a list as the store returns it."""

    items: Sequence[T]
    next_start: str | None


def answer(
    req: falcon.Request,
    resp: falcon.Response,
    threads: Threads,
    read: Callable[[Range], ListPage[T]],
    show: Callable[[T], Row],
    full: Callable[[T], Row] | None = None,
) -> None:
    """Answer with a list.

    Args:
        req: its query selects page, order, range of time and filters.
        resp: gets the rows in an envelope, or as CSV.
        threads: real threads for database work.
        read: returns a part of the list.
        show: returns an item as a row.
        full: returns an item as filters see it; by default the row.

    Raises:
        ApiError: a parameter is invalid.
    """
    query = _query(req)
    tests = filters(req.params)
    size = query.page_size if query.paginate else _EVERYTHING
    rows: list[Row] = []
    start = _decoded(query.start_key) if query.start_key else None
    tested = 0

    def read_part() -> tuple[Sequence[T], str | None]:
        missing = min(size - len(rows), MOST)
        part = read(
            Range(
                created_from=_time("created_from", query.created_from),
                created_to=_time("created_to", query.created_to),
                start=start,
                limit=max(missing, _BATCH) if tests else missing,
                ascending=query.ascending,
            )
        )
        for number, item in enumerate(part.items):
            row = show(item)
            if _passes(full(item) if full and tests else row, tests):
                rows.append(row)
            if len(rows) == size and number + 1 < len(part.items):
                return part.items, cursor(item)
        return part.items, part.next_start

    while True:
        items, start = threads.run(read_part)
        tested += len(items)
        if start is None or len(rows) >= size or (query.paginate and tested >= _MAX_TESTED):
            break
        if tested >= _EVERYTHING and not query.paginate:
            break
    if start is not None and not query.paginate:
        raise ApiError(
            416, "range not satisfiable", {"message": f"more than {_EVERYTHING} rows: use paging"}
        )
    if _wants_csv(req):
        _send_csv(req, resp, rows)
        return
    paging: dict[str, Any] = {}
    if query.paginate:
        paging = {"page_size": len(rows), "start_key": [query.start_key or ""]}
        if start is not None:
            paging["next_start_key"] = base64.urlsafe_b64encode(start.encode()).decode()
    succeed(req, resp, rows, **paging)


def _passes(row: Row, tests: Sequence[Filter]) -> bool:
    return all(test(row) for test in tests)


def _query(req: falcon.Request) -> ListQuery:
    given: dict[str, Any] = {
        name: value[-1] if isinstance(value, list) else value for name, value in req.params.items()
    }
    size = str(given.get("page_size", "50"))
    if not size.isdecimal() or not 0 < len(size) < 10 or int(size) < 1:  # noqa: PLR2004
        # Kazoo's answer, including the status.
        raise ApiError(404, "faulty_request", {"message": "invalid page size"})
    given["page_size"] = min(int(size), MOST)
    if given.get("descending") == "false":
        given["ascending"] = True
    query = checked(ListQuery, given)
    earliest, latest = query.created_from, query.created_to
    if earliest is not None and latest is not None and earliest > latest:
        message = f"created_to {latest} is prior to created_from {earliest}"
        raise invalid("created_from", "date_range", message, cause=earliest)
    return query


def _time(name: str, gregorian: int | None) -> datetime | None:
    if gregorian is None:
        return None
    seconds = gregorian - GREGORIAN_OFFSET
    if not 0 <= seconds <= _LAST_SECOND:
        raise invalid(name, "wrong_format", "Gregorian seconds: seconds since the year 0, UTC")
    return datetime.fromtimestamp(seconds, UTC)


def _decoded(key: str) -> str:
    try:
        return base64.urlsafe_b64decode(key.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise invalid("start_key", "invalid", "not the next_start_key of a list") from error


# --- CSV --------------------------------------------------------------------------------------


def _wants_csv(req: falcon.Request) -> bool:
    return req.client_prefers([falcon.MEDIA_JSON, CSV_TYPE]) == CSV_TYPE


def _send_csv(req: falcon.Request, resp: falcon.Response, rows: Sequence[Row]) -> None:
    flat = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    target = io.StringIO()
    writer = csv.DictWriter(target, names, lineterminator="\r\n")  # RFC 4180
    writer.writeheader()
    writer.writerows(flat)
    name = req.get_header("X-File-Name") or "faxes.csv"
    resp.content_type = f"{CSV_TYPE}; charset=utf-8"
    resp.downloadable_as = "".join(c for c in name if c.isalnum() or c in "._-")[:64] or "faxes.csv"
    resp.text = target.getvalue()


def _flat(value: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    cells: list[tuple[str, str]] = []
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            cells += _flat(inner, f"{above}{name}.")
        else:
            cell = query_text(inner)
            # A spreadsheet would evaluate it as a formula; names are sent by the far end.
            risky = cell[:1] in "=+-@\t\r" and not cell.lstrip("+-").replace(".", "").isdigit()
            cells.append((f"{above}{name}", f"'{cell}" if risky else cell))
    return cells
