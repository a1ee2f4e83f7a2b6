"""Lists: pages, parameters, CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
