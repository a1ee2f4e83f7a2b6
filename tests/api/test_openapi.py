"""The OpenAPI document that the service generates of its routes."""

from __future__ import annotations

import re

import pytest

from fsfax.accounts.tokens import Scope
from fsfax.api.description import describe
from fsfax.api.models import AccountRequest, Fax, ListQuery
from fsfax.api.openapi import document
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


class Things:
    @describe("List things", query=ListQuery, answers={200: list[Fax]})
    def on_get(self) -> None: ...

    @describe(
        "Create a thing",
        scope=Scope.WRITE,
        bodies={"application/json": AccountRequest, "image/tiff": None},
        answers={201: Fax},
        errors=(409,),
        headers={"Idempotency-Key": "Once."},
    )
    def on_put(self) -> None: ...


class Open:
    @describe("Look", scope=None, media=("text/plain",), answers={200: None}, enveloped=False)
    def on_get(self) -> None: ...


DESCRIBED = document([("/v2/things", Things()), ("/open/{number:int}", Open())])


def test_statuses() -> None:
    always = {"400", "401", "403", "429", "500", "503"}
    things = DESCRIBED["paths"]["/v2/things"]
    assert set(things["get"]["responses"]) == always | {"200", "404", "416"}
    assert set(things["put"]["responses"]) == always | {"201", "409"}
    assert set(DESCRIBED["paths"]["/open/{number}"]["get"]["responses"]) == {"200", "500"}


def test_scopes() -> None:
    put = DESCRIBED["paths"]["/v2/things"]["put"]
    assert put["description"] == "The token needs the scope `write`."
    assert put["security"] == [{"token": []}, {"bearer": []}]
    assert DESCRIBED["paths"]["/open/{number}"]["get"]["security"] == []


def test_parameters() -> None:
    things = DESCRIBED["paths"]["/v2/things"]
    names = {each["name"] for each in things["get"]["parameters"]}
    assert names == set(ListQuery.model_fields)
    (key,) = things["put"]["parameters"]
    assert (key["in"], key["description"]) == ("header", "Once.")
    (number,) = DESCRIBED["paths"]["/open/{number}"]["get"]["parameters"]
    assert number["schema"] == {"type": "integer", "minimum": 1}


def test_bodies_and_answers() -> None:
    put = DESCRIBED["paths"]["/v2/things"]["put"]
    content = put["requestBody"]["content"]
    assert content["application/json"]["schema"]["$ref"].endswith("/AccountRequest")
    assert content["image/tiff"]["schema"]["format"] == "binary"
    listed = DESCRIBED["paths"]["/v2/things"]["get"]["responses"]["200"]["content"]
    assert set(listed) == {"application/json", "text/csv"}
    envelope = listed["application/json"]["schema"]["properties"]
    assert envelope["data"]["items"]["$ref"].endswith("/Fax")
    assert "next_start_key" in envelope


@pytest.fixture(scope="module")
def described(application: Application) -> dict[str, object]:
    found: dict[str, object] = application.anyone.get("/openapi.json").json()
    return found


def test_every_reference_leads_to_a_schema(described: dict[str, object]) -> None:
    schemas = described["components"]["schemas"]  # type: ignore[index]
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(described)))
    assert len(names) > 30
    assert names <= set(schemas)


def test_operations_have_distinct_ids(described: dict[str, object]) -> None:
    ids = re.findall(r"'operationId': '([^']+)'", str(described))
    assert len(ids) == len(set(ids)) > 50
