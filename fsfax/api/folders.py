"""``/faxes/outbox…`` and ``/faxes/inbox…``: final faxes of either direction.

The inbox contains received faxes, including those that broke off after some pages; a call without
any page is found at ``/faxes/incoming/{id}`` alone.
"""

from __future__ import annotations

from typing import Any

from falcon import Request, Response

from fsfax.accounts.tokens import Scope
from fsfax.api import bodies, fax_view, listing
from fsfax.api.attachments import PDF, PNG, TIFF, Attachments
from fsfax.api.description import describe
from fsfax.api.envelope import ApiError, bad_identifier, invalid, succeed
from fsfax.api.faxes import new_fax
from fsfax.api.models import (
    AttachmentQuery,
    Empty,
    Fax,
    FaxBody,
    ListQuery,
    OutboundFax,
    ResubmitAction,
)
from fsfax.api.services import FaxboxId, Services
from fsfax.api.validation import checked
from fsfax.db.records import Job
from fsfax.db.states import Direction, JobState

_FINAL = tuple(state for state in JobState if state.is_final)
_ACTIONS = {Direction.OUT: "resubmit", Direction.IN: "forward"}
_MAX_WIDTH = 4000
"""Pixels of a picture of a page."""


class _InFolder:
    def __init__(self, services: Services, direction: Direction) -> None:
        self._services = services
        self._direction = direction

    def _job(self, account_id: str, fax_id: str, faxbox_id: FaxboxId) -> Job:
        return self._services.job(account_id, fax_id, self._direction, faxbox_id, final=True)


