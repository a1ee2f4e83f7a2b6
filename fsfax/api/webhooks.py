"""``/webhooks`` and ``/notifications``: subscriptions, and deliveries of notifications."""

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
    WebhookDetails,
    WebhookPatch,
    WebhookRequest,
    WebhookTestResult,
)
from fsfax.errors import AccountNotFound, DeliveryNotFound, WebhookNotFound
from fsfax.notify.deliveries import Delivery
from fsfax.notify.send_result import Delivered
from fsfax.notify.subscriptions import Webhook
from fsfax.notify.webhook import send_test

_JSON = "application/json"


class _NotificationResource:
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


class WebhookList(_NotificationResource):
    """``/v2/accounts/{account_id}/webhooks``."""

    @describe("List the webhooks", answers={200: list[WebhookDetails]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Return the webhooks, without their secrets."""
        found = self._services.threads.run(self._services.webhooks.list, account_id)
        succeed(req, resp, [fax_view.webhook(hook) for hook in found])

    @describe(
        "Create a webhook; its secret is in this answer alone",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookRequest},
        answers={201: WebhookDetails},
        errors=(404, 408, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Create a webhook and return it with its secret."""
        given = _values(checked(WebhookRequest, self._body(req)).data)
        try:
            hook = self._services.threads.run(self._services.webhooks.create, account_id, **given)
        except AccountNotFound as error:
            raise bad_identifier(account_id) from error
        resp.location = f"/v2/accounts/{account_id}/webhooks/{hook.id}"
        resp.cache_control = ["no-store"]
        succeed(req, resp, fax_view.webhook(hook) | {"secret": hook.secret}, code=201)


class WebhookItem(_NotificationResource):
    """``/v2/accounts/{account_id}/webhooks/{webhook_id}``."""

    @describe("Show a webhook", answers={200: WebhookDetails}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Return the webhook, without its secret."""
        succeed(req, resp, fax_view.webhook(self._webhook(account_id, webhook_id)))

    @describe(
        "Change fields of a webhook; a secret of null: a new one, in this answer alone",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookPatch},
        answers={200: WebhookDetails},
        errors=(404, 408, 413),
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Change the given fields; return the webhook, with its secret if that changed."""
        self._webhook(account_id, webhook_id)
        change = checked(WebhookPatch, self._body(req)).data.model_dump(exclude_unset=True)
        changes = {
            name: value for name, value in change.items() if value is not None or name == "secret"
        }
        update = self._services.webhooks.change
        try:
            hook = self._services.threads.run(update, webhook_id, changes, account_id)
        except WebhookNotFound as error:
            raise bad_identifier(webhook_id) from error
        secret = {"secret": hook.secret} if "secret" in changes else {}
        succeed(req, resp, fax_view.webhook(hook) | secret)

    @describe(
        "Test a webhook",
        scope=Scope.WRITE,
        bodies={_JSON: WebhookAction},
        answers={200: WebhookTestResult},
        errors=(404, 408, 413),
    )
    def on_put(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Send one test request to the webhook's URL and return the result."""
        hook = self._webhook(account_id, webhook_id)
        checked(WebhookAction, self._body(req))
        result = send_test(hook, self._services.settings)
        problem = "" if isinstance(result, Delivered) else result.problem
        succeed(req, resp, {"delivered": isinstance(result, Delivered), "problem": problem})

    @describe("Remove a webhook", scope=Scope.WRITE, answers={200: WebhookDetails}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, webhook_id: str
    ) -> None:
        """Remove the webhook and return it; its open deliveries are given up."""
        hook = self._webhook(account_id, webhook_id)
        try:
            self._services.threads.run(self._services.webhooks.remove, webhook_id, account_id)
        except WebhookNotFound as error:
            raise bad_identifier(webhook_id) from error
        succeed(req, resp, fax_view.webhook(hook))


class NotificationList(_NotificationResource):
    """``/v2/accounts/{account_id}/notifications``."""

    @describe(
        "List notifications and their deliveries",
        query=NotificationQuery,
        answers={200: list[Notification]},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Return a page of notifications, the newest first."""
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


class NotificationItem(_NotificationResource):
    """``/v2/accounts/{account_id}/notifications/{notification_id}``."""

    @describe("Show a notification", answers={200: Notification}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, notification_id: str
    ) -> None:
        """Return the notification."""
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
        """Deliver the notification again, or at once where a retry is pending; return it."""
        self._delivery(account_id, notification_id)
        checked(NotificationAction, self._body(req))
        repeat = self._services.deliveries.repeat
        again = self._services.threads.run(repeat, notification_id, account_id)
        succeed(req, resp, fax_view.notification(again))


def _values(body: WebhookBody) -> Mapping[str, Any]:
    return {name: getattr(body, name) for name in ("url", "form", "events", "enabled", "secret")}
