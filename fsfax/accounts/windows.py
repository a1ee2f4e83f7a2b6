"""Times of day in which an account may call. Pure.

A window is a JSON object:

    {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:30",
     "timezone": "Europe/Dublin"}

``days`` is optional (default: every day), and so is ``timezone`` (default: UTC). A window whose
``to`` is not after its ``from`` ends on the next day; it belongs to the day on which it begins. An
account without windows may always call. With several windows, it may call in each of them.

A window opens when local time first is ``from`` or later, and closes when it first is ``to`` or
later. In the hour that is skipped when summer time begins, both are the moment of the skip: a
window that lies entirely in it does not open on that day, and no window is open after its ``to``.
Of the hour that occurs twice when summer time ends, the first occurrence counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fsfax.errors import InvalidRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AHEAD = 16
"""Days examined: two weeks, for a window that is skipped this time, and one at each end."""


def require_windows(windows: Sequence[Mapping[str, Any]]) -> None:
    """Raise unless all windows are valid.

    Raises:
        InvalidRequest: the message has the first invalid window and the reason.
    """
    if not isinstance(windows, list | tuple):
        raise InvalidRequest(f"the windows are not a list, but {windows!r}")
    for window in windows:
        try:
            _read(window)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise InvalidRequest(
                f"{window!r} is not a time window ({_why(error)}); one looks like"
                ' {"days": ["mon"], "from": "08:00", "to": "18:30", "timezone": "Europe/Dublin"}'
            ) from error


def is_open(windows: Sequence[Mapping[str, Any]], at: datetime) -> bool:
    """Return whether calls are allowed at a time with a time zone."""
    return not windows or any(
        begin <= at < end for window in windows for begin, end in _spans(window, at)
    )


def next_opening(windows: Sequence[Mapping[str, Any]], at: datetime) -> datetime | None:
    """Return the next time at which calls are allowed, perhaps ``at``; None = not in two weeks."""
    if is_open(windows, at):
        return at
    coming = [begin for window in windows for begin, _ in _spans(window, at) if begin > at]
    return min(coming, default=None)


def _spans(window: Mapping[str, Any], around: datetime) -> list[tuple[datetime, datetime]]:
    """Return the spans of a window from the day before until two weeks ahead, in UTC."""
    days, begin, end, zone = _read(window)
    first = (around.astimezone(zone) - timedelta(days=1)).date()
    spans = []
    for offset in range(_AHEAD):
        day = first + timedelta(days=offset)
        if day.weekday() not in days:
            continue
        last = day if end > begin else day + timedelta(days=1)
        # Local times on both sides: the length of the span follows summer time.
        span = _reached(day, begin, zone), _reached(last, end, zone)
        if span[0] < span[1]:
            spans.append(span)
    return spans


def _reached(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return when local time in a zone first is a time of a day, or a later one (UTC)."""
    local = datetime.combine(day, wall, zone)
    late, early = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if late <= early:
        return late  # it occurs once, or twice: the first time
    # Skipped (PEP 495): the skip lies between the two readings of the time.
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def _read(window: Mapping[str, Any]) -> tuple[frozenset[int], time, time, ZoneInfo]:
    if not isinstance(window, Mapping):
        raise TypeError("it is not an object")
    unknown = set(window) - {"days", "from", "to", "timezone"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}")
    for name in ("from", "to"):
        if not isinstance(window.get(name), str):
            raise ValueError(f'"{name}" is missing or no time')  # noqa: TRY004
    begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
    if begin.tzinfo or end.tzinfo:
        raise ValueError("the zone has a field of its own")
    return _days(window.get("days")), begin, end, ZoneInfo(window.get("timezone") or "UTC")


def _days(days: object) -> frozenset[int]:
    if days is None:
        return frozenset(range(len(DAYS)))
    if not isinstance(days, list | tuple) or not days or not all(day in DAYS for day in days):
        raise ValueError(f'"days" are some of {", ".join(DAYS)}')
    return frozenset(DAYS.index(day) for day in days)


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return str(error.args[0])  # of zoneinfo; str() of a KeyError adds quotes
    return error.strerror or "no such time zone" if isinstance(error, OSError) else str(error)
