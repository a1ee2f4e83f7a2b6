"""Fixtures: an engine, a softswitch under the test's control, documents to send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax import Engine
from fsfax.cli.sample import sample_pdf
from fsfax.document import Converter
from fsfax.testing import SoftswitchFactory
from tests.engine.stage import Stage

SPEED = 60.0


@pytest.fixture
def stage(fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path) -> Stage:
    return Stage(fsfax_softswitch_factory(speed=SPEED, root=tmp_path))


@pytest.fixture
def engine(stage: Stage) -> Iterator[Engine]:
    with Engine(stage.settings(), hub="own") as made:
        made.wait_up()
        yield made


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PDF of three pages."""
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(3))
    return path


@pytest.fixture(scope="session")
def converted(letter: Path) -> Path:
    """Return the same pages as a TIFF-F."""
    target = letter.with_suffix(".tif")
    with Converter() as converter:
        converter.convert(letter, target, resolution="standard")
    return target
