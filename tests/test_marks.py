"""The marks that tests/conftest.py gives."""

from __future__ import annotations

from tests.conftest import PURE, TESTS


def test_the_pure_modules_exist() -> None:
    files = {TESTS / folder / f"{name}.py" for folder, names in PURE.items() for name in names}
    assert {file for file in files if not file.is_file()} == set()
