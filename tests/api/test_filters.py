"""Filters of lists, as functions and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.api.filters import filters, query_text
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


ROW = {
    "id": "1",
    "status": "completed",
    "pages": 3,
    "labels": ["a", 7],
    "tx_result": {"success": True, "error": ""},
    "empty": [],
    "modified": 200,
    "created": 100,
}


@pytest.mark.parametrize(
    ("parameters", "passes"),
    [
        ({}, True),
        ({"page_size": "1", "other": "x"}, True),
        ({"filter_status": "completed"}, True),
        ({"filter_status": ["failed", "completed"]}, True),
        ({"filter_status": '["failed", "completed"]'}, True),
        ({"filter_status": '["failed"'}, False),
        ({"filter_pages": "3"}, True),
        ({"filter_labels": "7"}, True),
        ({"filter_tx_result.success": "true"}, True),
        ({"filter_tx_result.success": "True"}, False),
        ({"filter_status.success": "true"}, False),
        ({"filter_nothing": "null"}, False),
        ({"filter_not_status": "failed"}, True),
        ({"filter_not_labels": "a"}, False),
        ({"filter_not_nothing": "x"}, True),
        ({"has_key": "empty"}, True),
        ({"has_value": "empty"}, False),
        ({"value_missing": "tx_result.error"}, True),
        ({"key_missing": "tx_result.success"}, False),
        ({"modified_from": "200", "modified_to": "200"}, True),
        ({"modified_from": "201"}, False),
        ({"modified_to": "199"}, False),
        ({"modified_from": "soon"}, True),
        ({"filter_status": "completed", "filter_id": "2"}, False),
    ],
)
def test_a_row_has_to_pass_all_filters(
    parameters: dict[str, str | list[str]], passes: bool
) -> None:
    assert all(test(ROW) for test in filters(parameters)) == passes


def test_an_unmodified_row_has_the_time_of_its_creation() -> None:
    (test,) = filters({"modified_from": "100"})
    assert test({"created": 100})
    assert not test({"created": 99})


def test_values_as_a_query_has_them() -> None:
    assert [query_text(value) for value in ("a", 7, True, None, ["a"])] == [
        "a", "7", "true", "null", '["a"]',
    ]  # fmt: skip
