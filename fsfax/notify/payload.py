"""The body of a webhook message. Pure.

    {"type": "fax.in.completed",
     "timestamp": "2026-11-23T12:00:00Z",            when it happened
     "data": {"account_id": "…", "faxbox_id": "…",
              "fax": {…},                            as the API shows it at the time of sending
              "links": {"fax": "/v2/accounts/…", "attachment": "/v2/accounts/…/attachment"},
              "reason": "…", "next_attempt_at": "…"  of fax.out.retrying and fax.out.uncertain
    }}

The document is not in it: ``links`` are the API's paths of the fax and its document. This package
is below the API and cannot import it: the paths are written here, and the fax as the API shows it
(`fsfax.api.fax_view.shown`) is passed in from the command that starts the dispatcher. As a form
the message has dotted names, ``type=fax.in.completed&data.fax.id=…``; an item of a list has its
index, ``labels.0``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fsfax.db.records import Job
from fsfax.db.states import Direction
from fsfax.notify.events import NotificationKind

CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}

_PRIVATE = frozenset({"notifications", "_read_only"})
"""Fields of a fax that a webhook does not get: other recipients, and internal notes of the API."""


def message(
    kind: NotificationKind,
    job: Job,
    fax: Mapping[str, Any],
    at: datetime,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the message of a notification.

    Args:
        kind: of the notification.
        job: its fax.
        fax: the job as the API shows it.
        at: when the fax changed.
        details: of the notification, beside the fax: ``reason``, ``next_attempt_at``.
    """
    folder = "outbox" if job.direction is Direction.OUT else "inbox"
    if job.direction is Direction.OUT and not job.state.is_final:
        folder = "outgoing"
    path = f"/v2/accounts/{job.account_id}/faxes/{folder}/{job.id}"
    links = {"fax": path}
    if job.state.is_final:
        links["attachment"] = f"{path}/attachment"
    data = {
        "account_id": job.account_id,
        "faxbox_id": job.faxbox_id,
        "fax": {name: value for name, value in fax.items() if name not in _PRIVATE},
        "links": links,
    }
    return envelope(kind.event, at, dict(details) | data)


def envelope(event: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body in the form that Standard Webhooks recommends."""
    timestamp = at.isoformat().replace("+00:00", "Z")
    return {"type": event, "timestamp": timestamp, "data": dict(data)}


def encode(body: Mapping[str, Any], form: str) -> bytes:
    """Return a message as bytes, as JSON or as a form."""
    if form == "form":
        # JSON may hold a lone surrogate, which UTF-8 cannot encode.
        return urlencode(list(_flat(body)), errors="replace").encode("ascii")
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{index}")
    elif value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield name, text
