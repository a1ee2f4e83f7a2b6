"""The public names are complete: a type in a public signature is a public name itself."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest

import fsfax

NOT_CALLED_BY_PROGRAMS = {
    # The engine makes handles; a program only gets them.
    "SendCall.__init__",
    "SendCall.begin",
    "ReceiveHandle.__init__",
    # Its senders by channel are a parameter for tests.
    "Dispatcher.__init__",
}
SPECIAL = {"__init__", "__enter__", "__iter__", "__next__"}
CLASSES = [name for name in fsfax.__all__ if inspect.isclass(getattr(fsfax, name))]


def fsfax_types(hint: object) -> Iterator[type]:
    if isinstance(hint, list | tuple):  # parameters of a Callable
        for each in hint:
            yield from fsfax_types(each)
    for argument in typing.get_args(hint):
        yield from fsfax_types(argument)
    if isinstance(hint, type) and hint.__module__.startswith("fsfax"):
        yield hint


def annotated(name: str) -> Iterator[tuple[str, Any]]:
    """The class itself, for its fields, and its public methods and properties."""
    cls = getattr(fsfax, name)
    yield name, cls
    seen = set()  # what a class defines hides what its bases define under that name
    for base in cls.__mro__:
        if not base.__module__.startswith("fsfax"):
            continue
        for attribute, value in vars(base).items():
            if attribute in seen or (attribute.startswith("_") and attribute not in SPECIAL):
                continue
            seen.add(attribute)
            function = value.fget if isinstance(value, property) else inspect.unwrap(value)
            function = getattr(function, "__func__", function)
            if inspect.isfunction(function):
                yield f"{name}.{attribute}", function


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_name_public_types_alone(name: str) -> None:
    public = [getattr(fsfax, public) for public in fsfax.__all__]
    for place, value in annotated(name):
        if place in NOT_CALLED_BY_PROGRAMS:
            continue
        for attribute, hint in typing.get_type_hints(value).items():
            if attribute.startswith("_"):
                continue
            for found in fsfax_types(hint):
                assert found in public, f"{place}: {attribute} is a {found.__qualname__}"


def test_the_stub_names_the_modules_that_define_the_names() -> None:
    for name in CLASSES:
        cls = getattr(fsfax, name)
        assert getattr(importlib.import_module(cls.__module__), name) is cls
