"""Databases for the tests of every package; the order of the tests; what they may do.

SQLite lies in a file of the test's own, a copy of one with all tables. PostgreSQL is one server
for each process that runs tests, with a database for each test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax.db.database import Database
from tests.postgresql import Server, programs

pytest_plugins = ["tests.job_fixtures"]


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Server]:
    if programs() is None:
        pytest.fail("PostgreSQL is missing: `make test` installs it, or apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="fsfax-pg-", dir="/tmp"))
    folder.chmod(0o711)  # the server runs as another user
    server = Server(folder / "server")
    with Database(server.url("template1")) as database:
        database.upgrade()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_server(_postgresql: Server) -> Iterator[Server]:
    """The server, which a test may stop or kill: it runs again afterwards."""
    yield _postgresql
    _postgresql.ensure_running()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    with Database(f"sqlite:///{file}") as database:
        database.upgrade()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with all tables."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "fsfax.db")
        yield f"sqlite:///{tmp_path}/fsfax.db"
        return
    server: Server = request.getfixturevalue("postgresql_server")
    url = server.database()
    yield url
    server.give_back(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


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
