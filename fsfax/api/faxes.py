"""Faxes that are under way: make one, follow it, cancel it; and those that are coming in.

``/faxes``, ``/faxes/outgoing…`` and ``/faxes/incoming…``; all of them also behind
``/faxboxes/{faxbox_id}``, where a new fax gets what the faxbox says and lists show its faxes alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import falcon

from fsfax.accounts import presets
from fsfax.accounts.faxboxes import Faxbox
from fsfax.accounts.tokens import Scope
from fsfax.api import bodies, events, fax_view, listing
from fsfax.api.description import describe
from fsfax.api.envelope import ApiError, succeed
from fsfax.api.models import (
    DocumentSource,
    FaxBody,
    FaxRequest,
    FaxSummary,
    ListQuery,
    ReceivedFax,
    SentFax,
)
from fsfax.api.services import Services
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
"""Fields that have a place of their own; all others are kept as they are."""

_NAMES_OF_A_JOB = ("to_number", "to_name", "from_number", "from_name")


class OutgoingList:
    """``/faxes`` and ``/faxes/outgoing``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe(
        "Send a fax",
        scope=Scope.WRITE,
        bodies=_FAX_BODIES,
        answers={201: SentFax},
        errors=(404, 408, 409, 413, 415, 507),
        headers={"Idempotency-Key": "The same key makes one fax, however often it is sent."},
    )
    def on_put(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Take a fax on; when the answer is sent, it is not lost any more."""
        services = self._services
        box = services.faxbox(account_id, faxbox_id)
        api = services.settings.api
        with bodies.receive(req, limit=api.max_upload, seconds=api.body_timeout) as body:
            body_fax = _asked_for(req, body, box)
            new = new_fax(body_fax, body.files, account_id, box)
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
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """List them."""
        _list_live(self._services, req, resp, account_id, faxbox_id, Direction.OUT)


class OnlyPut:
    """``/faxes``: where faxes are made; a list is asked for elsewhere."""

    def __init__(self, services: Services) -> None:
        self.on_put = OutgoingList(services).on_put


class OutgoingFax:
    """``/faxes/outgoing/{fax_id}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe("Show a fax that is being sent", answers={200: SentFax}, errors=(404,))
    def on_get(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Show it, with what happens on the line right now; also when it is over."""
        job = self._services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        succeed(req, resp, fax_view.sent(job, self._services.live(job)), revision=job.revision)

    @describe(
        "Cancel a fax, also on the line",
        scope=Scope.WRITE,
        answers={200: SentFax},
        errors=(404, 409),
    )
    def on_delete(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Cancel it: at once if it waits; a call is ended, and its pages so far are reported."""
        services = self._services
        services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        job = services.threads.run(services.store.cancel, fax_id, account_id)
        succeed(req, resp, fax_view.sent(job), revision=job.revision)


class OutgoingEvents:
    """``/faxes/outgoing/{fax_id}/events``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe(
        "Follow a fax: server-sent events",
        media=("text/event-stream",),
        answers={200: None},
        errors=(404, 503),
        headers={"Last-Event-ID": "Go on behind that event."},
        enveloped=False,
    )
    def on_get(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Tell each state, negotiation and page, until the fax is over."""
        job = self._services.job(account_id, fax_id, Direction.OUT, faxbox_id)
        events.follow(req, resp, self._services, job)


class IncomingList:
    """``/faxes/incoming``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe("List the faxes that are coming in", query=ListQuery, answers={200: list[FaxSummary]})
    def on_get(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """List them."""
        _list_live(self._services, req, resp, account_id, faxbox_id, Direction.IN)


class IncomingFax:
    """``/faxes/incoming/{fax_id}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @describe("Show a fax that is coming in", answers={200: ReceivedFax}, errors=(404,))
    def on_get(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Show it: live while it comes in, as it ended afterwards."""
        job = self._services.job(account_id, fax_id, Direction.IN, faxbox_id)
        succeed(req, resp, fax_view.received(job, self._services.live(job)), revision=job.revision)


def new_fax(
    body: FaxBody, files: Iterable[Path], account_id: str, box: Faxbox | None = None
) -> NewFax:
    """Return what a client asks for as the store takes it; a URL goes above files."""
    given = body.model_dump(exclude_unset=True, mode="json")
    source = _source(body.document) if body.document else None
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


def _source(document: DocumentSource) -> FetchRequest:
    return FetchRequest(
        url=document.url,
        method=document.method,
        content=document.content,
        content_type=document.content_type,
        host=document.host,
        referer=document.referer,
    )


def _asked_for(req: falcon.Request, body: bodies.Received, box: Faxbox | None) -> FaxBody:
    """The fax that a body asks for: its JSON, else the address; the faxbox fills in the rest."""
    found = body.json
    if found is None:
        # A raw document: the numbers stand in the address.
        words = {name: req.get_param(name) for name in FaxBody.model_fields}
        found = {"data": {name: value for name, value in words.items() if value is not None}}
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
    req: falcon.Request,
    resp: falcon.Response,
    account_id: str,
    faxbox_id: str | None,
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
