"""Prometheus metrics of the service, at ``/metrics``.

Counters are incremented in the process that does the work (requests, ended calls). Gauges are
queried from the database at each scrape, by queries whose cost does not grow with the history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fsfax.errors import StoreError
from fsfax.jobs.overview import Overview
from fsfax.values.results import FaxResult, RxResult

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30)
_LINK_STATES = ("up", "draining", "down")

Nodes = Callable[[], Sequence[Any]]


class RequestCounts:
    """Counts requests to the API, by route and answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "fsfax_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "fsfax_http_seconds",
            "Seconds until the answer began",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the template, not the path: ids would each be a series."""
        known = method if method in _METHODS else "other"
        self._count.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})


class MailCounts:
    """Counts recipients of mails to be faxed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "fsfax_mails", "Recipients of mails, by result", ["end"], registry=registry
        )

    def count(self, end: str) -> None:
        """Count a recipient: ``accepted``, ``refused``, or ``failed`` by an error of fsfax."""
        self._count.labels(end).inc()


class CallCounts:
    """Counts calls that ended in this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["direction", "outcome"]
        self._count = Counter("fsfax_calls", "Fax calls ended", labels, registry=registry)
        self._pages = Counter(
            "fsfax_pages", "Pages confirmed or received", ["direction"], registry=registry
        )
        self._seconds = Counter(
            "fsfax_line_seconds", "Seconds that calls took", ["direction"], registry=registry
        )

    def count(self, result: FaxResult) -> None:
        """Count an ended call."""
        direction = "in" if isinstance(result, RxResult) else "out"
        self._count.labels(direction, result.outcome.value).inc()
        self._pages.labels(direction).inc(len(result.pages))
        self._seconds.labels(direction).inc(result.time_elapsed)


class NotificationCounts:
    """Counts this process's attempts to deliver notifications."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "fsfax_deliveries",
            "Attempts to deliver notifications: delivered, postponed, dead",
            ["channel", "outcome"],
            registry=registry,
        )

    def count(self, channel: str, outcome: str) -> None:
        """Count an attempt."""
        self._count.labels(channel, outcome).inc()


class DatabaseGauges(Collector):
    """The present state: open jobs, their age, workers, deliveries, event sockets.

    Args:
        overview: queries the database.
        nodes: returns the engine's `NodeStatus`es; None if no worker runs in this process.
    """

    def __init__(self, overview: Callable[[], Overview], nodes: Nodes | None = None) -> None:
        self._overview = overview
        self._nodes = nodes

    def collect(self) -> Iterable[Metric]:
        """Query the database and yield gauges."""
        reachable = GaugeMetricFamily("fsfax_database_up", "1 if the database answers")
        try:
            begun = time.monotonic()
            overview = self._overview()
        except StoreError:
            reachable.add_metric([], 0)
            yield reachable
        else:
            reachable.add_metric([], 1)
            yield reachable
            yield from _of_database(overview, time.monotonic() - begun)
        if self._nodes:
            yield from _of_nodes(self._nodes())


def _of_database(overview: Overview, seconds: float) -> Iterable[Metric]:
    jobs = GaugeMetricFamily("fsfax_jobs", "Jobs that are not final", labels=["direction", "state"])
    for (direction, state), count in overview.jobs.items():
        jobs.add_metric([direction, state], count)
    yield jobs
    open_ones = GaugeMetricFamily(
        "fsfax_deliveries_open", "Deliveries that are not done yet", labels=["channel"]
    )
    for channel, count in overview.deliveries.items():
        open_ones.add_metric([channel], count)
    yield open_ones
    for name, words, value in (
        (
            "fsfax_jobs_held_uncertain",
            "Jobs held because the fate of a call is unknown",
            overview.uncertain,
        ),
        ("fsfax_queue_age_seconds", "Age of the oldest job that is due", overview.queue_age),
        ("fsfax_workers", "Workers with a valid lease", overview.workers),
        ("fsfax_outbox", "Notifications without deliveries yet", overview.notifications),
        ("fsfax_delivery_age_seconds", "Age of the oldest open delivery", overview.delivery_age),
        ("fsfax_dead_letters", "Deliveries that were given up", overview.dead_letters),
        ("fsfax_database_seconds", "Seconds that the queries of these gauges took", seconds),
    ):
        yield GaugeMetricFamily(name, words, value=value)


def _of_nodes(nodes: Sequence[Any]) -> Iterable[Metric]:
    link = GaugeMetricFamily(
        "fsfax_esl_link", "1 for the present state of the event socket", labels=["node", "state"]
    )
    busy = GaugeMetricFamily("fsfax_esl_calls", "Calls of fsfax on a node", labels=["node"])
    drops = GaugeMetricFamily("fsfax_esl_drops", "Events dropped by a full queue", labels=["node"])
    for node in nodes:
        for state in _LINK_STATES:
            link.add_metric([node.name, state], float(node.state == state))
        busy.add_metric([node.name], node.busy)
        drops.add_metric([node.name], node.dropped)
    yield from (link, busy, drops)
