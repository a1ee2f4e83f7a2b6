"""Lists: pages, parameters, CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from fsfax.api import listing
from tests.api.application import Application
from tests.api.service import problem


@pytest.fixture(scope="module")
def ids(application: Application, letter: Path) -> tuple[Application, list[str]]:
    labels = ["a", "b", "c"]
    made = [
        application.send(letter, f"1555020{n}", labels=[labels[n % 3]], priority=n)["id"]
        for n in range(7)
    ]
    return application, made


class TestLists:
    def test_pages(self, ids: tuple[Application, list[str]]) -> None:
        application, made = ids
        for ascending in ("true", "false"):
            seen: list[str] = []
            query: dict[str, Any] = {"page_size": 3, "ascending": ascending}
            while True:
                envelope = application.client.get("/faxes/outgoing", params=query).json()
                seen += [row["id"] for row in envelope["data"]]
                assert envelope["page_size"] == len(envelope["data"])
                if "next_start_key" not in envelope:
                    break
                query["start_key"] = envelope["next_start_key"]
            assert seen == (made if ascending == "true" else made[::-1])

    def test_without_paging(self, ids: tuple[Application, list[str]]) -> None:
        application, made = ids
        envelope = application.client.get("/faxes/outgoing?paginate=false").json()
        assert len(envelope["data"]) == len(made)
        assert not {"page_size", "start_key", "next_start_key"} & envelope.keys()

    def test_an_invalid_parameter_is_refused(self, ids: tuple[Application, list[str]]) -> None:
        application, _ = ids
        for size in ("0", "-1", "x", "1.5", ""):
            answer = application.client.get(f"/faxes/outbox?page_size={size}")
            assert problem(answer, 404) == {"message": "invalid page size"}
        problem(application.client.get("/faxes/outbox?start_key=zzz"), 400)
        errors = problem(
            application.client.get("/faxes/outbox?created_from=63000000002&created_to=63000000001"),
            400,
        )
        message = "created_to 63000000001 is prior to created_from 63000000002"
        assert errors["created_from"]["date_range"]["message"] == message

    def test_csv(self, ids: tuple[Application, list[str]], letter: Path) -> None:
        application, made = ids
        answer = application.client.get("/faxes/outgoing", headers={"Accept": "text/csv"})
        assert answer.headers["Content-Type"].startswith("text/csv")
        lines = answer.text.splitlines()
        assert lines[0].startswith("id,")
        assert len(lines) == len(made) + 1


def test_cells_that_a_spreadsheet_would_evaluate(application: Application, letter: Path) -> None:
    name, number = "=1+1,x", "+35315550123"
    id = application.send(letter, number, to_name=name, labels=["a,b"])["id"]
    application.store.cancel(id)
    headers = {"Accept": "text/csv", "X-File-Name": '../a"b.csv'}
    answer = application.client.get(f"/faxes/outbox?filter_id={id}", headers=headers)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="..ab.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["to_name"] == "'=1+1,x"
    assert row["to"] == number, "a number is no formula"
    assert row["labels"] == '["a,b"]'
    assert row["tx_result.success"] == "false"


def test_rows_beyond_the_limit_of_a_list_without_paging(
    application: Application, ids: tuple[Application, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_EVERYTHING", 3)
    problem(application.client.get("/faxes/outgoing?paginate=false"), 416)


def test_filters_test_a_limited_number_of_rows(
    application: Application, ids: tuple[Application, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a filtered list may be short; its key continues after the tested rows."""
    monkeypatch.setattr(listing, "_MAX_TESTED", 2)
    monkeypatch.setattr(listing, "_BATCH", 2)
    _, made = ids
    query: dict[str, str] = {"filter_id": made[0], "page_size": "1"}
    requests, found = 0, []
    while True:
        envelope = application.client.get("/faxes/outgoing", params=query).json()
        requests += 1
        found += [row["id"] for row in envelope["data"]]
        if "next_start_key" not in envelope:
            break
        query["start_key"] = envelope["next_start_key"]
    assert found == [made[0]]
    assert requests > 2
