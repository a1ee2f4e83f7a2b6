"""One service for each module of tests, on SQLite; see `service`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli.sample import sample_pdf
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.api.service import Service


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"))


ServiceFactory = Callable[..., Service]


@pytest.fixture(scope="module")
def new_service(
    switch: LiveSoftswitch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceFactory]:
    """Starts services, on a new SQLite file each; all are stopped in the end."""
    started: list[Service] = []

    def start(*words: str, **settings: Any) -> Service:
        folder = tmp_path_factory.mktemp("service")
        service = Service(f"sqlite:///{folder}/fsfax.db", switch, folder, *words, **settings)
        started.append(service)
        return service

    yield start
    for service in started:
        if service.process.poll() is None:
            service.stop()


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service()


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(2))
    return path
