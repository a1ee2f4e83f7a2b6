"""Counters of requests, calls, mails and deliveries; gauges of the database."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from fsfax.api.metrics import (
    CallCounts,
    DatabaseGauges,
    MailCounts,
    NotificationCounts,
    RequestCounts,
)
from fsfax.errors import StoreUnavailable
from fsfax.jobs.overview import Overview
from tests.jobs.results import BUSY, DELIVERED


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def overview() -> Overview:
    return Overview(
        jobs={("out", "pending"): 3, ("in", "processing"): 1},
        uncertain=2,
        queue_age=12.5,
        workers=1,
        notifications=4,
        deliveries={"mail": 5},
        delivery_age=6.0,
        dead_letters=7,
    )


def test_requests(registry: CollectorRegistry) -> None:
    counts = RequestCounts(registry)
    counts.count("GET", "/healthz", 200, 0.01)
    counts.count("GET", "/healthz", 200, 0.02)
    counts.count("BREW", "/healthz", 405, 0.01)
    name = "fsfax_http_requests_total"
    labels = {"method": "GET", "route": "/healthz", "status": "200"}
    assert registry.get_sample_value(name, labels) == 2
    labels = {"method": "other", "route": "/healthz", "status": "405"}
    assert registry.get_sample_value(name, labels) == 1
    seconds = registry.get_sample_value("fsfax_http_seconds_sum", {"route": "/healthz"})
    assert seconds == pytest.approx(0.04)


def test_calls(registry: CollectorRegistry) -> None:
    counts = CallCounts(registry)
    counts.count(replace(DELIVERED, time_elapsed=30))
    counts.count(BUSY)
    for outcome in ("delivered", "busy"):
        labels = {"direction": "out", "outcome": outcome}
        assert registry.get_sample_value("fsfax_calls_total", labels) == 1
    seconds = registry.get_sample_value("fsfax_line_seconds_total", {"direction": "out"})
    assert seconds == 30 + BUSY.time_elapsed


def test_mails_and_deliveries(registry: CollectorRegistry) -> None:
    MailCounts(registry).count("refused")
    NotificationCounts(registry).count("mail", "dead")
    assert registry.get_sample_value("fsfax_mails_total", {"end": "refused"}) == 1
    labels = {"channel": "mail", "outcome": "dead"}
    assert registry.get_sample_value("fsfax_deliveries_total", labels) == 1


def test_gauges_of_the_database(registry: CollectorRegistry) -> None:
    registry.register(DatabaseGauges(overview))
    value = registry.get_sample_value
    assert value("fsfax_database_up") == 1
    assert value("fsfax_jobs", {"direction": "out", "state": "pending"}) == 3
    assert value("fsfax_deliveries_open", {"channel": "mail"}) == 5
    assert value("fsfax_jobs_held_uncertain") == 2
    assert value("fsfax_queue_age_seconds") == 12.5
    assert value("fsfax_outbox") == 4
    assert value("fsfax_dead_letters") == 7
    assert value("fsfax_esl_calls", {"node": "a"}) is None, "no worker runs here"


def test_a_database_that_does_not_answer(registry: CollectorRegistry) -> None:
    def fail() -> Overview:
        raise StoreUnavailable("x")

    node = SimpleNamespace(name="a", state="draining", busy=2, dropped=3)
    registry.register(DatabaseGauges(fail, lambda: [node]))
    value = registry.get_sample_value
    assert value("fsfax_database_up") == 0
    assert value("fsfax_workers") is None
    states = {
        state: value("fsfax_esl_link", {"node": "a", "state": state})
        for state in ("up", "draining", "down")
    }
    assert states == {"up": 0, "draining": 1, "down": 0}
    assert value("fsfax_esl_calls", {"node": "a"}) == 2
    assert value("fsfax_esl_drops", {"node": "a"}) == 3
