"""Compiled libraries: found beside the package, and None where they cannot be used."""

from __future__ import annotations

import ctypes.util
import importlib.util
from pathlib import Path

import pytest

from fsfax.document import compiled


def test_a_library_that_was_never_built_is_none() -> None:
    assert compiled.load("_no_such_library") is None


def test_a_library_of_the_package_is_loaded_with_its_functions() -> None:
    if importlib.util.find_spec("fsfax.document._mmr") is None:
        pytest.skip("fsfax was installed without a C compiler (see pyproject.toml)")
    library = compiled.load("_mmr")
    assert library is not None
    assert library.fsfax_mmr


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a library"])
def test_a_library_for_another_machine_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = tmp_path / "_other.so"
    file.write_bytes(content)
    spec = importlib.util.spec_from_file_location("fsfax.document._other", file)
    assert spec
    assert spec.origin == str(file)
    monkeypatch.setattr(importlib.util, "find_spec", {"fsfax.document._other": spec}.get)
    assert compiled.load("_other") is None


def test_the_library_is_loaded_from_where_the_module_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = ctypes.util.find_library("m")
    if name is None:
        pytest.skip("this system has no libm.so")
    spec = importlib.machinery.ModuleSpec("fsfax.document._m", None, origin=name)
    monkeypatch.setattr(importlib.util, "find_spec", {"fsfax.document._m": spec}.get)
    library = compiled.load("_m")
    assert library is not None
    library.cos.restype, library.cos.argtypes = ctypes.c_double, [ctypes.c_double]
    assert library.cos(0.0) == 1.0
