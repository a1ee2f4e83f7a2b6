"""Webhooks: a signed message to the URL of a program."""

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
"""Shows a fax as the API does."""


class WebhookSender:
    """Carries messages to webhooks; waits in the hub, without a thread.

    Args:
        settings: ``notify.webhook``.
        webhooks: where subscriptions are.
        show: shows a fax as the API does.
        in_thread: where the database is used.
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
        """Tell one program of a fax."""
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
        message = payload.message(kind, job, self._show(job), at, delivery.news)
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


def try_out(hook: Webhook, settings: Settings, *, resolver: Resolver = resolve) -> Result:
    """Send a webhook a message that tells nothing, at once and once."""
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
    """A request signed with a secret under a message's id."""
    secret, id = sign_with
    headers = {"Content-Type": payload.CONTENT_TYPES[form]}
    headers |= sign(secret, id, int(time.time()), body)
    return http_post.PostRequest(method, url, headers, body)
