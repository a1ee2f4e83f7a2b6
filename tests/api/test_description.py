"""Descriptions of operations beside their responders. Pure."""

from __future__ import annotations

from fsfax.accounts.tokens import Scope
from fsfax.api.description import Operation, describe, operation_of


class Resource:
    @describe("Show it", answers={200: None})
    def on_get(self) -> None: ...

    @describe("Change it", scope=Scope.WRITE, errors=(409,))
    def on_patch(self) -> None: ...

    def on_put(self) -> None: ...


def test_a_description_is_found_by_method() -> None:
    assert operation_of(Resource(), "GET") == Operation(summary="Show it", answers={200: None})
    change = operation_of(Resource(), "patch")
    assert change is not None
    assert (change.scope, change.errors) == (Scope.WRITE, (409,))


def test_a_token_with_the_scope_read_is_needed_by_default() -> None:
    operation = operation_of(Resource(), "GET")
    assert operation is not None
    assert operation.scope is Scope.READ
    assert operation.enveloped


def test_methods_without_a_description() -> None:
    assert operation_of(Resource(), "PUT") is None
    assert operation_of(Resource(), "DELETE") is None
