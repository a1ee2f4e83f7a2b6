"""Filters of lists, as functions and over HTTP."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("filter_labels=a", [0, 3, 6]),
        ('filter_labels=["a","b"]', [0, 1, 3, 4, 6]),
        ("filter_not_labels=a", [1, 2, 4, 5]),
        ("filter_to_number=15550202", [2]),
        ("filter_priority=4", [4]),
        ("filter_tx_result.success=false&page_size=2", [5, 6]),
        ("filter_labels=a&filter_priority=3", [3]),
        ("has_key=labels", [0, 1, 2, 3, 4, 5, 6]),
        ("key_missing=labels", []),
        ("has_value=to_name", []),
        ("created_from=0", None),
        ("created_to=63000000000", []),
        ("created_from=63000000000", [0, 1, 2, 3, 4, 5, 6]),
        ("modified_from=99999999999", []),
    ],
)
def test_a_list_has_the_rows_that_pass(
    ids: tuple[Application, list[str]], query: str, places: list[int] | None
) -> None:
    application, made = ids
    answer = application.client.get(f"/faxes/outgoing?{query}")
    if places is None:
        problem(answer, 400)
        return
    found = [row["id"] for row in answer.json()["data"]]
    assert found == [made[place] for place in reversed(places)]
