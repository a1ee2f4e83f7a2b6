"""Liveness, readiness and the metrics of a scrape."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.application import Application
from tests.api.conftest import ApplicationFactory


def test_the_process_answers(application: Application) -> None:
    answer = application.anyone.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_ready_without_a_worker(application: Application) -> None:
    answer = application.anyone.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "problems": []})


def node(state: str) -> Any:
    return SimpleNamespace(name="a", state=state, busy=1, dropped=0)


@pytest.mark.parametrize(
    ("states", "problems"),
    [
        (("up", "down"), []),
        (("down", "draining"), ["no FreeSWITCH is reachable"]),
        ((), []),
    ],
)
def test_a_worker_is_ready_if_one_node_is_up(
    new_application: ApplicationFactory, states: tuple[str, ...], problems: list[str]
) -> None:
    application = new_application(nodes=lambda: [node(state) for state in states])
    answer = application.anyone.get("/readyz")
    assert answer.json()["problems"] == problems
    assert answer.status_code == (503 if problems else 200)


def test_tables_of_another_version(new_application: ApplicationFactory) -> None:
    application = new_application()
    with application.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    answer = application.anyone.get("/readyz")
    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert "another version" in problem
    assert "sqlite" not in answer.text, "the path of the database is not published"
    assert application.anyone.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_the_metrics_have_the_format_that_is_accepted(
    application: Application, accept: str, content_type: str
) -> None:
    answer = application.anyone.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(content_type)
    assert "fsfax_database_up 1.0" in answer.text


def test_metrics_of_requests_name_the_route_not_the_path(application: Application) -> None:
    application.get("/faxes/outbox")
    families = {
        family.name: family
        for family in text_string_to_metric_families(application.anyone.get("/metrics").text)
    }
    routes = {sample.labels["route"] for sample in families["fsfax_http_requests"].samples}
    assert "/v2/accounts/{account_id}/faxes/outbox" in routes
    assert not any(application.account in route for route in routes)
