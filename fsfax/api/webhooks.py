"""Who is told of faxes (webhooks), and what became of it (notifications)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import falcon

from fsfax.accounts.tokens import Scope
from fsfax.api import bodies, fax_view, listing
from fsfax.api.description import describe
from fsfax.api.envelope import bad_identifier, invalid, succeed
from fsfax.api.services import Services
from fsfax.api.validation import checked
from fsfax.api.webhook_models import (
    Notification,
    NotificationAction,
    NotificationQuery,
    WebhookAction,
    WebhookBody,
    WebhookPatch,
    WebhookRequest,
    WebhookShown,
    WebhookTried,
)
from fsfax.errors import AccountNotFound, DeliveryNotFound, WebhookNotFound
from fsfax.notify.deliveries import Delivery
from fsfax.notify.send_result import Delivered
from fsfax.notify.subscriptions import Webhook
from fsfax.notify.webhook import send_test

_JSON = "application/json"


class _News:
    def __init__(self, services: Services) -> None:
        self._services = services

    def _body(self, req: falcon.Request) -> dict[str, Any]:
        seconds = self._services.settings.api.body_timeout
        found: dict[str, Any] = bodies.receive_json(req, seconds=seconds)
        return found

    def _webhook(self, account_id: str, webhook_id: str) -> Webhook:
        try:
            return self._services.threads.run(self._services.webhooks.get, webhook_id, account_id)
        except WebhookNotFound as error:
            raise bad_identifier(webhook_id) from error

    def _delivery(self, account_id: str, notification_id: str) -> Delivery:
        try:
            return self._services.threads.run(
                self._services.deliveries.get, notification_id, account_id
            )
        except DeliveryNotFound as error:
            raise bad_identifier(notification_id) from error


class WebhookList(_News):
    """``/v2/accounts/{account_id}/webhooks``."""

    @describe("List the webhooks", answers={200: list[WebhookShown]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """List them, without their secrets."""
        found = self._services.threads.run(self._services.webhooks.list, account_id)
        succeed(req, resp, [fax_view.webhook(hook) for hook in found])

    @describe(
        "Make a webhook; its secret is in this answer alone",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookRequest},
        answers={201: WebhookShown},
        errors=(404, 408, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Make one: from now on it is told of every fax."""
        given = _values(checked(WebhookRequest, self._body(req)).data)
        try:
            hook = self._services.threads.run(self._services.webhooks.create, account_id, **given)
        except AccountNotFound as error:
            raise bad_identifier(account_id) from error
        resp.location = f"/v2/accounts/{account_id}/webhooks/{hook.id}"
        resp.cache_control = ["no-store"]
        succeed(req, resp, fax_view.webhook(hook) | {"secret": hook.secret}, code=201)


class WebhookOne(_News):
    """``/v2/accounts/{account_id}/webhooks/{webhook_id}``."""

    @describe("Show a webhook", answers={200: WebhookShown}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Show it, without its secret."""
        succeed(req, resp, fax_view.webhook(self._webhook(account_id, webhook_id)))

    @describe(
        "Change fields of a webhook; a secret of null is made anew, and is in this answer alone",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookPatch},
        answers={200: WebhookShown},
        errors=(404, 408, 413),
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Change the fields that are given."""
        self._webhook(account_id, webhook_id)
        change = checked(WebhookPatch, self._body(req)).data.model_dump(exclude_unset=True)
        changes = {
            name: value for name, value in change.items() if value is not None or name == "secret"
        }
        change_it = self._services.webhooks.change
        try:
            hook = self._services.threads.run(change_it, webhook_id, changes, account_id)
        except WebhookNotFound as error:
            raise bad_identifier(webhook_id) from error
        secret = {"secret": hook.secret} if "secret" in changes else {}
        succeed(req, resp, fax_view.webhook(hook) | secret)

    @describe(
        "Try a webhook out",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookAction},
        answers={200: WebhookTried},
        errors=(404, 408, 413),
    )
    def on_put(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Send it a message that tells nothing, once, and say what came of it."""
        hook = self._webhook(account_id, webhook_id)
        checked(WebhookAction, self._body(req))
        result = send_test(hook, self._services.settings)
        problem = "" if isinstance(result, Delivered) else result.problem
        succeed(req, resp, {"delivered": isinstance(result, Delivered), "problem": problem})

    @describe("Remove a webhook", scope=Scope.WRITE, answers={200: WebhookShown}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Remove it; what was still to be told to it is given up."""
        hook = self._webhook(account_id, webhook_id)
        try:
            self._services.threads.run(self._services.webhooks.remove, webhook_id, account_id)
        except WebhookNotFound as error:
            raise bad_identifier(webhook_id) from error
        succeed(req, resp, fax_view.webhook(hook))


class NotificationList(_News):
    """``/v2/accounts/{account_id}/notifications``."""

    @describe(
        "List what people and programs were told, or are to be",
        query=NotificationQuery,
        answers={200: list[Notification]},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """List it, the newest first."""
        names = ("state", "fax_id")
        given = {name: value for name in names if (value := req.get_param(name)) is not None}
        query = checked(NotificationQuery, given)

        def read(part: listing.Range) -> listing.ListPage[Delivery]:
            try:
                found = self._services.deliveries.list(
                    account_id,
                    state=query.state,
                    job_id=query.fax_id,
                    created_from=part.created_from,
                    created_to=part.created_to,
                    start=part.start,
                    limit=part.limit,
                    ascending=part.ascending,
                )
            except DeliveryNotFound as error:
                why = "not the next_start_key of a list"
                raise invalid("start_key", "invalid", why) from error
            return listing.ListPage(found.deliveries, found.next_start)

        listing.answer(req, resp, self._services.threads, read, fax_view.notification)


class NotificationOne(_News):
    """``/v2/accounts/{account_id}/notifications/{notification_id}``."""

    @describe("Show a notification", answers={200: Notification}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, notification_id: str
    ) -> None:
        """Show it."""
        succeed(req, resp, fax_view.notification(self._delivery(account_id, notification_id)))

    @describe(
        "Deliver a notification again",
        scope=Scope.WRITE,
        bodies={_JSON: NotificationAction},
        answers={200: Notification},
        errors=(404, 408, 409, 413),
    )
    def on_put(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, notification_id: str
    ) -> None:
        """Deliver it again: what was given up or delivered, or waits for its next try."""
        self._delivery(account_id, notification_id)
        checked(NotificationAction, self._body(req))
        repeat = self._services.deliveries.repeat
        again = self._services.threads.run(repeat, notification_id, account_id)
        succeed(req, resp, fax_view.notification(again))


def _values(body: WebhookBody) -> Mapping[str, Any]:
    return {name: getattr(body, name) for name in ("url", "form", "events", "enabled", "secret")}
