"""The base of configuration models: strict when a value is stored, tolerant when it is read. Pure.

A configuration is validated before it is stored. What is stored already may have been written by
another version with other rules; it must stay readable, in a list and while a fax comes in, so
`ConfigModel.from_stored` ignores what it cannot read and logs it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from fsfax.errors import InvalidRequest
from fsfax.log import get_logger

_log = get_logger(__name__)

STORED = "stored"
"""The validation context of a value that is read from the database."""

Path = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


class ConfigModel(BaseModel):
    """A frozen part of a configuration; fields that it does not define are stored and returned."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that were given, as plain JSON values.

        Raises:
            InvalidRequest: an unknown field is not JSON, or is nested more than 254 levels deep.
        """
        try:
            return self.model_dump(mode="json", exclude_unset=True)
        except ValueError as error:
            raise InvalidRequest(f"a field cannot be stored as JSON: {error}") from error

    @classmethod
    def from_stored(cls, stored: object, **origin: object) -> Self:
        """Return what is stored as a model; a field that breaks a rule is ignored and logged.

        Of a list, single items are ignored. All fields of the model must be optional.

        Args:
            stored: the JSON value; anything but an object is read as an empty one.
            origin: fields of the log events, which say where the value is stored.
        """
        values: Any = dict(stored) if isinstance(stored, Mapping) else {}
        while True:
            try:
                return cls.model_validate(values, context=STORED)
            except ValidationError as error:
                reasons = {
                    path_of(values, each["loc"]): each["msg"]
                    for each in error.errors(include_url=False)
                }
            for path in _removable(reasons):
                field = ".".join(map(str, path))
                _log.warning("stored_field_ignored", field=field, why=reasons[path], **origin)
                values = _without(values, path)


@dataclass(frozen=True, slots=True)
class MaxItems:
    """Annotation: a list may be stored with at most ``count`` items; a stored one may be longer.

    A length limit that other versions did not have must not make a stored list unreadable: an
    empty list of callers admits every caller.
    """

    count: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of the list, with this check after it."""
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema of the list, with ``maxItems``."""
        return {**handler(schema), "maxItems": self.count}

    def _check(self, items: list[Any], info: ValidationInfo) -> list[Any]:
        if len(items) > self.count and info.context != STORED:
            raise PydanticKnownError(
                "too_long",
                {"field_type": "List", "max_length": self.count, "actual_length": len(items)},
            )
        return items


def path_of(values: object, location: Path) -> Path:
    """Return the longest part of a validation error's location that exists in the values.

    A location also names the branches of unions, which are not in the values, and fields that are
    missing: the value that lacks one is returned.
    """
    path: list[str | int] = []
    for part in location:
        if isinstance(values, dict):
            found = part in values
        else:
            found = isinstance(values, list) and isinstance(part, int) and part < len(values)
        if found:
            path.append(part)
            values = values[part]  # type: ignore[index]
    return tuple(path)


def _removable(paths: Mapping[Path, str]) -> list[Path]:
    """Return the deepest paths, later items of a list first.

    Where one branch of a union fails as a whole and another in one item, only the item goes.
    """
    above = {path[:length] for path in paths for length in range(len(path))}
    deepest = [path for path in paths if path not in above]
    return sorted(
        deepest,
        key=lambda path: [part if isinstance(part, int) else -1 for part in path],
        reverse=True,
    )


def _without(values: Any, path: Path) -> Any:
    """Return a copy without the value at a path; only the containers on the path are copied.

    Unknown fields may be nested deeper than a recursive copy can follow.
    """
    if not path:
        return {}
    first, *rest = path
    changed = copy.copy(values)
    if rest:
        changed[first] = _without(values[first], tuple(rest))
    else:
        del changed[first]
    return changed
