"""Validation errors of pydantic in the words of Kazoo's Faxes API (crossbar).

``{"to_number": {"required": {"message": "Field is required but missing"}}}``: a dotted path, the
name of the broken rule, and its details.
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

RuleDetails = tuple[str, dict[str, Any]]
"""The name of a broken rule as the API has it, and the details."""

_RULES: Mapping[str, Callable[[Mapping[str, Any]], RuleDetails]] = {
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
    """Return the validated values as a model.

    Raises:
        ApiError: 400 with every broken rule.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found: dict[str, dict[str, Any]] = {}
        for each in error.errors(include_url=False):
            path, rule, details = _broken_rule(each)
            found.setdefault(path, {})[rule] = details
        raise ApiError(400, "validation error", found) from error


def _broken_rule(error: ErrorDetails) -> tuple[str, str, dict[str, Any]]:
    """Return the dotted path of an error, its rule and the details."""
    # The location of an error in a union includes the branch that was tried:
    # "function-plain", "str", "list[str]".
    location = [str(part) for part in error["loc"] if not _is_branch(part)]
    # The whole request is validated; Kazoo's paths start below its ``data``.
    path = ".".join(location[1:] if location[:1] == ["data"] else location) or "data"
    context = error.get("ctx", {})
    kind = error["type"]
    if kind in _RULES:
        rule, details = _RULES[kind](context)
    elif (base := kind.split("_")[0]) in _TYPES:
        rule, details = "type", {"message": f"Value did not match type(s): {_TYPES[base]}"}
    else:
        rule, details = "wrong_format", {"message": error["msg"]}
    if rule != "required" and isinstance(error["input"], str | int | float | bool):
        details["value"] = error["input"]
    return path, rule, details


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and (part in {"str", "int", "constrained-str"} or "[" in part)
