"""Times of day in which an account may call. Pure.

A window is a JSON object:

    {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:30",
     "timezone": "Europe/Dublin"}

``days`` may be left out (all of them). A window whose ``to`` is not after its ``from`` ends on
the next day; it belongs to the day on which it begins. An account without windows may always
call. Several windows add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fsfax.errors import InvalidRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AHEAD = 9  # days: a week, and one at each end for the time zones


def require_windows(windows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse windows that make no sense.

    Raises:
        InvalidRequest: which one, and why.
    """
    for window in windows:
        try:
            _read(window)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise InvalidRequest(
                f"{dict(window)!r} is not a time window ({error}); one looks like"
                ' {"days": ["mon"], "from": "08:00", "to": "18:30", "timezone": "Europe/Dublin"}'
            ) from error


def is_open(windows: Sequence[Mapping[str, Any]], at: datetime) -> bool:
    """Tell whether calls are allowed at an (aware) time."""
    return not windows or any(
        begin <= at < end for window in windows for begin, end in _spans(window, at)
    )


def next_opening(windows: Sequence[Mapping[str, Any]], at: datetime) -> datetime | None:
    """Return when calls are next allowed, ``at`` itself if they are; None = never."""
    if is_open(windows, at):
        return at
    coming = [begin for window in windows for begin, _ in _spans(window, at) if begin > at]
    return min(coming, default=None)


def _spans(window: Mapping[str, Any], around: datetime) -> list[tuple[datetime, datetime]]:
    """The spans of a window from the day before until a week ahead, in UTC."""
    days, begin, end, zone = _read(window)
    first = (around.astimezone(zone) - timedelta(days=1)).date()
    spans = []
    for offset in range(_AHEAD):
        day = first + timedelta(days=offset)
        if day.weekday() not in days:
            continue
        last = day if end > begin else day + timedelta(days=1)
        # Local times on both sides: the length of the span follows summer time.
        spans.append(
            (
                datetime.combine(day, begin, zone).astimezone(UTC),
                datetime.combine(last, end, zone).astimezone(UTC),
            )
        )
    return spans


def _read(window: Mapping[str, Any]) -> tuple[frozenset[int], time, time, ZoneInfo]:
    unknown = set(window) - {"days", "from", "to", "timezone"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    days = frozenset(DAYS.index(day) for day in window.get("days") or DAYS)
    begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
    if begin.tzinfo or end.tzinfo:
        raise ValueError("the zone has a field of its own")
    return days, begin, end, ZoneInfo(window.get("timezone") or "UTC")
