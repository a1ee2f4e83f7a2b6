"""The HTML page that is made of the OpenAPI document."""

from __future__ import annotations

from fsfax.api.docs_page import page
from tests.api.application import Application


def test_the_page_names_every_operation(application: Application) -> None:
    described = application.anyone.get(f"{application.url}/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    shown = application.anyone.get(f"{application.url}/docs").text
    calls = [
        f"<span class=method>{method.upper()}</span>{path}"
        for path, operations in described["paths"].items()
        for method in operations
    ]
    assert len(calls) > 50
    assert [call for call in calls if call not in shown] == []
    assert "<script" not in shown


def test_descriptions_are_text_not_html() -> None:
    operation = {
        "summary": "<script>x</script>",
        "tags": ["<b>"],
        "parameters": [
            {"name": "a&b", "in": "query", "description": "<i>", "schema": {"type": "string"}},
            {"name": "id", "in": "path", "schema": {"type": "string"}},
        ],
        "responses": {"200": {"description": "<u>"}},
    }
    shown = page(
        {
            "info": {"title": "<T>", "version": "1", "description": "<D>"},
            "paths": {"/x": {"get": operation}},
            "webhooks": {},
            "components": {"schemas": {"M": {"properties": {"f": {"maxLength": 3}}}}},
        }
    )
    for raw in ("<script>", "<b>", "<i>", "<u>", "<T>", "<D>", "a&b"):
        assert raw not in shown
    assert "a&amp;b" in shown
    assert "<code>id</code>" not in shown, "the path shows its parameters"
    assert "at most (characters) 3" in shown
