"""The OpenAPI document that the service generates of its routes."""

from __future__ import annotations

from fsfax.notify.events import EVENTS
from tests.api.application import Application


def test_messages_are_described(application: Application) -> None:
    described = application.anyone.get(f"{application.url}/openapi.json").json()
    assert set(described["webhooks"]) == set(EVENTS)
    content = described["webhooks"]["fax.in.completed"]["post"]["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert {"type", "timestamp", "data"} <= set(
        described["components"]["schemas"][name]["required"]
    )
    assert "webhook-signature" in application.anyone.get(f"{application.url}/docs").text
