"""Versions of the tables: made, upgraded by several programs at once, too new, incomplete."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import exc, text

from fsfax.accounts.accounts import Accounts
from fsfax.db import transitions
from fsfax.db.database import Database, newest_version
from fsfax.db.records import NewFax
from fsfax.errors import FsfaxError, StoreOutdated, StoreUnavailable
from fsfax.jobs.store import JobStore
from fsfax.runtime.clock import utc_now
from tests.postgresql import Server

UPGRADE = "import sys; from fsfax.db.database import Database; Database(sys.argv[1]).upgrade()"


JOB_OF_0001 = """
    INSERT INTO jobs
    (id, account_id, direction, state, created_at, modified_at, due_at, preferences, fields)
    VALUES (:id, :account, 'out', 'pending', :now, :now, :now, '{}', '{}')
"""


class TestVersion:
    def test_from_an_empty_file_in_a_missing_folder(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/a%20b/ü/fsfax.db")
        database.upgrade()
        database.upgrade()
        assert database.version() == newest_version() != ""
        database.require_current()
        with JobStore(database) as store:
            assert store.list().jobs == ()

    def test_existing_rows_stay(self, tmp_path: Path, postgresql_server: Server) -> None:
        """A database with a job, a number and a document, through every migration there is."""
        pdf = tmp_path / "a.pdf"
        pdf.write_bytes(b"%PDF-1.4 x")
        for url in (f"sqlite:///{tmp_path}/old.db", postgresql_server.database("template0")):
            database = Database(url)
            database.upgrade("0001_initial")
            now = utc_now()
            with database.write() as connection:
                transitions.ensure_default_account(connection, now)
                account = {"id": "202611-" + "a" * 32, "account": transitions.DEFAULT_ACCOUNT}
                connection.execute(
                    text(
                        "INSERT INTO inbound_numbers (number, account_id, shown)"
                        " VALUES ('1', :account, '1')"
                    ),
                    account,
                )
                connection.execute(text(JOB_OF_0001), {**account, "now": str(now)[:19]})
            database.upgrade()
            database.require_current()
            store = JobStore(database)
            assert store.get("202611-" + "a" * 32).faxbox_id is None
            assert Accounts(database).get(transitions.DEFAULT_ACCOUNT).numbers == ("1",)
            assert store.accept(NewFax(to_number="1", documents=[pdf])).id
            store.close()

    def test_on_an_empty_postgresql(self, postgresql_server: Server) -> None:
        database = Database(postgresql_server.database("template0"))
        assert database.version() == ""
        with pytest.raises(StoreOutdated, match=r"has no tables, .* run `fsfax db upgrade`"):
            database.require_current()
        database.upgrade()
        database.upgrade()
        database.require_current()
        database.close()

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    def test_several_processes_upgrade_at_once(
        self, kind: str, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path}/folder/fsfax.db"
        else:
            server: Server = request.getfixturevalue("postgresql_server")
            url = server.database("template0")
        running = [
            subprocess.Popen([sys.executable, "-c", UPGRADE, url], stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        errors = [process.communicate(timeout=60)[1].decode() for process in running]
        assert [process.returncode for process in running] == [0] * 2, errors
        database = Database(url)
        database.require_current()
        database.close()

    def test_several_threads_make_the_tables_of_a_new_file(self, tmp_path: Path) -> None:
        """What processes do, many times over: who comes first makes the file and its journal."""
        for number in range(5):
            databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(6)]
            errors: list[Exception] = []
            start = threading.Barrier(len(databases))

            def upgrade(
                database: Database,
                start: threading.Barrier = start,
                errors: list[Exception] = errors,
            ) -> None:
                start.wait()
                try:
                    database.version()
                    add_tables(database)
                except (FsfaxError, exc.SQLAlchemyError) as error:
                    errors.append(error)

            threads = [threading.Thread(target=upgrade, args=(each,)) for each in databases]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert errors == []

    def test_other_versions_are_refused(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert database.version() == "9999"
        for call in (database.require_current, database.upgrade):
            with pytest.raises(StoreOutdated, match=r"9999.*made by a newer one"):
                call()
        with database.write() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
        with pytest.raises(StoreOutdated, match="fsfax db upgrade"):
            database.require_current()

    @pytest.mark.parametrize("statement", ["DROP TABLE chunks", "ALTER TABLE chunks DROP data"])
    def test_tables_that_are_missing_are_outdated(self, database: Database, statement: str) -> None:
        with database.write() as connection:
            connection.execute(text(statement))
        with pytest.raises(StoreOutdated, match="run `fsfax db upgrade`"), database.read() as c:
            c.execute(text("SELECT data FROM chunks"))

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreUnavailable, match=r"folder of the database .* cannot be made"):
            Database(f"sqlite:///{tmp_path}/file/fsfax.db").upgrade()


def add_tables(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS t (x INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))


@pytest.fixture
def server(postgresql_server: Server) -> Iterator[Server]:
    """The server, which a test may take away."""
    yield postgresql_server
    try:
        with psycopg.connect(postgresql_server.url("postgres")):
            pass
    except psycopg.OperationalError:
        postgresql_server.restart_after_kill()
