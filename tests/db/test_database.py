"""URLs and transactions, on both databases: what is refused, what is atomic, which writer waits."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import exc, func, insert, select, text

from fsfax.db.database import Database, sqlite_file
from fsfax.db.schema import workers
from fsfax.errors import ConfigurationError, StoreError, StoreUnavailable
from fsfax.runtime.clock import utc_now
from tests.db.worker_rows import add_rows, add_worker, count
from tests.postgresql import Server

SECRET = "s3cr3t"


class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "fsfax.db",
            "sqlite:fsfax.db",
            "sqlite://",  # memory
            "sqlite:///",
            "sqlite:///:memory:",
            "sqlite://fsfax.db",  # a host: two slashes in place of three
            "sqlite://host/fsfax.db",
            "sqlite:///file:x?mode=memory&uri=true",
            f"mysql://fsfax:{SECRET}@host/fsfax",
            f"postgres://fsfax:{SECRET}@host/fsfax",
            f"nonsense://fsfax:{SECRET}@host",
            f"postgresql://fsfax:{SECRET}@host:port/fsfax",
            f"postgresql://fsfax@host:{SECRET}/fsfax",
        ],
    )
    def test_an_invalid_url_is_refused_with_the_valid_forms(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="sqlite:///FILE") as caught:
            Database(url)
        error: BaseException | None = caught.value
        while error:
            assert SECRET not in f"{error!s}{error!r}"
            error = None if error.__suppress_context__ else error.__context__

    def test_a_database_in_memory_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="jobs must outlive the process"):
            Database("sqlite:///:memory:")

    def test_the_file_of_an_sqlite_url(self) -> None:
        assert sqlite_file("sqlite:////var/lib/fsfax.db") == Path("/var/lib/fsfax.db")
        assert sqlite_file("sqlite:///fsfax.db") == Path("fsfax.db").absolute()
        assert sqlite_file("postgresql://host/fsfax") is None

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://fsfax:{SECRET}@127.0.0.1:1/fsfax",
            f"postgresql+psycopg://fsfax:{SECRET}@127.0.0.1:1/fsfax",
            f"postgresql://fsfax@127.0.0.1:1/fsfax?password={SECRET}",
            f"postgresql://fsfax@127.0.0.1:1/fsfax?sslpassword={SECRET}",
            f"postgresql://fsfax:{SECRET}@127.0.0.1:1/fsfax?nonsense=1",
        ],
    )
    def test_a_password_is_never_shown(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        database = Database(url)
        with pytest.raises(StoreError) as caught:
            database.version()
        words = [str(caught.value), repr(caught.value), repr(database), caplog.text]
        error: BaseException | None = caught.value
        while error:
            words.append(f"{error!s}{error!r}")
            error = error.__cause__
        assert SECRET not in " ".join(words)
        assert "127.0.0.1" in str(caught.value)

    def test_a_password_of_the_query_is_used(self) -> None:
        database = Database(f"postgresql://fsfax@host/fsfax?password={SECRET}")
        assert database.url.password == SECRET

    def test_libpq_is_configured_to_detect_a_silent_server(self, postgresql_server: Server) -> None:
        database = Database(postgresql_server.database() + "&keepalives_idle=7")
        with database.read() as connection:
            raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
            given = raw.info.get_parameters()
        assert given["keepalives_idle"] == "7"  # the URL wins
        assert given["tcp_user_timeout"] == "25000"
        database.close()


COUNT_UP = """
import sys
from sqlalchemy import text
from fsfax.db.database import Database

database = Database(sys.argv[1])
sys.stdout.write(".")
sys.stdout.flush()
sys.stdin.read()
for _ in range(100):
    with database.write() as connection:
        # Reading first: SQLite would refuse the write then, had it not begun as a writer.
        connection.execute(text("SELECT name FROM workers")).all()
        connection.execute(
            text("UPDATE workers SET name = CAST(CAST(name AS INTEGER) + 1 AS VARCHAR)")
        )
"""


class TestTransactions:
    def test_write_is_all_or_nothing(self, database: Database) -> None:
        class Oops(Exception):
            pass

        def fail() -> None:
            with database.write() as connection:
                connection.execute(
                    insert(workers).values(
                        id="a", name="a", started_at=utc_now(), lease_until=utc_now()
                    )
                )
                raise Oops

        with pytest.raises(Oops):
            fail()
        assert count(database) == 0
        add_worker(database)
        assert count(database) == 1

    def test_a_constraint_undoes_what_came_before_it(self, database: Database) -> None:
        values = {"id": "a", "name": "a", "started_at": utc_now(), "lease_until": utc_now()}
        twice = [values | {"id": "b"}, values, values]

        with pytest.raises(exc.IntegrityError):
            add_rows(database, twice)
        assert count(database) == 0

    def test_read_sees_one_state(self, database: Database) -> None:
        query = select(func.count()).select_from(workers)
        with database.read() as connection:
            before = connection.execute(query).scalar()
            add_worker(database)
            assert connection.execute(query).scalar() == before == 0
        assert count(database) == 1

    def test_a_reader_does_not_wait_for_a_writer(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(
                insert(workers).values(
                    id="a", name="a", started_at=utc_now(), lease_until=utc_now()
                )
            )
            assert count(database) == 0
        assert count(database) == 1

    def test_a_writer_that_waits_too_long_for_another_fails(self, database_url: str) -> None:
        patient, hasty = Database(database_url), Database(database_url, wait=0.2)
        add_worker(patient, "old")
        change = text("UPDATE workers SET name = 'new'")
        with patient.write() as connection:
            connection.execute(change)
            begin = time.monotonic()
            with pytest.raises(StoreUnavailable, match="lock"), hasty.write() as other:
                other.execute(change)
            assert 0.15 < time.monotonic() - begin < 5
        with hasty.write() as other:
            other.execute(change)
        patient.close()
        hasty.close()

    def test_a_writer_that_sleeps_in_its_transaction_is_ended(
        self, postgresql_server: Server
    ) -> None:
        """A process that was stopped must not stop all the others."""
        database = Database(postgresql_server.database(), wait=0.2)

        def sleep_within() -> None:
            with database.write() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
                wait_for_other_end(connection.connection.driver_connection)
                connection.execute(text("SELECT 1"))

        with pytest.raises(StoreUnavailable, match="idle"):
            sleep_within()
        add_worker(database)
        database.close()

    def test_processes_that_write_at_once(self, database_url: str) -> None:
        """No writer gets "database is locked", and nothing is lost."""
        database = Database(database_url)
        add_worker(database, "0")
        running = [
            subprocess.Popen(
                [sys.executable, "-c", COUNT_UP, database_url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for process in running:
            assert process.stdout
            assert process.stdout.read(1) == b"."
        for process in running:
            assert process.stdin
            process.stdin.write(b"go")
            process.stdin.close()
            process.stdin = None
        errors = [process.communicate(timeout=60)[1].decode() for process in running]
        assert errors == ["", ""]
        with database.read() as connection:
            assert connection.execute(select(workers.c.name)).scalar() == "200"
        database.close()

    def test_more_threads_than_connections_take_turns(self, database_url: str) -> None:
        database = Database(database_url, connections=2)
        threads = [threading.Thread(target=add_worker, args=(database,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count(database) == 8
        database.close()


def wait_for_other_end(raw: Any) -> None:
    """Wait until the server closed a connection; nothing is read."""
    import select as io

    ready, _, _ = io.select([raw.fileno()], [], [], 10)
    assert ready
