"""Both databases for every test of the store: SQLite in a file, PostgreSQL in a server of ours."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.jobs.claims import Claims, NodeCapacity
from fsfax.jobs.leases import Leases
from fsfax.jobs.settle import Settlement
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from tests.postgresql import Server, programs


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    if programs() is None:
        pytest.fail("PostgreSQL is missing: `make test` installs it, or apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="fsfax-pg-", dir="/tmp"))
    folder.chmod(0o711)  # the server runs as another user
    server = Server(folder / "server")
    template = server.url("template1")
    database = Database(template)
    database.upgrade()
    database.close()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database with all tables."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "fsfax.db")
        return f"sqlite:///{tmp_path}/fsfax.db"
    server: Server = request.getfixturevalue("postgresql_server")
    return server.database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> JobStore:
    return JobStore(database, clock=clock)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "letter.pdf"
    file.write_bytes(b"%PDF-1.4\n" + b"x" * 3000)
    return file


NODE_CAPACITY = NodeCapacity(node="a", core="core-1", capacity=0, gateways={"gw": 0})

NUMBERS = (f"+35315550{number:03}" for number in itertools.count(100))


class Hand:
    """A worker without a loop: what it does, the test says."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.leases = Leases(database, "test", settings.jobs.lease, clock=clock)
        self.leases.register()
        id = self.leases.worker_id
        self.claims = Claims(database, id, settings, clock=clock)
        self.settlement = Settlement(database, id, settings, clock=clock, chance=lambda: 0.5)


@pytest.fixture
def settings() -> Settings:
    return Settings(jobs=JobsSettings())


@pytest.fixture
def hand(database: Database, settings: Settings, clock: Clock) -> Callable[[], Hand]:
    return lambda: Hand(database, settings, clock)


@pytest.fixture
def ready(store: JobStore, hand: Callable[[], Hand], pdf: Path) -> Callable[..., str]:
    """Accept a fax and make it ready without converting anything; return its id."""

    def make(to: str | None = None, pages: int = 3, **changes: object) -> str:
        new = NewFax(to_number=to or next(NUMBERS), documents=[pdf], **changes)  # type: ignore[arg-type]
        job = store.accept(new)
        helper = hand()
        for preparation in helper.claims.claim_unprepared(100):
            helper.settlement.prepared(preparation, pdf, pages)
        helper.leases.retire()
        return job.id

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(file: Path) -> None:
    """Fill the rest of the disk."""
    with file.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
