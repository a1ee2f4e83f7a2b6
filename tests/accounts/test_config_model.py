"""Configuration models: strict when a value is stored, tolerant when it is read."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from fsfax.accounts.config_model import STORED, ConfigModel, MaxItems, Path, path_of
from fsfax.errors import InvalidRequest


class Inner(ConfigModel):
    """A part of the configuration below."""

    count: int = Field(default=1, ge=0, le=9)


class Outer(ConfigModel):
    """A configuration with every shape of field."""

    name: str | None = None
    numbers: Annotated[list[int], MaxItems(3)] = Field(default=[])
    targets: str | Annotated[list[str], MaxItems(2)] | None = None
    inner: Inner | None = None


class TestStored:
    def test_what_is_valid_is_read_as_it_is(self) -> None:
        stored = {"name": "a", "numbers": [1, 2], "inner": {"count": 3}, "more": {"x": [None]}}
        assert Outer.from_stored(stored).as_dict() == stored

    @pytest.mark.parametrize(
        ("stored", "read"),
        [
            ({"name": ["a"], "numbers": [1]}, {"numbers": [1]}),
            # Of a list, single items: also several, from its end to its beginning.
            ({"numbers": ["x", 1, "y", 2, "z"]}, {"numbers": [1, 2]}),
            # Of a part, single fields.
            ({"inner": {"count": 10, "more": 1}}, {"inner": {"more": 1}}),
            ({"inner": 5, "name": "a"}, {"name": "a"}),
            # Of a union, the branch that has the items.
            ({"targets": ["a", {}]}, {"targets": ["a"]}),
            ({"targets": {}}, {}),
            # A list may be longer than one that is stored today.
            ({"numbers": [1, 2, 3, 4]}, {"numbers": [1, 2, 3, 4]}),
            ({"targets": ["a", "b", "c"]}, {"targets": ["a", "b", "c"]}),
            ([1, 2], {}),
            ("text", {}),
            (None, {}),
        ],
    )
    def test_an_invalid_field_or_item_is_ignored(self, stored: Any, read: dict[str, Any]) -> None:
        assert Outer.from_stored(stored).as_dict() == read

    def test_each_field_that_is_ignored_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        Outer.from_stored({"numbers": [1, "x"], "inner": {"count": 10}}, faxbox="b0x")
        events = [line for line in caplog.text.splitlines() if "stored_field_ignored" in line]
        assert len(events) == 2
        assert all("b0x" in line for line in events)
        assert "numbers.1" in caplog.text
        assert "inner.count" in caplog.text

    def test_what_is_stored_is_not_changed(self) -> None:
        stored = {"numbers": ["x", 1], "inner": {"count": 10}}
        Outer.from_stored(stored)
        assert stored == {"numbers": ["x", 1], "inner": {"count": 10}}


class TestJson:
    def test_only_fields_that_were_given(self) -> None:
        assert Outer().as_dict() == {}
        assert Outer(name=None).as_dict() == {"name": None}

    def test_a_number_is_a_text_where_a_text_is_wanted(self) -> None:
        assert Outer.model_validate({"name": 35315550100}).name == "35315550100"

    @pytest.mark.parametrize("value", [object(), b"\xff"])
    def test_an_unknown_field_that_is_not_json(self, value: object) -> None:
        with pytest.raises(InvalidRequest, match="cannot be stored as JSON"):
            Outer.model_validate({"more": value}).as_dict()

    def test_a_model_is_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Outer(name="a").name = "b"


class TestMaxItems:
    LIST: TypeAdapter[list[int]] = TypeAdapter(Annotated[list[int], MaxItems(2)])

    def test_a_longer_list_may_be_read_and_not_stored(self) -> None:
        assert self.LIST.validate_python([1, 2]) == [1, 2]
        assert self.LIST.validate_python([1, 2, 3], context=STORED) == [1, 2, 3]
        with pytest.raises(ValidationError, match="at most 2 items after validation, not 3"):
            self.LIST.validate_python([1, 2, 3])

    def test_the_limit_is_in_the_json_schema(self) -> None:
        assert self.LIST.json_schema()["maxItems"] == 2


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ((), ()),
        (("a",), ("a",)),
        (("a", "b", 1), ("a", "b", 1)),
        (("a", "b", 2), ("a", "b")),  # beyond the end of the list
        (("a", "list[str]", "b", 0), ("a", "b", 0)),  # the branch of a union
        (("a", "missing"), ("a",)),
        (("missing",), ()),
        (("a", "b", "x"), ("a", "b")),
        (("text", 0), ("text",)),  # a text is no list
    ],
)
def test_a_location_is_followed_as_far_as_it_exists(location: Path, path: Path) -> None:
    assert path_of({"a": {"b": ["x", "y"]}, "text": "xy"}, location) == path
