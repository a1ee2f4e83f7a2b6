"""A running stand-in, a link to it, raw clients, its core alone, and documents to send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsfax.engine.observations import SUBSCRIPTIONS
from fsfax.esl.link import Link
from fsfax.softswitch import Softswitch
from fsfax.softswitch.core import Core
from fsfax.softswitch.events import SwitchEvent
from fsfax.testing import sample_tiff
from tests.softswitch.client import Client
from tests.softswitch.line_calls import draw, write


@pytest.fixture(scope="module")
def tiff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_tiff(tmp_path_factory.mktemp("tiff") / "three.tif")


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Softswitch]:
    with Softswitch(root=tmp_path) as running:
        yield running


@pytest.fixture
def link(switch: Softswitch) -> Iterator[Link]:
    with Link(switch.node_settings()) as connected:
        connected.subscribe(*SUBSCRIPTIONS, "CHANNEL_HANGUP")
        yield connected


@pytest.fixture
def connect(switch: Softswitch) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(log_in: bool = True) -> Client:
        clients.append(Client(switch.port))
        if log_in:
            assert clients[-1].log_in() == "+OK accepted"
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages."""
    return write(tmp_path_factory.mktemp("doc") / "three.tif", [draw(n) for n in range(3)])


@pytest.fixture
def received(tmp_path: Path) -> Path:
    return tmp_path / "received.tif"


@pytest.fixture
def published() -> list[SwitchEvent]:
    """The events that `core` fired."""
    return []


@pytest.fixture
def core(tmp_path: Path, published: list[SwitchEvent]) -> Core:
    """The core of a stand-in without an event socket."""
    return Core(
        tmp_path,
        switchname="softswitch",
        gateways=["softswitch"],
        down=["down"],
        speed=0,
        publish=published.append,
    )
