"""Databases for the benches of the jobs: fresh ones on the disk, with fsync on.

Durability is what is measured, so PostgreSQL runs with its own default ``fsync=on``, other than
in the tests, and SQLite with ``synchronous=FULL`` as always.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from fsfax.db.database import Database
from tests.postgresql import Server


class DurableServer(Server):
    """A PostgreSQL server whose commits reach the disk."""

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=60"
        self._run(
            "pg_ctl", "start", "-w", "-D", self._data, "-l", self.folder / "log", "-o", options
        )


@contextlib.contextmanager
def places() -> Iterator[dict[str, Callable[[], str]]]:
    """Makers of fresh, upgraded databases by the kind's name; each returns a URL."""
    folder = Path(tempfile.mkdtemp(prefix="fsfax-bench-", dir="/tmp"))
    folder.chmod(0o711)  # PostgreSQL runs as another user
    server = DurableServer(folder / "server")
    made = 0

    def sqlite() -> str:
        nonlocal made
        made += 1
        return upgraded(f"sqlite:///{folder}/bench-{made}.db")

    try:
        yield {"SQLite": sqlite, "PostgreSQL": lambda: upgraded(server.database())}
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def upgraded(url: str) -> str:
    """Make the tables."""
    database = Database(url)
    database.upgrade()
    database.close()
    return url


class Statements:
    """Counts the statements and the commits of a SQLAlchemy engine, and keeps those it is asked to.

    ``kept`` is the last statement with its parameters for which ``keep`` was true.
    """

    def __init__(self, engine: Engine, keep: Callable[[str], bool] = lambda _: False) -> None:
        self.count = 0
        self.commits = 0
        self.kept: list[tuple[str, Any]] = []
        self._keep = keep
        event.listen(engine, "before_cursor_execute", self._seen)
        event.listen(engine, "commit", self._committed)

    def _seen(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        self.count += 1
        if self._keep(statement):
            self.kept.append((statement, parameters))

    def _committed(self, _connection: Any) -> None:
        self.commits += 1


def plan(database: Database, statement: str, parameters: Any) -> list[str]:
    """How the database goes about a statement: its own words, a line each."""
    with database.read() as connection:
        if database.is_sqlite:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [str(row[3]) for row in rows]
        words = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)"
        rows = connection.exec_driver_sql(
            f"{words} {statement.replace('FOR UPDATE SKIP LOCKED', '')}", parameters
        )
        return [str(row[0]) for row in rows]
