"""The WSGI application: routes, errors, readiness."""

from __future__ import annotations

from tests.api.application import Application
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
