"""Describes each operation of the API once, beside the function that answers it.

`describe` puts an `Operation` on a responder. The middleware reads from it which scope a token
needs (`fsfax.api.middleware`), the OpenAPI document is generated from it (`fsfax.api.openapi`).

Validating frameworks for Falcon (spectree was looked at) read a body into memory before anybody
looks at it and know neither envelopes nor bodies that are labelled as something else, both of
which this API needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from fsfax.accounts.tokens import Scope

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path.

    scope: what a token must allow; None = no token is asked for.
    query: the parameters behind the question mark.
    bodies: media types that are taken, each with its model (None = bytes).
    answers: the ``data`` of each good answer by status; a list is ``list[Model]``; None =
        no model fits (see ``media``).
    media: media types of an answer that is no envelope.
    errors: statuses that this call may answer beside those that every call may.
    """

    summary: str
    scope: Scope | None = Scope.READ
    query: type[BaseModel] | None = None
    bodies: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    answers: Mapping[int, Any] = field(default_factory=dict)
    media: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    enveloped: bool = True


def describe(summary: str, **more: Any) -> Callable[[F], F]:
    """Describe a responder (``on_get`` …); see `Operation`."""

    def described(responder: F) -> F:
        responder.call = Operation(summary=summary, **more)  # type: ignore[attr-defined]
        return responder

    return described


def operation_of(resource: object, method: str) -> Operation | None:
    """Return the description of a resource's method, None if it has none."""
    responder = getattr(resource, f"on_{method.lower()}", None)
    call: Operation | None = getattr(responder, "call", None)
    return call
