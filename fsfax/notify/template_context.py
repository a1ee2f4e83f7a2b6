"""The values that templates see of a fax. Pure.

Foreign text has gone through `one_line`. Templates get nothing else, so that no template, of fsfax
or of a user, can pass control characters or line breaks on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal

from fsfax.accounts.faxboxes import Faxbox
from fsfax.db.records import Attempt, Job
from fsfax.db.states import Direction, JobState
from fsfax.notify.events import NotificationKind
from fsfax.runtime.sanitize import one_line

Attachment = Literal["attached", "too_large", "unreadable", "none"]

_MAX_REASON = 300


def template_context(
    kind: NotificationKind,
    job: Job,
    attempts: Sequence[Attempt],
    box: Faxbox | None,
    zone: tzinfo,
    *,
    attachment: Attachment = "none",
) -> dict[str, Any]:
    """Return the values; times are in ``zone``.

    ``kind``, ``direction`` ("out", "in"), ``success``, ``id``, ``from_number``, ``from_name``,
    ``to_number``, ``to_name``, ``station`` (id of the far end), ``faxbox`` (its name), ``created``,
    ``finished``, ``pages``, ``pages_total``, ``seconds`` (on the line), ``attachment``, and
    ``result``: ``speed`` (bit/s), ``ecm``, ``t38``, ``outcome`` (a value of `fsfax.Outcome`),
    ``reason`` (a sentence). ``attempts`` have what ``result`` has, and ``number``, ``started``,
    ``first_page``, ``pages`` (confirmed), ``seconds``, ``success``.
    """
    result = job.result or {}
    out = job.direction is Direction.OUT
    finished = job.finished_at or job.modified_at
    return {
        "kind": kind.value,
        "direction": job.direction.value,
        "success": job.state is JobState.COMPLETED,
        "id": job.id,
        "from_number": one_line(job.from_number),
        "from_name": one_line(job.from_name),
        "to_number": one_line(job.to_number),
        "to_name": one_line(job.to_name),
        "station": one_line(_word(result, "fax_receiver_id" if out else "fax_sender_id")),
        "faxbox": one_line(box.name) if box else "",
        "created": _at(job.created_at, zone),
        "finished": _at(finished, zone),
        "pages": job.pages_confirmed,
        "pages_total": job.pages_total,
        "seconds": _count(result, "line_seconds") or _count(result, "time_elapsed"),
        "attempts": [_attempt(each, zone) for each in attempts],
        "attachment": attachment,
        "result": _of_call(result),
    }


def _attempt(attempt: Attempt, zone: tzinfo) -> dict[str, Any]:
    result = attempt.result or {}
    return {
        "number": attempt.number,
        "started": _at(attempt.started_at, zone),
        "first_page": _count(attempt.plan, "first_page") or 1,
        "pages": _count(result, "pages_sent"),
        "seconds": _count(result, "time_elapsed"),
        "success": result.get("success") is True,
        **_of_call(result),
    }


def _of_call(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "speed": _count(result, "fax_speed"),
        "ecm": result.get("fax_error_correction") is True,
        "t38": result.get("t38_status") == "negotiated",
        "outcome": one_line(_word(result, "outcome")),
        "reason": one_line(_word(result, "error_message"), _MAX_REASON),
    }


def _word(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return int(value) if isinstance(value, int | float) else 0


def _at(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone)
