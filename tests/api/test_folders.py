"""Outbox and inbox over HTTP: final faxes, sent once more or removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.application import Application
from tests.api.service import problem

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
def id(application: Application, letter: Path, tmp_path: Path) -> str:
    """A fax that was delivered."""
    return application.sent(letter, tmp_path)


def test_a_fax_that_is_not_final_is_in_no_folder(application: Application, letter: Path) -> None:
    waiting = application.send(letter, "15550123", not_before=LATER)["id"]
    assert waiting not in [row["id"] for row in application.get("/faxes/outbox")]
    problem(application.client.get(f"/faxes/outbox/{waiting}"), 404)
    problem(application.client.delete(f"/faxes/outbox/{waiting}"), 404)


def test_a_row_has_the_fields_of_the_fax_and_of_the_list(application: Application, id: str) -> None:
    row = application.get("/faxes/outbox")[0]
    shown = application.get(f"/faxes/outbox/{id}")
    assert row == shown | {"from": "15550100", "to": "15550123", "status": "completed"}


def test_an_outbound_fax_is_not_in_the_inbox(application: Application, id: str) -> None:
    assert application.get("/faxes/inbox") == []
    problem(application.client.get(f"/faxes/inbox/{id}"), 404)


class TestResubmission:
    def test_it_is_a_new_fax_with_the_same_documents(
        self, application: Application, id: str, letter: Path
    ) -> None:
        body = {"action": "resubmit", "data": {"not_before": LATER, "retries": 4, "labels": ["x"]}}
        answer = application.client.put(f"/faxes/outbox/{id}", json=body)
        assert answer.status_code == 201
        again = answer.json()["data"]
        assert answer.headers["Location"].endswith(f"/faxes/outgoing/{again['id']}")
        assert (again["resubmit_of"], again["retries"], again["labels"]) == (id, 4, ["x"])
        assert again["to_number"] == "15550123"
        (original,) = [
            each for each in application.store.documents(again["id"]) if each.kind == "original"
        ]
        assert b"".join(application.store.read(original)) == letter.read_bytes()

    @pytest.mark.parametrize("data", [None, {}])
    def test_without_data_it_is_the_same_fax(
        self, application: Application, id: str, data: object
    ) -> None:
        body = {"action": "resubmit", "data": data}
        assert application.client.put(f"/faxes/outbox/{id}", json=body).status_code == 201

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "action required"),
            ({"action": "delete"}, "invalid action"),
            ({"action": "forward", "data": {"to_number": "1"}}, "invalid action"),
            ({"action": "resubmit", "data": {"retries": 9}}, "validation error"),
            ({"action": "resubmit", "data": {"document": {}}}, "validation error"),
        ],
    )
    def test_requests_that_are_refused(
        self, application: Application, id: str, body: dict[str, object], message: str
    ) -> None:
        answer = application.client.put(f"/faxes/outbox/{id}", json=body)
        problem(answer, 400)
        assert answer.json()["message"] == message

    def test_without_documents(self, application: Application, id: str) -> None:
        assert application.client.delete(f"/faxes/outbox/{id}/attachment").json()["data"] == {}
        answer = application.client.put(f"/faxes/outbox/{id}", json={"action": "resubmit"})
        problem(answer, 409)


def test_a_removed_fax_is_gone_from_every_list(application: Application, id: str) -> None:
    removed = application.client.delete(f"/faxes/outbox/{id}").json()["data"]
    assert removed["_read_only"]["deleted"] is True
    for path in ("/faxes/outbox", "/faxes/outgoing"):
        assert id not in [row["id"] for row in application.get(path)]
        problem(application.client.get(f"{path}/{id}"), 404)
    problem(application.client.delete(f"/faxes/outbox/{id}"), 404)


def test_pictures_need_a_converted_document(application: Application, letter: Path) -> None:
    id = application.send(letter, "15550123")["id"]
    application.store.cancel(id)
    problem(application.client.get(f"/faxes/outbox/{id}/pages/1"), 404)
    pdf = application.client.get(f"/faxes/outbox/{id}/attachment")
    assert pdf.content == letter.read_bytes(), "the PDF is the uploaded one"
    problem(application.client.get(f"/faxes/outbox/{id}/attachment?format=tiff"), 406)
