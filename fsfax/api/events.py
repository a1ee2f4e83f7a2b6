"""Following a fax: server-sent events (WHATWG HTML, section 9.2), from the store's own notes.

Each event has the id of its note, so that a client that lost the connection goes on where it was
(``Last-Event-ID``). Nothing is kept for a client: what it is told was written down before.
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

_LOOK_EVERY = 0.3
_SIGN_OF_LIFE = 15.0
_DIGITS = 18


def follow(req: falcon.Request, resp: falcon.Response, services: Services, job: Job) -> None:
    """Answer with the events of a fax, from its first one or behind ``Last-Event-ID``.

    Raises:
        ApiError: 503 where too many follow already.
    """
    if services.streams >= services.settings.api.streams:
        message = {"message": "too many clients follow faxes: try again, or ask now and then"}
        raise ApiError(503, "too_many_streams", message, {"Retry-After": "10"})
    last = req.get_header("Last-Event-ID") or ""
    after = int(last) if last.isdecimal() and len(last) <= _DIGITS else 0
    resp.content_type = "text/event-stream; charset=utf-8"
    resp.cache_control = ["no-store"]
    resp.set_header("X-Accel-Buffering", "no")
    resp.stream = _Stream(services, job, after)


class _Stream:
    """Yields events until the fax is over; counted as long as the client is there."""

    def __init__(self, services: Services, job: Job, after: int) -> None:
        self._services = services
        self._events = self._tell(job, after)
        self._open = True
        services.streams += 1

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """The client went, or everything was told."""
        if self._open:
            self._open = False
            self._services.streams -= 1
            self._events.close()

    def _tell(self, job: Job, after: int) -> Generator[bytes, None, None]:
        store, run = self._services.store, self._services.threads.run
        told = time.monotonic()
        yield b"retry: 2000\n\n"
        while True:
            try:
                job = run(store.get, job.id, job.account_id)
                for seen in run(store.events, job.id, after):
                    after = seen.id
                    data = json.dumps(fax_view.event(seen, job), ensure_ascii=False)
                    yield f"id: {seen.id}\nevent: {seen.kind}\ndata: {data}\n\n".encode()
                    told = time.monotonic()
            except StoreError:
                return  # the client comes back, and goes on behind what it knows
            except JobNotFound:
                yield b"event: end\ndata: {}\n\n"
                return
            if job.state.is_final:
                data = json.dumps(fax_view.sent(job), ensure_ascii=False)
                yield f"event: end\ndata: {data}\n\n".encode()
                return
            if time.monotonic() - told > _SIGN_OF_LIFE:
                told = time.monotonic()
                yield b": still there\n\n"
            gevent.sleep(_LOOK_EVERY)
