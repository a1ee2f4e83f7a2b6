"""The HTML page that is made of the OpenAPI document."""

from __future__ import annotations

from tests.api.application import Application


def test_the_page_names_every_operation(application: Application) -> None:
    described = application.anyone.get(f"{application.url}/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    page = application.anyone.get(f"{application.url}/docs").text
    calls = [
        f"<span class=method>{method.upper()}</span>{path}"
        for path, operations in described["paths"].items()
        for method in operations
    ]
    assert len(calls) > 50
    assert [call for call in calls if call not in page] == []
    assert "<script" not in page
