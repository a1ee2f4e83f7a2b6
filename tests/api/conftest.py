"""One service, or one application without a process, for each module of tests; on SQLite."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.api.application import Application
from tests.api.service import Service


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"))


ServiceFactory = Callable[..., Service]


@pytest.fixture(scope="module")
def new_service(
    switch: LiveSoftswitch, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[ServiceFactory]:
    """Start services, on a new SQLite file each; all are stopped in the end."""
    started: list[Service] = []

    def start(*words: str, **settings: Any) -> Service:
        folder = tmp_path_factory.mktemp("service")
        shutil.copy(sqlite_template, folder / "fsfax.db")
        service = Service(f"sqlite:///{folder}/fsfax.db", switch, folder, *words, **settings)
        started.append(service)
        return service

    yield start
    running = [service for service in started if service.process.poll() is None]
    for service in running:
        service.process.send_signal(signal.SIGTERM)
    for service in running:
        # Requests and calls that a test left under way get a second, not all their time.
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.process.wait(1.0)
        service.stop()


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service()


ApplicationFactory = Callable[..., Application]


@pytest.fixture(scope="module")
def new_application(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[ApplicationFactory]:
    """Make applications, on a new SQLite file each; all are closed in the end."""
    with contextlib.ExitStack() as made:

        def make(**given: Any) -> Application:
            folder = tmp_path_factory.mktemp("application")
            shutil.copy(sqlite_template, folder / "fsfax.db")
            database = made.enter_context(Database(f"sqlite:///{folder}/fsfax.db"))
            application = Application(database, **given)
            made.callback(application.close)
            return application

        yield make


@pytest.fixture(scope="module")
def application(new_application: ApplicationFactory) -> Application:
    return new_application()


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(2))
    return path
