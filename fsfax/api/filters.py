"""Filters of lists, as Kazoo's Faxes API has them; they test a fax as the API shows it.

``filter_FIELD=VALUE``, ``filter_not_FIELD=VALUE`` (a JSON list: any of its values), ``has_key``,
``key_missing``, ``has_value``, ``value_missing``, ``modified_from``, ``modified_to``. A dotted
name addresses a field of an object. A row has to pass all filters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

Row = dict[str, Any]
Filter = Callable[[Row], bool]

_ABSENT = object()
_LATEST = 1 << 62


def filters(parameters: Mapping[str, str | list[str]]) -> list[Filter]:
    """Return the filters that the parameters of a request name."""
    return list(_each(parameters))


def _each(parameters: Mapping[str, str | list[str]]) -> Iterator[Filter]:
    times = {}
    for name, given in parameters.items():
        values = given if isinstance(given, list) else [given]
        if name.startswith("filter_not_"):
            yield partial(_lacks, name.removeprefix("filter_not_"), _wanted(values))
        elif name.startswith("filter_"):
            yield partial(_has, name.removeprefix("filter_"), _wanted(values))
        elif name in _PRESENCE:
            yield partial(_PRESENCE[name], values[-1])
        elif name in ("modified_from", "modified_to") and values[-1].isdecimal():
            times[name] = int(values[-1])
    if times:
        yield partial(_modified, times.get("modified_from", 0), times.get("modified_to", _LATEST))


def _wanted(values: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for value in values:
        try:
            listed = json.loads(value) if value.startswith("[") else [value]
        except ValueError:
            listed = [value]
        found.update(map(query_text, listed))
    return frozenset(found)


def _has(path: str, wanted: frozenset[str], row: Row) -> bool:
    value = _at(path, row)
    if isinstance(value, list):
        return any(query_text(item) in wanted for item in value)
    return value is not _ABSENT and query_text(value) in wanted


def _lacks(path: str, wanted: frozenset[str], row: Row) -> bool:
    return not _has(path, wanted, row)


def _modified(low: int, high: int, row: Row) -> bool:
    modified: int = row.get("modified") or row.get("created") or 0
    return low <= modified <= high


def _at(path: str, row: Row) -> Any:
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _present(path: str, row: Row) -> bool:
    return _at(path, row) is not _ABSENT


def _filled(path: str, row: Row) -> bool:
    value = _at(path, row)
    return value is not _ABSENT and value not in (None, "", [], {})


_PRESENCE: Mapping[str, Callable[[str, Row], bool]] = {
    "has_key": _present,
    "key_missing": lambda path, row: not _present(path, row),
    "has_value": _filled,
    "value_missing": lambda path, row: not _filled(path, row),
}


def query_text(value: Any) -> str:
    """Return a value as text, as a query has it."""
    return value if isinstance(value, str) else json.dumps(value)
