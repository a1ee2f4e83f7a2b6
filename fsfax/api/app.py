"""The WSGI application: routes, middleware and error handlers.

    PUT  /v2/accounts/{account_id}/faxes            → faxes.OutgoingList
    …/faxes/outgoing[/{fax_id}[/events]]            → faxes
    …/faxes/incoming[/{fax_id}]                     → faxes
    …/faxes/outbox|inbox[/{fax_id}[/attachment]]    → folders
    …/faxes/smtplog[/{id}], /faxboxes, /tokens      → administration
    …/webhooks[/{id}], /notifications[/{id}]        → webhooks
    …/faxboxes/{faxbox_id}/faxes…                   the same, within a faxbox
    /healthz /readyz /metrics                       → health
    /openapi.json /docs                             → openapi, docs_page

It runs on gevent's server (`fsfax.api.server`). Each request is handled in a greenlet; the database
is used in real threads (`Threads`), so that no request blocks another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import falcon
from prometheus_client import CollectorRegistry

from fsfax.api import administration, envelope, faxes, folders, health, metrics, webhooks
from fsfax.api.description import describe
from fsfax.api.docs_page import page
from fsfax.api.middleware import Middleware
from fsfax.api.openapi import document
from fsfax.api.services import Services
from fsfax.db.states import Direction
from fsfax.errors import FsfaxError
from fsfax.jobs import overview
from fsfax.log import get_logger
from fsfax.runtime.rate_limit import RateLimiter

_log = get_logger(__name__)

_ACCOUNT = "/v2/accounts/{account_id}"
_FAXBOX = _ACCOUNT + "/faxboxes/{faxbox_id}"


class ApiApplication:
    """The Faxes API as a WSGI application.

    Args:
        services: the stores and settings.
        nodes: returns the engine's nodes, for metrics and readiness; None if no worker runs in
            this process.
        registry: registry of the metrics; by default a new one.
    """

    def __init__(
        self,
        services: Services,
        nodes: metrics.Nodes | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.services = services
        self.registry = registry or CollectorRegistry()
        self._nodes = nodes
        settings = services.settings.api
        middleware = Middleware(
            services.tokens,
            services.threads,
            RateLimiter(settings.rate, settings.burst),
            metrics.RequestCounts(self.registry),
        )
        self.registry.register(
            metrics.DatabaseGauges(
                lambda: services.threads.run(overview.read_overview, services.database), nodes
            )
        )
        self.app: falcon.App[Any, Any] = falcon.App(middleware=[middleware], cors_enable=True)
        self.app.req_options.auto_parse_qs_csv = False
        self.app.req_options.strip_url_path_trailing_slash = True
        self.app.add_error_handler(falcon.HTTPError, _on_http_error)
        self.app.add_error_handler(FsfaxError, _on_fsfax_error)
        self.app.add_error_handler(Exception, _on_exception)
        routes = [*self._routes(), *self._service_routes()]
        described = document(routes)
        routes += [("/openapi.json", _Static(described)), ("/docs", _Static(page(described)))]
        for template, resource in routes:
            self.app.add_route(template, resource)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request (PEP 3333)."""
        return self.app(environ, start_response)

    def problems(self) -> list[str]:
        """Return why this process cannot work, apart from the database."""
        nodes = self._nodes() if self._nodes else ()
        if nodes and not any(node.state == "up" for node in nodes):
            return ["no FreeSWITCH is reachable"]
        return []

    def _routes(self) -> Iterator[tuple[str, object]]:
        services = self.services
        yield "/v2/accounts", administration.AccountList(services)
        yield _ACCOUNT, administration.AccountItem(services)
        yield f"{_ACCOUNT}/tokens", administration.TokenList(services)
        yield f"{_ACCOUNT}/tokens/{{token_id}}", administration.TokenItem(services)
        yield f"{_ACCOUNT}/webhooks", webhooks.WebhookList(services)
        yield f"{_ACCOUNT}/webhooks/{{webhook_id}}", webhooks.WebhookItem(services)
        yield f"{_ACCOUNT}/notifications", webhooks.NotificationList(services)
        yield f"{_ACCOUNT}/notifications/{{notification_id}}", webhooks.NotificationItem(services)
        yield f"{_ACCOUNT}/faxboxes", administration.FaxboxList(services)
        yield _FAXBOX, administration.FaxboxItem(services)
        yield f"{_ACCOUNT}/faxes/smtplog", administration.SmtpLogList(services)
        yield f"{_ACCOUNT}/faxes/smtplog/{{attempt_id}}", administration.SmtpLogItem(services)
        for base in (_ACCOUNT, _FAXBOX):
            yield f"{base}/faxes", faxes.FaxRoot(services)
            yield f"{base}/faxes/outgoing", faxes.OutgoingList(services)
            yield f"{base}/faxes/outgoing/{{fax_id}}", faxes.OutgoingFax(services)
            yield f"{base}/faxes/outgoing/{{fax_id}}/events", faxes.OutgoingEvents(services)
            yield f"{base}/faxes/incoming", faxes.IncomingList(services)
            yield f"{base}/faxes/incoming/{{fax_id}}", faxes.IncomingFax(services)
            for name, direction in (("outbox", Direction.OUT), ("inbox", Direction.IN)):
                folder = f"{base}/faxes/{name}"
                one = f"{folder}/{{fax_id}}"
                yield folder, folders.Folder(services, direction)
                yield one, folders.FolderFax(services, direction)
                yield f"{one}/attachment", folders.Attachment(services, direction)
                yield f"{one}/pages/{{number:int}}", folders.Page(services, direction)
            yield (
                f"{base}/faxes/outgoing/{{fax_id}}/pages/{{number:int}}",
                folders.Page(services, Direction.OUT),
            )

    def _service_routes(self) -> Iterator[tuple[str, object]]:
        yield "/healthz", health.Liveness()
        yield "/readyz", health.Readiness(self.services, self.problems)
        yield "/metrics", health.Metrics(self.services, self.registry)


class _Static:
    """Fixed content: a JSON document or an HTML page."""

    def __init__(self, content: Any) -> None:
        self._content = content

    @describe("Show this description", scope=None, answers={200: None}, enveloped=False)
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the content."""
        if isinstance(self._content, str):
            resp.content_type = falcon.MEDIA_HTML
            resp.set_header(
                "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"
            )
            resp.text = self._content
        else:
            envelope.send(req, resp, self._content)


def _on_http_error(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: Any
) -> None:
    envelope.fail(req, resp, error)


def _on_fsfax_error(
    req: falcon.Request, resp: falcon.Response, error: FsfaxError, _params: Any
) -> None:
    envelope.fail(req, resp, envelope.refusal_of(error))


def _on_exception(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: Any
) -> None:
    _log.error("request_failed", exc_info=error, request=req.context.request_id)
    envelope.fail(req, resp, falcon.HTTPInternalServerError())
