"""The values that templates see of a fax. Pure.

Foreign text has gone through `one_line`. Templates get nothing else, so that no template, of fsfax
or of a user, can pass control characters or line breaks on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal

from fsfax.accounts.faxboxes import Faxbox
from fsfax.db.records import Attempt, Job
from fsfax.db.states import JobState
from fsfax.notify.events import NotificationKind
from fsfax.runtime.sanitize import one_line
from fsfax.values.results import FaxResult, RxResult, TxResult

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
    result = job.result
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
        "station": one_line(_station(result)),
        "faxbox": one_line(box.name) if box else "",
        "created": _at(job.created_at, zone),
        "finished": _at(finished, zone),
        "pages": job.pages_confirmed,
        "pages_total": job.pages_total,
        "seconds": _seconds(result),
        "attempts": [_attempt(each, zone) for each in attempts],
        "attachment": attachment,
        "result": _of_call(result),
    }


def _attempt(attempt: Attempt, zone: tzinfo) -> dict[str, Any]:
    result = attempt.result
    return {
        "number": attempt.number,
        "started": _at(attempt.started_at, zone),
        "first_page": attempt.plan.first_page,
        "pages": result.pages_sent if result else 0,
        "seconds": result.time_elapsed if result else 0,
        "success": result is not None and result.success,
        **_of_call(result),
    }


def _of_call(result: FaxResult | None) -> dict[str, Any]:
    return {
        "speed": result.fax_speed if result else 0,
        "ecm": result is not None and result.fax_error_correction,
        "t38": result is not None and result.t38_status == "negotiated",
        "outcome": result.outcome.value if result else "",
        "reason": one_line(result.error_message, _MAX_REASON) if result else "",
    }


def _station(result: FaxResult | None) -> str:
    match result:
        case TxResult():
            return result.fax_receiver_id
        case RxResult():
            return result.fax_sender_id
    return ""


def _seconds(result: FaxResult | None) -> int:
    """Return the seconds that the fax took on the line, in all of its calls."""
    if isinstance(result, TxResult) and result.line_seconds:
        return result.line_seconds
    return result.time_elapsed if result else 0


def _at(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone)
