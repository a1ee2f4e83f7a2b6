"""The rigs, and an engine at each end of the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax import Engine, RxResult
from fsfax.cli.sample import sample_pdf
from fsfax.document import Converter
from tests.e2e import rig as rigs


@pytest.fixture(
    scope="module",
    params=["softswitch", pytest.param("freeswitch", marks=pytest.mark.freeswitch)],
)
def rig(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[rigs.Rig]:
    if request.param == "freeswitch":
        file = rigs.named_freeswitch()
        if file is None:
            pytest.skip(f"{rigs.ENVIRONMENT} names no real FreeSWITCH (see tests/e2e/rig.py)")
        yield rigs.freeswitch(file)
        return
    with rigs.softswitch(tmp_path_factory.mktemp("switch")) as made:
        yield made


@pytest.fixture(scope="module")
def sender(rig: rigs.Rig) -> Iterator[Engine]:
    with Engine(rig.sending(), hub="own") as engine:
        engine.wait_up()
        yield engine


class Inbound:
    """The receiving end: collects inbound faxes and finds them by the sender's station id."""

    def __init__(self, engine: Engine) -> None:
        self._faxes: list[RxResult] = []
        self._change = threading.Condition()
        self._receiving = engine.receive()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        for fax in self._receiving:
            with self._change:
                self._faxes.append(fax)
                self._change.notify_all()

    def from_station(self, ident: str, patience: float) -> RxResult:
        """Return the next fax of that station."""
        deadline = time.monotonic() + patience
        with self._change:
            while True:
                for fax in self._faxes:
                    if fax.fax_sender_id == ident:
                        self._faxes.remove(fax)
                        return fax
                left = deadline - time.monotonic()
                assert left > 0, f"no fax of {ident}; there are {self._faxes}"
                self._change.wait(left)

    def close(self) -> None:
        self._receiving.close()
        self._thread.join()


@pytest.fixture(scope="module")
def inbound(rig: rigs.Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbound]:
    with Engine(rig.receiving(tmp_path_factory.mktemp("inbox")), hub="own") as engine:
        engine.wait_up()
        ends = Inbound(engine)
        yield ends
        ends.close()


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages as a PDF."""
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(3))
    return path


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with ink from its first row to its last."""
    path = tmp_path_factory.mktemp("full") / "full.pdf"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length 57>>stream\n"
        b"6 w 40 0 m 560 842 l S 0 1 595 3 re f 0 838 595 3 re f   \n"
        b"endstream endobj\n"
        b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
    )
    return path


@pytest.fixture(scope="session")
def converted(letter: Path) -> Path:
    """The same three pages as they go out."""
    target = letter.with_suffix(".tif")
    with Converter() as converter:
        converter.convert(letter, target, resolution="standard")
    return target
