"""``/healthz``, ``/readyz`` and ``/metrics``: liveness, readiness, Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable

import falcon
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from fsfax.api.description import describe
from fsfax.api.envelope import send
from fsfax.api.services import Services
from fsfax.errors import StoreError

Problems = Callable[[], list[str]]


class Liveness:
    """``/healthz``: the process answers requests."""

    @describe("Check that the process answers", scope=None, answers={200: None}, enveloped=False)
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return ``{"status": "ok"}``."""
        send(req, resp, {"status": "ok"})


class Readiness:
    """``/readyz``: the process can handle requests and, with a worker, faxes.

    Args:
        services: its database is checked.
        problems: returns the problems of the worker in the same process, if there is one.
    """

    def __init__(self, services: Services, problems: Problems) -> None:
        self._services = services
        self._problems = problems

    @describe(
        "Check that the process can work",
        scope=None,
        answers={200: None},
        errors=(503,),
        enveloped=False,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return 200, or 503 with the problems."""
        problems = self._problems()
        try:
            self._services.threads.run(self._services.database.require_current)
        except StoreError:
            # The error's text may name hosts and files; `fsfax doctor` prints it.
            problems.append("the database cannot be used, or has tables of another version")
        resp.status = falcon.HTTP_503 if problems else falcon.HTTP_200
        send(req, resp, {"status": "not ready" if problems else "ok", "problems": problems})


class Metrics:
    """``/metrics``, for Prometheus."""

    def __init__(self, services: Services, registry: CollectorRegistry) -> None:
        self._services = services
        self._registry = registry

    @describe(
        "Get the metrics",
        scope=None,
        media=("text/plain",),
        answers={200: None},
        enveloped=False,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the metrics in Prometheus' text format."""
        encode, content_type = choose_encoder(req.get_header("Accept") or "")
        resp.data = encode(self._registry)
        resp.content_type = content_type
