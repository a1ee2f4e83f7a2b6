"""An engine, and a switch under the test's control."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax import Engine, Settings
from fsfax.cli.sample import sample_pdf
from fsfax.document import Converter
from fsfax.testing import LiveSoftswitch, SoftswitchFactory

SPEED = 60.0


class Stage:
    """A switch under the test's control, and settings that lead to it."""

    def __init__(self, switch: LiveSoftswitch) -> None:
        self.switch = switch
        self.node = switch.node_settings()
        self.root = switch.root

    def settings(self, **changes: object) -> Settings:
        values = {"nodes": (self.node,), "spool": self.root, "inbox": self.root / "inbox"}
        return Settings(**{**values, **changes})  # type: ignore[arg-type]

    @property
    def core(self) -> str:
        return self.switch.api("global_getvar", "core_uuid")

    def guard(self, call_id: str) -> str:
        """The mark in ``hash`` of a call, "" if there is none."""
        answer = self.switch.api("hash", f"select/fsfax/{call_id}")
        return "" if answer.startswith("-ERR") else answer


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
    """Three pages as a PDF."""
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(3))
    return path


@pytest.fixture(scope="session")
def converted(letter: Path) -> Path:
    """The same as a TIFF-F."""
    target = letter.with_suffix(".tif")
    with Converter() as converter:
        converter.convert(letter, target, resolution="standard")
    return target