class Folder(_InFolder):
    """``/faxes/outbox``, ``/faxes/inbox``."""

    @describe("List the faxes of a folder", query=ListQuery, answers={200: list[Fax]})
    def on_get(
        self, req: Request, resp: Response, account_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return a page of the folder's faxes, the newest first."""
        services = self._services
        services.faxbox(account_id, faxbox_id)

        def read(part: listing.Range) -> listing.ListPage[Job]:
            found = services.store.list(
                account_id,
                direction=self._direction,
                states=_FINAL,
                with_pages=self._direction is Direction.IN,
                faxbox_id=faxbox_id,
                created_from=part.created_from,
                created_to=part.created_to,
                start=part.start,
                limit=part.limit,
                ascending=part.ascending,
            )
            return listing.ListPage(found.jobs, found.next_start)

        listing.answer(req, resp, services.threads, read, fax_view.full_row)


class FolderFax(_InFolder):
    """``/faxes/outbox/{fax_id}``, ``/faxes/inbox/{fax_id}``."""

    @describe("Show a fax", answers={200: Fax}, errors=(404,))
    def on_get(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return the fax."""
        job = self._job(account_id, fax_id, faxbox_id)
        succeed(req, resp, fax_view.shown(job), revision=job.revision)

    @describe(
        "Send a fax once more (outbox: resubmit, inbox: forward)",
        scope=Scope.WRITE,
        bodies={"application/json": ResubmitAction},
        answers={201: OutboundFax},
        errors=(404, 408, 409, 413),
    )
    def on_put(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Create a fax with the same documents, and return it; ``data`` replaces fields."""
        job = self._job(account_id, fax_id, faxbox_id)
        body = bodies.receive_json(req, seconds=self._services.settings.api.body_timeout)
        action = checked(ResubmitAction, _with_action(body))
        if action.action != _ACTIONS[self._direction]:
            raise ApiError(400, "invalid action", {"message": "invalid action"})
        again = self._services.threads.run(
            self._services.store.resubmit, job.id, account_id, changes=_changes(job, action.data)
        )
        resp.location = f"/v2/accounts/{account_id}/faxes/outgoing/{again.id}"
        succeed(req, resp, fax_view.sent(again), code=201, revision=again.revision)

    @describe(
        "Remove a fax and its documents",
        scope=Scope.WRITE,
        answers={200: Fax},
        errors=(404, 409),
    )
    def on_delete(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Remove the fax's documents and the fax from all lists; return it."""
        job = self._job(account_id, fax_id, faxbox_id)
        self._services.threads.run(self._services.store.remove, job.id, account_id)
        removed = fax_view.shown(job)
        removed["_read_only"]["deleted"] = True
        succeed(req, resp, removed, revision=job.revision + 1)


class Attachment(_InFolder):
    """``…/{fax_id}/attachment``."""

    def __init__(self, services: Services, direction: Direction) -> None:
        super().__init__(services, direction)
        self._attachments = Attachments(services.store, services.threads)

    @describe(
        "Get the document of a fax",
        query=AttachmentQuery,
        media=(PDF, TIFF, "application/octet-stream"),
        answers={200: None, 206: None, 304: None},
        errors=(404, 406, 416),
        enveloped=False,
    )
    def on_get(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Return the document as PDF, as TIFF-F, or as the client sent it."""
        job = self._job(account_id, fax_id, faxbox_id)
        self._attachments.send(req, resp, job, checked(AttachmentQuery, req.params))

    @describe(
        "Remove the documents of a fax; its record stays",
        scope=Scope.WRITE,
        answers={200: Empty},
        errors=(404, 409),
    )
    def on_delete(
        self, req: Request, resp: Response, account_id: str, fax_id: str, faxbox_id: FaxboxId = None
    ) -> None:
        """Remove the documents irrevocably; return an empty object."""
        job = self._job(account_id, fax_id, faxbox_id)
        self._services.threads.run(self._services.store.remove_documents, job.id, account_id)
        succeed(req, resp, {}, revision=job.revision + 1)


class Page(_InFolder):
    """``…/{fax_id}/pages/{number}``."""

    def __init__(self, services: Services, direction: Direction) -> None:
        super().__init__(services, direction)
        self._attachments = Attachments(services.store, services.threads)

    @describe(
        "Get a picture of a page",
        media=(PNG,),
        answers={200: None},
        errors=(404,),
        enveloped=False,
    )
    def on_get(
        self,
        req: Request,
        resp: Response,
        account_id: str,
        fax_id: str,
        number: int,
        faxbox_id: FaxboxId = None,
    ) -> None:
        """Return the page as PNG, scaled to ``?width=`` pixels if that is given."""
        job = self._services.job(account_id, fax_id, self._direction, faxbox_id)
        width = req.get_param_as_int("width", min_value=16, max_value=_MAX_WIDTH, default=0)
        if number < 1:
            raise bad_identifier(f"page {number}")
        self._attachments.send_page(resp, job, number, width or 0)


def _with_action(body: dict[str, Any]) -> dict[str, Any]:
    if "action" not in body:
        raise ApiError(400, "action required", {"message": "action required"})
    if body["action"] not in _ACTIONS.values():
        raise ApiError(400, "invalid action", {"message": "invalid action"})
    # Kazoo's samples send `"data": {}`; some clients make null of it.
    return {**body, "data": body.get("data") or {}}


def _changes(job: Job, data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that ``data`` replaces, validated like those of a new fax."""
    if "document" in data:
        raise invalid(
            "document",
            "invalid",
            "a fax that is sent once more has the documents of the first one: leave it out",
        )
    inbound = job.direction is Direction.IN
    before = {
        "to_number": None if inbound else job.to_number,
        "from_number": job.to_number if inbound else job.from_number,
    }
    whole = {name: value for name, value in before.items() if value} | data
    # A fax of `fsfax submit` may lack a sender's number, which the API requires.
    new = new_fax(checked(FaxBody, {"from_number": "-", **whole}), (), job.account_id)
    changes: dict[str, Any] = {
        name: getattr(new, name)
        for name in (
            "to_number",
            "to_name",
            "from_number",
            "from_name",
            "retries",
            "priority",
            "not_before",
        )
        if name in data
    }
    if inbound:
        changes.setdefault("to_number", new.to_number)
    if given := new.preferences.as_dict():
        changes["preferences"] = type(new.preferences).from_dict(job.preferences.as_dict() | given)
    if new.fields:
        changes["fields"] = {**job.fields, **new.fields}
    return changes
