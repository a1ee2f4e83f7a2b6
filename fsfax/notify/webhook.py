"""Sends notifications to webhooks: signed messages to the URL of a program."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fsfax.db.records import Job
from fsfax.egress.exchange import Resolver, resolve
from fsfax.errors import WebhookNotFound
from fsfax.notify import http_post, payload
from fsfax.notify.deliveries import Delivery
from fsfax.notify.events import TEST_EVENT, NotificationKind
from fsfax.notify.send_result import Rejected, Result
from fsfax.notify.signature import sign
from fsfax.notify.subscriptions import Webhook, Webhooks
from fsfax.settings import Settings

InThread = Callable[..., Any]
"""Runs a function that blocks in a thread and waits for it: ``in_thread(function, *args)``."""

Show = Callable[[Job], Mapping[str, Any]]
"""Returns a fax as the API shows it: `fsfax.api.fax_view.shown`, passed in from the command."""


class WebhookSender:
    """Sends deliveries to webhooks; it waits in the hub, without a thread.

    Args:
        settings: ``notify.webhook``.
        webhooks: the subscriptions.
        show: returns a fax as the API shows it.
        in_thread: runs a function that uses the database in a thread.
        resolver: for tests.
    """

    def __init__(
        self,
        settings: Settings,
        webhooks: Webhooks,
        show: Show,
        in_thread: InThread,
        resolver: Resolver = resolve,
    ) -> None:
        self._settings = settings.notify.webhook
        self._webhooks = webhooks
        self._show = show
        self._in_thread = in_thread
        self._resolver = resolver

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Send one delivery."""
        data = delivery.data
        secret = data.get("secret", "")
        if webhook_id := data.get("webhook_id"):
            try:
                hook: Webhook = self._in_thread(self._webhooks.get, webhook_id)
            except WebhookNotFound:
                return Rejected("the webhook was removed")
            if not hook.enabled:
                return Rejected("the webhook is disabled")
            secret = hook.secret
        kind, at = NotificationKind(delivery.kind), delivery.happened_at
        message = payload.message(kind, job, self._show(job), at, delivery.details)
        request = _signed(
            str(data.get("method", "POST")),
            delivery.target,
            payload.encode(message, form := str(data.get("form", "json"))),
            form,
            sign_with=(secret, delivery.id),
        )
        return http_post.send(
            request, self._settings, refusals=self._settings.refusals, resolver=self._resolver
        )


def send_test(hook: Webhook, settings: Settings, *, resolver: Resolver = resolve) -> Result:
    """Send a webhook one test message, now."""
    now = datetime.now(UTC)
    data = {"account_id": hook.account_id, "webhook_id": hook.id}
    body = payload.encode(payload.envelope(TEST_EVENT, now, data), hook.form)
    id = f"msg_{uuid.uuid4().hex}"
    request = _signed("POST", hook.url, body, hook.form, sign_with=(hook.secret, id))
    limits = settings.notify.webhook
    return http_post.send(request, limits, refusals=limits.refusals, resolver=resolver)


def _signed(
    method: str, url: str, body: bytes, form: str, *, sign_with: tuple[str, str]
) -> http_post.PostRequest:
    """Return a request that is signed with a secret and has a message's id."""
    secret, id = sign_with
    headers = {"Content-Type": payload.CONTENT_TYPES[form]}
    headers |= sign(secret, id, int(time.time()), body)
    return http_post.PostRequest(method, url, headers, body)
