"""Faxes that are over: the outbox and the inbox, alike but for their direction.

``/faxes/outbox…`` and ``/faxes/inbox…``. The inbox has what came, also a fax that broke off after
some pages; a call that brought none is seen at ``/faxes/incoming/{id}`` alone.
"""

from __future__ import annotations

from typing import Any

import falcon

from fsfax.accounts.tokens import Scope
from fsfax.api import bodies, fax_view, listing
from fsfax.api.attachments import PDF, PNG, TIFF, Attachments
from fsfax.api.description import describe
from fsfax.api.envelope import ApiError, bad_identifier, invalid, succeed
from fsfax.api.faxes import new_fax
from fsfax.api.models import Action, AttachmentQuery, Fax, FaxBody, ListQuery, Nothing, SentFax
from fsfax.api.services import Services
from fsfax.api.validation import checked
from fsfax.db.records import Job
from fsfax.db.states import Direction, JobState

_OVER = tuple(state for state in JobState if state.is_final)
_ACTIONS = {Direction.OUT: "resubmit", Direction.IN: "forward"}
_MOST_PIXELS = 4000


class _InFolder:
    def __init__(self, services: Services, direction: Direction) -> None:
        self._services = services
        self._direction = direction

    def _job(self, account_id: str, fax_id: str, faxbox_id: str | None) -> Job:
        return self._services.job(account_id, fax_id, self._direction, faxbox_id, over=True)


class Folder(_InFolder):
    """``/faxes/outbox``, ``/faxes/inbox``."""

    @describe("List the faxes of a folder", query=ListQuery, answers={200: list[Fax]})
    def on_get(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """List them, the newest first."""
        services = self._services
        services.faxbox(account_id, faxbox_id)

        def read(part: listing.Range) -> listing.ListPage[Job]:
            found = services.store.list(
                account_id,
                direction=self._direction,
                states=_OVER,
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
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Show it."""
        job = self._job(account_id, fax_id, faxbox_id)
        succeed(req, resp, fax_view.shown(job), revision=job.revision)

    @describe(
        "Send a fax once more (outbox: resubmit, inbox: forward)",
        scope=Scope.WRITE,
        bodies={"application/json": Action},
        answers={201: SentFax},
        errors=(404, 408, 409, 413),
    )
    def on_put(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Send it: a new fax with the same documents; ``data`` replaces fields."""
        job = self._job(account_id, fax_id, faxbox_id)
        body = bodies.receive_json(req, seconds=self._services.settings.api.body_timeout)
        action = checked(Action, _with_action(body))
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
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Remove it: its documents are gone, and it is in no list any more."""
        job = self._job(account_id, fax_id, faxbox_id)
        self._services.threads.run(self._services.store.remove, job.id, account_id)
        gone = fax_view.shown(job)
        gone["_read_only"]["deleted"] = True
        succeed(req, resp, gone, revision=job.revision + 1)


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
        self,
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        faxbox_id: str | None = None,
    ) -> None:
        """Get it as PDF, as TIFF, or as it was handed in."""
        job = self._job(account_id, fax_id, faxbox_id)
        self._attachments.send(req, resp, job, checked(AttachmentQuery, req.params))

    @describe(
        "Remove the documents of a fax; its record stays",
        scope=Scope.WRITE,
        answers={200: Nothing},
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
        """Remove them, for good."""
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
        req: falcon.Request,
        resp: falcon.Response,
        account_id: str,
        fax_id: str,
        number: int,
        faxbox_id: str | None = None,
    ) -> None:
        """Get it as PNG; ``?width=`` in pixels makes it smaller."""
        job = self._services.job(account_id, fax_id, self._direction, faxbox_id)
        width = req.get_param_as_int("width", min_value=16, max_value=_MOST_PIXELS, default=0)
        if number < 1:
            raise bad_identifier(f"page {number}")
        self._attachments.send_page(resp, job, number, width or 0)


def _with_action(body: dict[str, Any]) -> dict[str, Any]:
    if "action" not in body:
        raise ApiError(400, "action required", {"message": "action required"})
    if body["action"] not in _ACTIONS.values():
        raise ApiError(400, "invalid action", {"message": "invalid action"})
    # The samples send `"data": {}`; null is what some clients make of it.
    return {**body, "data": body.get("data") or {}}


def _changes(job: Job, data: dict[str, Any]) -> dict[str, Any]:
    """The fields of the old fax that ``data`` replaces, checked as those of a new one are."""
    if "document" in data:
        raise invalid("document", "invalid", "a fax that is sent once more keeps its document")
    incoming = job.direction is Direction.IN
    before = {
        "to_number": None if incoming else job.to_number,
        "from_number": job.to_number if incoming else job.from_number,
    }
    whole = {name: value for name, value in before.items() if value} | data
    # A fax without a sender's number was made by somebody who did not have to give one.
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
    if incoming:
        changes.setdefault("to_number", new.to_number)
    if asked := new.preferences.as_dict():
        changes["preferences"] = type(new.preferences).from_dict(job.preferences.as_dict() | asked)
    if new.fields:
        changes["fields"] = {**job.fields, **new.fields}
    return changes
