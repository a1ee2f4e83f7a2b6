"""A short torture for every test run; `make torture` is the long one."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.torture.torture import run

pytestmark = pytest.mark.spandsp


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_some_rounds(database: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="fsfax-torture-"))
    folder.chmod(0o711)
    seed = random.SystemRandom().randrange(10**6)
    assert run(4, database, seed, folder) == 0, f"seed {seed}: see {folder}"
    shutil.rmtree(folder)
