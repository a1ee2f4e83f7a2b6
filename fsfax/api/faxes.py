"""``/faxes``, ``/faxes/outgoing…`` and ``/faxes/incoming…``: create, show, follow, cancel faxes.

All of them exist below ``/faxboxes/{faxbox_id}`` as well, where a new fax gets the fields of the
faxbox and lists contain its faxes alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from falcon import Request, Response

from fsfax.accounts import presets
from fsfax.accounts.faxboxes import Faxbox
from fsfax.accounts.tokens import Scope
from fsfax.api import bodies, events, fax_view, listing
from fsfax.api.description import describe
from fsfax.api.envelope import ApiError, succeed
from fsfax.api.models import (
    FaxBody,
    FaxRequest,
    FaxSummary,
    InboundFax,
    ListQuery,
    OutboundFax,
)
from fsfax.api.services import FaxboxId, Services
from fsfax.api.validation import checked
from fsfax.db.records import Job, NewFax
from fsfax.db.states import Direction, JobState
from fsfax.egress.request import FetchRequest
from fsfax.values.preferences import SendPreferences

_FAX_BODIES = {
    "application/json": FaxRequest,
    "multipart/form-data": None,
    "multipart/mixed": None,
    "multipart/related": None,
    "application/pdf": None,
    "image/tiff": None,
    "application/x-www-form-urlencoded": None,
}
_STORED = frozenset(
    [
        "to_number",
        "to_name",
        "from_number",
        "from_name",
        "document",
        "retries",
        "priority",
        "not_before",
        "resolution",
        "fax_identity_number",
        "fax_identity_name",
        "fax_timezone",
        "timezone",
        "attempts",
        "tx_result",
        "rx_result",
        "faxbox_id",
    ]
)
"""Fields that are stored in columns of their own; all others are stored as they are."""


class OutgoingList:
    """``/faxes`` and ``/faxes/outgoing``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe(
        "Send a fax",
        scope=Scope.WRITE,
        bodies=_FAX_BODIES,
        answers={201: OutboundFax},
        errors=(404, 408, 409, 413, 415, 507),
        headers={"Idempotency-Key": "The same key creates one fax, however often it is sent."},
    )
    def on_put(
        self, req: Request, resp: Response, account_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Create a fax; return 201 with it after it was committed to the database."""
        services = self._services
        box = services.faxbox(account_id, faxbox_id)
        api = services.settings.api
        with bodies.receive(req, limit=api.max_upload, seconds=api.body_timeout) as body:
            new = new_fax(_requested_fax(req, body, box), body.files, account_id, box)
            key = req.get_header("Idempotency-Key")
            if key is not None and not 0 < len(key) <= 255:  # noqa: PLR2004
                raise ApiError(400, "faulty_request", {"message": "Idempotency-Key: 1 to 255 long"})
            job = services.threads.run(services.store.accept, replace(new, idempotency_key=key))
        resp.location = f"/v2/accounts/{account_id}/faxes/outgoing/{job.id}"
        succeed(req, resp, fax_view.sent(job), code=201, revision=job.revision)

    @describe(
        "List the faxes that are being sent", query=ListQuery, answers={200: list[FaxSummary]}
    )
    def on_get(
        self, req: Request, resp: Response, account_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return a page of outbound faxes that are not final."""
        _list_live(self._services, req, resp, account_id, faxbox_id, Direction.OUT)


class FaxRoot:
    """``/faxes``: PUT creates a fax; lists have paths of their own."""

    def __init__(self, services: Services) -> None:
        self.on_put = OutgoingList(services).on_put


class OutgoingFax:
    """``/faxes/outgoing/{fax_id}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe("Show a fax that is being sent", answers={200: OutboundFax}, errors=(404,))
    def on_get(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return the fax, final or not, with the present step of its call."""
        job = self._services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        succeed(req, resp, fax_view.sent(job, self._services.live_text(job)), revision=job.revision)

    @describe(
        "Cancel a fax; a running call is ended",
        scope=Scope.WRITE,
        answers={200: OutboundFax},
        errors=(404, 409),
    )
    def on_delete(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Cancel the fax and return it; a running call is ended and reports its pages so far."""
        services = self._services
        services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        job = services.threads.run(services.store.cancel, fax_id, account_id)
        succeed(req, resp, fax_view.sent(job), revision=job.revision)


class OutgoingEvents:
    """``/faxes/outgoing/{fax_id}/events``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe(
        "Follow a fax by server-sent events",
        media=("text/event-stream",),
        answers={200: None},
        errors=(404, 503),
        headers={"Last-Event-ID": "Continue after this event."},
        enveloped=False,
    )
    def on_get(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return a stream of states, negotiations and pages, until the fax is final."""
        job = self._services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        events.follow(req, resp, self._services, job)


class IncomingList:
    """``/faxes/incoming``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe(
        "List the faxes that are being received", query=ListQuery, answers={200: list[FaxSummary]}
    )
    def on_get(
        self, req: Request, resp: Response, account_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return a page of inbound faxes that are not final."""
        _list_live(self._services, req, resp, account_id, faxbox_id, Direction.IN)


class IncomingFax:
    """``/faxes/incoming/{fax_id}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe("Show a fax that is being received", answers={200: InboundFax}, errors=(404,))
    def on_get(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return the fax: the present step while it is received, later its result."""
        job = self._services.job(account_id, fax_id, Direction.IN, faxbox_id)
        succeed(
            req, resp, fax_view.received(job, self._services.live_text(job)), revision=job.revision
        )


def new_fax(
    body: FaxBody, files: Iterable[Path], account_id: str, box: Faxbox | None = None
) -> NewFax:
    """Return a client's fax as `fsfax.jobs.store` accepts it; a URL takes precedence over files."""
    given = body.model_dump(exclude_unset=True, mode="json")
    source = None
    if document := body.document:
        source = FetchRequest(**document.model_dump(exclude=set(document.model_extra or ())))
    return NewFax(
        to_number=body.to_number,
        to_name=body.to_name or "",
        from_number=body.from_number,
        from_name=body.from_name or "",
        documents=() if source else tuple(files),
        source=source,
        retries=body.retries,
        priority=body.priority,
        not_before=body.not_before,
        preferences=SendPreferences(
            resolution=body.resolution,
            ident=body.fax_identity_number or None,
            header=body.fax_identity_name or None,
            timezone=body.timezone or body.fax_timezone or None,
            t38=box.config.send_preferences().t38 if box else None,
        ),
        account_id=account_id,
        faxbox_id=box.id if box else None,
        fields={name: value for name, value in given.items() if name not in _STORED},
    )


def _requested_fax(req: Request, body: bodies.Received, box: Faxbox | None) -> FaxBody:
    """Return the fax of the body's JSON, else of the query; the faxbox fills in missing fields."""
    found = body.json
    if found is None:
        # A raw document: the numbers are in the query.
        given = {name: req.get_param(name) for name in FaxBody.model_fields}
        found = {"data": {name: value for name, value in given.items() if value is not None}}
    data = found.get("data", {})
    if isinstance(data, dict) and box:
        data = presets.default_fax_fields(box.config) | data
    fax = checked(FaxRequest, {**found, "data": data}).data
    if not body.files and not fax.document:
        message = {"message": "add document url or upload a document"}
        raise ApiError(400, "validation error", {"document.url": {"required": message}})
    return fax


def _list_live(
    services: Services,
    req: Request,
    resp: Response,
    account_id: str,
    faxbox_id: FaxboxId,
    direction: Direction,
) -> None:
    services.faxbox(account_id, faxbox_id)
    live = [state for state in JobState if not state.is_final]

    def read(part: listing.Range) -> listing.ListPage[Job]:
        found = services.store.list(
            account_id,
            direction=direction,
            states=live,
            faxbox_id=faxbox_id,
            created_from=part.created_from,
            created_to=part.created_to,
            start=part.start,
            limit=part.limit,
            ascending=part.ascending,
        )
        return listing.ListPage(found.jobs, found.next_start)

    listing.answer(req, resp, services.threads, read, fax_view.summary, fax_view.full_row)
