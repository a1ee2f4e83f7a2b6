"""Server-sent events of a fax (WHATWG HTML, section 9.2), read from the job's stored events.

Each has the id of the stored event, so that a client that lost the connection continues where it
was (``Last-Event-ID``). No state is stored for a client.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator

import falcon
import gevent

from fsfax.api import fax_view
from fsfax.api.envelope import ApiError
from fsfax.api.services import Services
from fsfax.db.records import Job
from fsfax.errors import JobNotFound, StoreError

_POLL = 0.3
"""Seconds between two queries."""

_HEARTBEAT = 15.0
"""Seconds without an event after which a comment is sent."""

_MAX_DIGITS = 18


def follow(req: falcon.Request, resp: falcon.Response, services: Services, job: Job) -> None:
    """Answer with the events of a fax, from its first one or after ``Last-Event-ID``.

    Raises:
        ApiError: 503 if as many streams are open as the setting ``api.streams`` permits.
    """
    if services.streams >= services.settings.api.streams:
        message = {"message": "too many event streams are open: try again later, or poll the fax"}
        raise ApiError(503, "too_many_streams", message, {"Retry-After": "10"})
    last = req.get_header("Last-Event-ID") or ""
    after = int(last) if last.isdecimal() and len(last) <= _MAX_DIGITS else 0
    resp.content_type = "text/event-stream; charset=utf-8"
    resp.cache_control = ["no-store"]
    resp.set_header("X-Accel-Buffering", "no")
    resp.stream = _Stream(services, job, after)


class _Stream:
    """Yields events until the fax is final; counted until the client disconnects."""

    def __init__(self, services: Services, job: Job, after: int) -> None:
        self._services = services
        self._events = self._read(job, after)
        self._open = True
        services.streams += 1

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """End the stream; the server calls this at its end and when the client disconnects."""
        if self._open:
            self._open = False
            self._services.streams -= 1
            self._events.close()

    def _read(self, job: Job, after: int) -> Generator[bytes, None, None]:
        store, run = self._services.store, self._services.threads.run
        sent_at = time.monotonic()
        yield b"retry: 2000\n\n"
        while True:
            try:
                job = run(store.get, job.id, job.account_id)
                for event in run(store.events, job.id, after):
                    after = event.id
                    data = json.dumps(fax_view.event(event, job), ensure_ascii=False)
                    yield f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()
                    sent_at = time.monotonic()
            except StoreError:
                return  # the client reconnects and continues after its last event
            except JobNotFound:
                yield b"event: end\ndata: {}\n\n"
                return
            if job.state.is_final:
                data = json.dumps(fax_view.sent(job), ensure_ascii=False)
                yield f"event: end\ndata: {data}\n\n".encode()
                return
            if time.monotonic() - sent_at > _HEARTBEAT:
                sent_at = time.monotonic()
                yield b": still there\n\n"
            gevent.sleep(_POLL)
