"""Validation errors in the words of Kazoo's Faxes API. Pure."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fsfax.api.envelope import ApiError
from fsfax.api.validation import checked


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field("xx", min_length=2, max_length=3, pattern="^x")
    number: int = Field(1, ge=1, le=4)
    word: Literal["a", "b"] = "a"
    either: str | list[str] = ""
    flag: bool = True
    checked: str = ""

    @field_validator("checked")
    @classmethod
    def _refuse(cls, value: str) -> str:
        if value:
            raise ValueError("not like that")
        return value


class Body(BaseModel):
    data: Inner


def errors(values: Any) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        checked(Body, values)
    assert (caught.value.status, caught.value.message) == (400, "validation error")
    return caught.value.data


def test_valid_values_become_a_model() -> None:
    assert checked(Body, {"data": {"text": "xyz", "number": "3"}}).data.number == 3


@pytest.mark.parametrize(
    ("data", "rule", "details"),
    [
        (
            {"text": "x"},
            "minLength",
            {"message": "String must be at least 2 characters", "target": 2, "value": "x"},
        ),
        (
            {"text": "xxxx"},
            "maxLength",
            {
                "message": "String must not be more than 3 characters",
                "target": 3,
                "value": "xxxx",
            },
        ),
        (
            {"text": "yy"},
            "pattern",
            {"message": "Failed to match pattern '^x'", "target": "^x", "value": "yy"},
        ),
        (
            {"number": 0},
            "minimum",
            {"message": "Value must be at least 1", "target": 1, "value": 0},
        ),
        ({"number": 5}, "maximum", {"message": "Value must be at most 4", "target": 4, "value": 5}),
        ({"number": []}, "type", {"message": "Value did not match type(s): integer"}),
        ({"flag": 7}, "type", {"message": "Value did not match type(s): boolean", "value": 7}),
        (
            {"word": "c"},
            "enum",
            {
                "message": "Value not found in enumerated list of values",
                "target": "'a' or 'b'",
                "value": "c",
            },
        ),
        ({"checked": "z"}, "wrong_format", {"message": "not like that", "value": "z"}),
        (
            {"other": 1},
            "additionalProperties",
            {"message": "There is no such field here", "value": 1},
        ),
    ],
)
def test_a_broken_rule(data: dict[str, Any], rule: str, details: dict[str, Any]) -> None:
    (name,) = data
    assert errors({"data": data}) == {name: {rule: details}}


def test_missing_values_are_named_without_the_outer_data() -> None:
    missing = {"required": {"message": "Field is required but missing"}}
    assert errors({}) == {"data": missing}


def test_the_branches_of_a_union_are_not_part_of_the_path() -> None:
    assert errors({"data": {"either": 7}}) == {
        "either": {"type": {"message": "Value did not match type(s): array", "value": 7}}
    }
    assert set(errors({"data": {"either": ["a", 7]}})) == {"either", "either.1"}


def test_all_errors_are_reported_at_once() -> None:
    assert set(errors({"data": {"text": "", "number": 9, "word": None}})) == {
        "text",
        "number",
        "word",
    }


def test_a_body_that_is_no_object() -> None:
    assert errors([]) == {"data": {"type": {"message": "Value did not match type(s): object"}}}
