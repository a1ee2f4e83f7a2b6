"""Describes each operation of the API once, beside the function that answers it.

`describe` puts an `Operation` on a responder. The middleware reads from it which scope a token
needs (`fsfax.api.middleware`), the OpenAPI document is generated from it (`fsfax.api.openapi`).

Validating frameworks for Falcon (spectree was examined) read a body into memory before it is
validated, and support neither envelopes nor bodies with a wrong content type; this API needs both.
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

    scope: the scope that a token needs; None = no token is needed.
    query: the parameters of the query.
    bodies: the accepted media types, each with its model (None = bytes).
    answers: the ``data`` of each successful answer by status; a list is ``list[Model]``; None =
        there is no model (see ``media``).
    media: media types of an answer without envelope.
    errors: statuses of this operation's errors beside those of every operation.
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
    """Return a decorator that attaches an `Operation` to a responder (``on_get`` …)."""

    def described(responder: F) -> F:
        responder.call = Operation(summary=summary, **more)  # type: ignore[attr-defined]
        return responder

    return described


def operation_of(resource: object, method: str) -> Operation | None:
    """Return the operation of a resource's method, None if the method has none."""
    responder = getattr(resource, f"on_{method.lower()}", None)
    call: Operation | None = getattr(responder, "call", None)
    return call
