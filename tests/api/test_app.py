"""The WSGI application: routes, errors, readiness."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from falcon.inspect import inspect_routes

from fsfax.errors import StoreUnavailable
from tests.api.application import Application
from tests.api.conftest import ApplicationFactory
from tests.api.service import problem


def test_unknown_routes_and_methods_are_refused(application: Application) -> None:
    assert problem(application.client.get("/faxes/foo"), 404) == {"message": "not found"}
    answer = application.client.get("/faxes")
    assert problem(answer, 405) == {"message": "method not allowed"}
    assert answer.json()["message"] == "invalid_method"
    missing = f"/faxes/outbox/202611-{'0' * 32}"
    error = problem(application.client.get(missing), 404)
    assert error == {"cause": f"202611-{'0' * 32}", "message": "bad identifier"}
    kind = {"Content-Type": "application/msword"}
    problem(application.client.put("/faxes", content=b"x", headers=kind), 415)


def test_pages_of_other_origins_may_use_the_api(application: Application) -> None:
    answer = application.anyone.options(
        f"{application.url}/v2/accounts/{application.account}/faxes",
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"},
    )
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_trailing_slash_does_not_matter(application: Application) -> None:
    assert application.get("/faxes/outbox/") == application.get("/faxes/outbox")


@pytest.fixture
def failing(application: Application, monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """The errors that lists of faxes raise, one after the other."""
    errors: list[Exception] = []

    def fail(*_: object, **__: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(application.services.store, "list", fail)
    return errors


def test_an_unexpected_error_is_answered_without_details(
    application: Application, failing: list[Exception]
) -> None:
    failing.append(RuntimeError("hush-hush"))
    answer = application.client.get("/faxes/outbox")
    assert problem(answer, 500) == {"message": "unknown failure"}
    assert "hush-hush" not in answer.text


def test_a_database_that_does_not_answer(
    application: Application, failing: list[Exception]
) -> None:
    failing.append(StoreUnavailable("postgresql://hush-hush"))
    answer = application.client.get("/faxes/outbox")
    problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    assert "hush-hush" not in answer.text


def test_problems(new_application: ApplicationFactory) -> None:
    states = ["down"]
    nodes = [SimpleNamespace(name="a", state="", busy=0, dropped=0)]

    def named() -> list[SimpleNamespace]:
        nodes[0].state = states[-1]
        return nodes

    application = new_application(nodes=named)
    assert application.api.problems() == ["no FreeSWITCH is reachable"]
    states.append("up")
    assert application.api.problems() == []


def test_the_documentation_needs_no_token_and_runs_no_script(application: Application) -> None:
    page = application.anyone.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert application.anyone.get("/openapi.json").json()["paths"]


_WITHOUT_TOKEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}


def test_every_route_needs_a_token_but_those_of_the_service(application: Application) -> None:
    """A responder without a description has no scope, and would be served without a token."""
    served: set[str] = set()
    for route in inspect_routes(application.api.app):
        path = re.sub(r"{(\w+)(:int)?}", lambda m: "1" if m[2] else "0" * 32, route.path)
        for method in route.methods:
            if method.internal:  # falcon's own answers: OPTIONS, and 405 to other methods
                continue
            answer = application.anyone.request(method.method, f"{application.url}{path}")
            if answer.status_code == 401:
                assert route.path not in _WITHOUT_TOKEN, route.path
            else:
                assert method.method == "GET", f"{method.method} {route.path}"
                served.add(route.path)
    assert served == _WITHOUT_TOKEN
