"""Follow a job to its end, for ``fsfax submit --wait``."""

from __future__ import annotations

import time

from fsfax.cli import exits
from fsfax.cli.show import Show
from fsfax.db.records import Job, JobEvent
from fsfax.db.states import JobState
from fsfax.jobs.store import JobStore
from fsfax.values.events import EventKind
from fsfax.values.outcome import Outcome

_PAUSE = 0.3
"""Seconds between two queries: a page takes seconds."""


def follow(store: JobStore, job_id: str, show: Show) -> int:
    """Print a job's events until it is final or held; return the exit code of its fax."""
    last = 0
    while True:
        job = store.get(job_id)
        for event in store.events(job_id, last):
            last = event.id
            if show.as_json:
                show.line({"event": event.kind, **event.as_dict()})
            elif words := _words(event):
                show.words(f"  {words}")
        if job.state.is_final or job.hold:
            return _end(job, show)
        time.sleep(_PAUSE)


def _end(job: Job, show: Show) -> int:
    result = job.result
    if show.as_json:
        show.line({"event": "result", **job.as_dict()})
    elif job.state is JobState.COMPLETED:
        show.words(f"delivered: {job.pages_confirmed} page(s), {job.attempts} attempt(s)")
    elif job.hold:
        show.words(f"held: {job.status_text or job.hold}")
    else:
        show.words(f"{job.state}: {(result and result.error_message) or 'by request'}")
    if job.state is JobState.COMPLETED:
        return exits.OK
    if job.state is JobState.CANCELLED:
        return exits.OUTCOMES[Outcome.CANCELLED]
    return exits.OUTCOMES[result.outcome if result else Outcome.UNKNOWN]


def _words(event: JobEvent) -> str:
    data = event.data
    match event.kind:
        case EventKind.STATE:
            why = f": {data['why']}" if data.get("why") else ""
            return f"{data['state'].replace('_', ' ')}{why}"
        case EventKind.DIALLING:
            return f"dialling over {data['gateway'] or 'the gateway'} ({data['node']})"
        case EventKind.NEGOTIATED:
            return f"negotiated: {data['rate']} bit/s, T.38 {data['t38_status']}"
        case EventKind.PAGE_DONE:
            return f"page {data['page']} confirmed"
        case EventKind.POSTPONED:
            return f"postponed: {data['problem']}"
        case EventKind.RINGING | EventKind.ANSWERED:
            return event.kind
    return ""
