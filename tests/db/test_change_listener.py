"""The listener: set by a change in any process, and only by one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import psycopg
import pytest
from sqlalchemy import event

from fsfax.db.change_listener import ChangeListener
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.jobs.store import JobStore
from tests.job_fixtures import NUMBERS
from tests.postgresql import Server

POLL = 0.05
AT_ONCE = 1.0
PATIENCE = 20.0


@pytest.fixture
def listener(database_url: str) -> Iterator[ChangeListener]:
    """A listener that listens already; its first event, at the start, was consumed."""
    database = Database(database_url)
    listener = ChangeListener(database, POLL)
    assert listener.wait(PATIENCE)
    yield listener
    listener.close()
    database.close()


@pytest.fixture
def accept(database_url: str, pdf: Path) -> Iterator[Callable[[], None]]:
    """Accept a fax over connections of its own."""
    with JobStore(database_url) as store:
        yield lambda: (store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf])), None)[1]


def quiet(listener: ChangeListener, seconds: float = 0.2) -> bool:
    """Return whether the event is not set again; the state before does not count."""
    while listener.wait(2 * POLL):
        pass
    return not listener.wait(seconds)


def test_is_set_when_another_connection_commits(
    listener: ChangeListener, accept: Callable[[], None]
) -> None:
    for _ in range(3):
        assert quiet(listener)
        accept()
        assert listener.wait(AT_ONCE)


def test_is_set_when_another_process_commits(
    listener: ChangeListener, database_url: str, pdf: Path
) -> None:
    program = (
        "import sys; from fsfax.jobs.store import JobStore, NewFax; s = JobStore(sys.argv[1]);"
        "s.list(); sys.stdin.read(1);"
        "s.accept(NewFax(to_number='+35315550100', documents=[sys.argv[2]]));"
        "sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, database_url, str(pdf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"x")
    assert process.stdout.read(1) == b"."  # committed
    assert listener.wait(AT_ONCE)
    process.communicate()


def test_is_silent_while_nothing_is_committed(listener: ChangeListener, database: Database) -> None:
    assert quiet(listener)
    store = JobStore(database)
    store.list()
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM jobs")
        connection.rollback()
    assert quiet(listener)


def test_waiting_takes_no_processor_time(listener: ChangeListener) -> None:
    assert quiet(listener)
    before = time.process_time()
    assert not listener.wait(1.0)
    assert time.process_time() - before < 0.1


def test_is_set_from_within_the_hub(listener: ChangeListener) -> None:
    assert quiet(listener)
    gevent.spawn_later(0.05, listener.wake)
    begin = time.monotonic()
    assert listener.wait(PATIENCE)
    assert time.monotonic() - begin < AT_ONCE
    assert not listener.wait(0.0)  # once
    listener.wake()
    assert listener.wait(0.0)  # also if it was set before wait was called


def test_the_hub_goes_on_while_it_waits(listener: ChangeListener) -> None:
    ticks = []

    def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            gevent.sleep(0.02)

    assert quiet(listener)
    ticker = gevent.spawn(tick)
    listener.wait(0.4)
    ticker.kill()
    assert len(ticks) > 5


def test_close_ends_the_thread(database_url: str, accept: Callable[[], None]) -> None:
    database = Database(database_url)
    gevent.get_hub().threadpool  # noqa: B018  # not one of the listener
    before = threads()
    listener = ChangeListener(database, POLL)
    assert listener.wait(PATIENCE)
    assert len(threads()) == len(before) + 1
    begin = time.monotonic()
    listener.close()
    assert time.monotonic() - begin < 3.0
    deadline = time.monotonic() + PATIENCE
    while len(threads()) > len(before):
        assert time.monotonic() < deadline
    database.close()
    # Changes after that have no effect and do no harm.
    accept()
    assert not listener.wait(0.2)


def threads() -> list[Path]:
    """The threads of this process, as the kernel counts them."""
    return list(Path("/proc/self/task").iterdir())


class TestPostgresql:
    @pytest.fixture
    def url(self, postgresql_server: Server) -> Iterator[str]:
        yield postgresql_server.database()
        try:
            psycopg.connect(postgresql_server.url("postgres")).close()
        except psycopg.OperationalError:
            postgresql_server.restart_after_kill()

    def test_listens_again_after_a_restart(
        self, url: str, postgresql_server: Server, pdf: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        database = Database(url)
        store = JobStore(url)
        listener = ChangeListener(database, POLL)
        assert listener.wait(PATIENCE)
        assert quiet(listener)
        postgresql_server.kill()
        assert listener.wait(PATIENCE)  # something is wrong: look
        postgresql_server.restart_after_kill()
        store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))
        # Changes before LISTEN were not notified: it is set when it listens again.
        assert listener.wait(PATIENCE)
        wait_until_listening(url)
        assert quiet(listener)
        store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))
        assert listener.wait(AT_ONCE)
        listener.close()
        assert "database_not_listened_to" in caplog.text
        store.close()
        database.close()

    def test_a_password_with_special_characters(
        self, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It reaches libpq as it reaches it in all other connections."""
        database = Database(url.replace("fsfax@", "fsfax:p%20w%2B%25%40%2F%3F%26'%5C@"))
        listener = ChangeListener(database, POLL)
        assert listener.wait(PATIENCE)
        wait_until_listening(url)
        listener.close()
        assert caplog.text == ""
        database.close()

    def test_a_server_that_does_not_run(self, tmp_path: Path) -> None:
        database = Database(f"postgresql://fsfax:s3cr3t@/fsfax?host={tmp_path}")
        listener = ChangeListener(database, POLL)
        assert listener.wait(PATIENCE)
        listener.close()


def wait_until_listening(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + PATIENCE
        while not connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            " AND datname = current_database()"
        ).fetchall():
            assert time.monotonic() < deadline
            gevent.sleep(0.02)


class TestSqlite:
    def test_goes_on_after_the_file_was_damaged(
        self, sqlite_template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, pdf: Path
    ) -> None:
        """An error of the file ends neither the thread nor what is heard afterwards."""
        file = tmp_path / "fsfax.db"
        file.write_bytes(b"no database " * 1000)
        database = Database(f"sqlite:///{file}")
        listener = ChangeListener(database, POLL)
        deadline = time.monotonic() + PATIENCE
        while "database_not_watched" not in caplog.text:
            assert time.monotonic() < deadline
            gevent.sleep(0.02)
        file.write_bytes(sqlite_template.read_bytes())
        assert listener.wait(PATIENCE)
        with JobStore(f"sqlite:///{file}") as store:
            assert quiet(listener)
            store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))
        assert listener.wait(AT_ONCE)
        listener.close()
        database.close()

    def test_goes_on_after_the_query_itself_failed(
        self, sqlite_template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, pdf: Path
    ) -> None:
        """SQLite's own errors pass SQLAlchemy by there."""
        file = tmp_path / "fsfax.db"
        file.write_bytes(sqlite_template.read_bytes())
        database = Database(f"sqlite:///{file}")
        watching: list[sqlite3.Connection] = []
        event.listen(database.engine, "connect", lambda raw, _: watching.append(raw))
        listener = ChangeListener(database, POLL)
        assert listener.wait(PATIENCE)
        assert quiet(listener)
        watching[0].set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        assert listener.wait(PATIENCE)  # something is wrong, or it is watched again
        assert "database_not_watched" in caplog.text
        with JobStore(f"sqlite:///{file}") as store:
            assert quiet(listener)
            store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))
        assert listener.wait(AT_ONCE)
        listener.close()
        database.close()
