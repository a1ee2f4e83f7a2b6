"""What pydantic found wrong, in the words of the original API.

``{"to_number": {"required": {"message": "Field is required but missing"}}}``: a dotted path, the
name of the rule that was broken, and particulars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fsfax.api.envelope import ApiError

M = TypeVar("M", bound=BaseModel)

_TYPES = {
    "string": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "model": "object",
}

Told = tuple[str, dict[str, Any]]

_RULES: Mapping[str, Callable[[Mapping[str, Any]], Told]] = {
    "missing": lambda _: ("required", {"message": "Field is required but missing"}),
    "string_pattern_mismatch": lambda c: (
        "pattern",
        {"message": f"Failed to match pattern '{c['pattern']}'", "target": c["pattern"]},
    ),
    "literal_error": lambda c: (
        "enum",
        {"message": "Value not found in enumerated list of values", "target": c["expected"]},
    ),
    "greater_than_equal": lambda c: (
        "minimum",
        {"message": f"Value must be at least {c['ge']}", "target": c["ge"]},
    ),
    "less_than_equal": lambda c: (
        "maximum",
        {"message": f"Value must be at most {c['le']}", "target": c["le"]},
    ),
    "string_too_long": lambda c: (
        "maxLength",
        {
            "message": f"String must not be more than {c['max_length']} characters",
            "target": c["max_length"],
        },
    ),
    "string_too_short": lambda c: (
        "minLength",
        {
            "message": f"String must be at least {c['min_length']} characters",
            "target": c["min_length"],
        },
    ),
    "value_error": lambda c: ("wrong_format", {"message": str(c["error"])}),
    "extra_forbidden": lambda _: (
        "additionalProperties",
        {"message": "There is no such field here"},
    ),
}


def checked(model: type[M], values: Any) -> M:
    """Return the values as a model.

    Raises:
        ApiError: 400 with every rule that was broken.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found: dict[str, dict[str, Any]] = {}
        for each in error.errors(include_url=False):
            path, rule, told = _told(each)
            found.setdefault(path, {})[rule] = told
        raise ApiError(400, "validation error", found) from error


def _told(error: ErrorDetails) -> tuple[str, str, dict[str, Any]]:
    # A union says in its place which branch it tried: "function-plain", "str", "list[str]".
    place = [str(part) for part in error["loc"] if not _is_branch(part)]
    # What is validated is the request; the original names the fields of its data.
    path = ".".join(place[1:] if place[:1] == ["data"] else place) or "data"
    context = error.get("ctx", {})
    kind = error["type"]
    if kind in _RULES:
        rule, told = _RULES[kind](context)
    elif (base := kind.split("_")[0]) in _TYPES:
        rule, told = "type", {"message": f"Value did not match type(s): {_TYPES[base]}"}
    else:
        rule, told = "wrong_format", {"message": error["msg"]}
    if rule != "required" and isinstance(error["input"], str | int | float | bool):
        told["value"] = error["input"]
    return path, rule, told


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and (part in {"str", "int", "constrained-str"} or "[" in part)
