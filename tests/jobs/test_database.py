"""Connections, transactions and versions, on both databases, and every way to lose them."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import exc, func, insert, select, text

from fsfax.accounts.accounts import Accounts
from fsfax.db import transitions
from fsfax.db.database import Database, newest_version, sqlite_file
from fsfax.db.records import NewFax
from fsfax.db.schema import metadata, workers
from fsfax.errors import (
    ConfigurationError,
    FsfaxError,
    JobNotFound,
    StoreError,
    StoreFull,
    StoreOutdated,
    StoreUnavailable,
)
from fsfax.jobs.store import JobStore
from fsfax.runtime.clock import utc_now
from tests.jobs.conftest import NUMBERS, fill
from tests.postgresql import Server

SECRET = "s3cr3t"


def add_worker(database: Database, name: str = "w") -> None:
    with database.write() as connection:
        connection.execute(
            insert(workers).values(
                id=os.urandom(16).hex(), name=name, started_at=utc_now(), lease_until=utc_now()
            )
        )


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(workers)).scalar() or 0


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
    def test_bad_ones_are_refused_with_the_good_ones(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="sqlite:///FILE") as caught:
            Database(url)
        error: BaseException | None = caught.value
        while error:
            assert SECRET not in f"{error!s}{error!r}"
            error = None if error.__suppress_context__ else error.__context__

    def test_memory_is_refused_with_its_reason(self) -> None:
        with pytest.raises(ConfigurationError, match="jobs must outlive the process"):
            Database("sqlite:///:memory:")

    def test_sqlite_file(self) -> None:
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

    def test_libpq_is_told_to_notice_a_silent_server(self, postgresql_server: Server) -> None:
        database = Database(postgresql_server.database() + "&keepalives_idle=7")
        with database.read() as connection:
            raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
            given = raw.info.get_parameters()
        assert given["keepalives_idle"] == "7"  # the URL wins
        assert given["tcp_user_timeout"] == "25000"
        database.close()


UPGRADE = "import sys; from fsfax.db.database import Database; Database(sys.argv[1]).upgrade()"


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
BEGIN_AND_STAY = """
import sys, time
from sqlalchemy import text
from fsfax.db.database import Database

with Database(sys.argv[1]).write() as connection:
    connection.execute(text("UPDATE workers SET name = 'x'"))
    sys.stdout.write(".")
    sys.stdout.flush()
    time.sleep(60)
"""


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

    def test_what_is_there_stays(self, tmp_path: Path, postgresql_server: Server) -> None:
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

    def test_migrations_make_what_the_schema_says(
        self, tmp_path: Path, postgresql_server: Server
    ) -> None:
        """Column by column, with every default, constraint and index, on both databases."""
        for kind, urls in {
            "sqlite": [f"sqlite:///{tmp_path}/{name}.db" for name in "ab"],
            "postgresql": [postgresql_server.database("template0") for _ in "ab"],
        }.items():
            migrated, made = (Database(url) for url in urls)
            migrated.upgrade()
            with made.write() as connection:
                metadata.create_all(connection)
            assert tables_of(migrated) - tables_of(made) == ALEMBIC[kind]
            assert tables_of(made) <= tables_of(migrated)
            migrated.close()
            made.close()

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    def test_by_several_processes_at_once(
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

    def test_threads_on_a_new_file(self, tmp_path: Path) -> None:
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


ALEMBIC = {
    "sqlite": {
        ("alembic_version", "version_num VARCHAR(32) NOT NULL"),
        ("alembic_version", "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"),
    },
    "postgresql": {
        ("alembic_version", "version_num character varying(32) null NO default None"),
        ("alembic_version", "PRIMARY KEY (version_num)"),
        (
            "alembic_version",
            "CREATE UNIQUE INDEX alembic_version_pkc ON public.alembic_version"
            " USING btree (version_num)",
        ),
    },
}

POSTGRESQL_TABLES = """
    SELECT table_name, column_name || ' ' || data_type
        || coalesce('(' || character_maximum_length || ')', '')
        || ' null ' || is_nullable || ' default ' || coalesce(column_default, 'None')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def tables_of(database: Database) -> set[tuple[str, str]]:
    """Everything that a database says of its tables: (table, what it has)."""
    with database.read() as connection:
        if not database.is_sqlite:
            return {tuple(row) for row in connection.execute(text(POSTGRESQL_TABLES))}
        rows = connection.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE sql != ''"))
        return {
            (table, part)
            for table, sql in rows
            for part in (columns_of(sql) if sql.startswith("CREATE TABLE") else [sql])
        }


def columns_of(sql: str) -> list[str]:
    """What is between the commas; a column that was added later stands on no line of its own."""
    inner = sql[sql.index("(") + 1 : sql.rindex(")")]
    parts, depth = [""], 0
    for character in inner:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [" ".join(part.split()) for part in parts]


def add_tables(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS t (x INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))


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

    def test_another_writer_beyond_the_wait(self, database_url: str) -> None:
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


def add_rows(
    database: Database, rows: list[dict[str, Any]], between: Callable[[], None] = lambda: None
) -> None:
    """Add workers in one transaction; something may happen between the first and the others."""
    with database.write() as connection:
        connection.execute(insert(workers).values(**rows[0]))
        between()
        for row in rows[1:]:
            connection.execute(insert(workers).values(**row))


def wait_for_other_end(raw: Any) -> None:
    """Wait until the server closed a connection; nothing is read."""
    import select as io

    ready, _, _ = io.select([raw.fileno()], [], [], 10)
    assert ready


class TestSqliteTrouble:
    def test_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        with pytest.raises(StoreUnavailable, match=r"d cannot be used.*may this user write"):
            Database(f"sqlite:///{tmp_path}/d").upgrade()

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            Database(f"sqlite:///{tmp_path}/d/fsfax.db").version()

    def test_not_a_database(self, tmp_path: Path) -> None:
        file = tmp_path / "letter.db"
        file.write_bytes(b"%PDF-1.7 " * 1000)
        database = Database(f"sqlite:///{file}")
        for call in (database.version, database.upgrade, database.require_current):
            with pytest.raises(StoreError, match="not a database"):
                call()
        assert file.read_bytes() == b"%PDF-1.7 " * 1000

    def test_a_damaged_one(self, sqlite_template: Path, tmp_path: Path) -> None:
        file = tmp_path / "fsfax.db"
        whole = sqlite_template.read_bytes()
        file.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
        with pytest.raises(StoreError, match="malformed"):
            count(Database(f"sqlite:///{file}"))

    def test_a_full_disk(self, sqlite_template: Path, tmp_path: Path) -> None:
        """SQLite's own limit: the same code of the same function as a full disk."""
        shutil.copy(sqlite_template, tmp_path / "fsfax.db")
        store = JobStore(Database(f"sqlite:///{tmp_path}/fsfax.db", connections=1))
        pages = 0
        with store.database.read() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar() or 0
            connection.execute(text(f"PRAGMA max_page_count = {pages + 20}"))
        large = tmp_path / "large.txt"
        large.write_text("word " * 100_000)
        fax = NewFax(to_number=next(NUMBERS), documents=[large])
        with pytest.raises(StoreFull, match=r"disk of the database .* is full .*make room"):
            store.accept(fax)
        assert store.list().jobs == ()
        with store.database.read() as connection:
            connection.execute(text(f"PRAGMA max_page_count = {pages + 2000}"))
        (document,) = store.documents(store.accept(fax).id)
        assert b"".join(store.read(document)) == large.read_bytes()
        store.close()

    def test_a_really_full_disk(self, sqlite_template: Path, small_disk: Path) -> None:
        shutil.copy(sqlite_template, small_disk / "fsfax.db")
        store = JobStore(f"sqlite:///{small_disk}/fsfax.db")
        ballast = small_disk / "ballast"
        large = small_disk / "large.txt"
        large.write_text("word " * 60_000)
        fax = NewFax(to_number=next(NUMBERS), documents=[large])
        before = store.accept(fax)
        fill(ballast)
        for _ in range(3):
            with pytest.raises(StoreFull, match="is full"):
                store.accept(fax)
            assert [job.id for job in store.list().jobs] == [before.id]
        # Also where nothing of the journal is there yet.
        store.close()
        ballast.unlink()
        fill(ballast)
        with pytest.raises(StoreFull, match="is full"):
            store.accept(fax)
        ballast.unlink()
        after = store.accept(fax)
        assert {job.id for job in store.list().jobs} == {before.id, after.id}
        for job in (before, after):
            (document,) = store.documents(job.id)
            assert b"".join(store.read(document)) == large.read_bytes()
        store.close()

    def test_a_disk_that_may_only_be_read(self, sqlite_template: Path, small_disk: Path) -> None:
        shutil.copy(sqlite_template, small_disk / "fsfax.db")
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        database = Database(f"sqlite:///{small_disk}/fsfax.db")
        with pytest.raises(StoreUnavailable, match=r"may this user write to the file"):
            add_worker(database)
        database.close()


@pytest.fixture
def server(postgresql_server: Server) -> Iterator[Server]:
    """The server, which a test may take away."""
    yield postgresql_server
    try:
        with psycopg.connect(postgresql_server.url("postgres")):
            pass
    except psycopg.OperationalError:
        postgresql_server.restart_after_kill()


class TestPostgresqlTrouble:
    def test_stopped_and_started_again(self, server: Server) -> None:
        database = Database(server.database())
        add_worker(database)
        server.stop()
        for call in (database.version, database.upgrade, lambda: add_worker(database)):
            with pytest.raises(StoreUnavailable, match="cannot be used"):
                call()
        server.start()
        # The connections of before are replaced, not handed out.
        add_worker(database)
        assert count(database) == 2
        database.close()

    def test_killed_in_the_middle_of_a_transaction(self, server: Server) -> None:
        database = Database(server.database())
        add_worker(database)
        values = {"name": "x", "started_at": utc_now(), "lease_until": utc_now()}
        with pytest.raises(StoreUnavailable):
            add_rows(database, [{"id": "a"} | values, {"id": "b"} | values], server.kill)
        server.restart_after_kill()
        assert count(database) == 1
        add_worker(database)
        database.close()

    def test_killed_while_reading(self, server: Server) -> None:
        database = Database(server.database())

        def read() -> None:
            with database.read() as connection:
                connection.execute(select(workers))
                server.kill()
                connection.execute(select(workers))

        with pytest.raises(StoreUnavailable):
            read()
        server.restart_after_kill()
        assert count(database) == 0
        database.close()

    def test_our_own_error_on_a_dead_connection(self, server: Server) -> None:
        """The caller is to ask again: what it met may not be so any more."""
        database = Database(server.database())

        def find() -> None:
            with database.write() as connection:
                connection.execute(select(workers))
                server.kill()
                raise JobNotFound("no such job")

        with pytest.raises(StoreUnavailable):
            find()
        server.restart_after_kill()
        add_worker(database)
        database.close()

    def test_wrong_database(self, server: Server) -> None:
        with pytest.raises(StoreUnavailable, match='"nowhere" does not exist'):
            Database(server.url("nowhere")).version()

    def test_wrong_password(self, server: Server) -> None:
        rules = server.folder / "data" / "pg_hba.conf"
        before = rules.read_text()
        name = f"u{os.urandom(4).hex()}"
        url = server.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{SECRET} %+@/'")  # type: ignore[arg-type]
            rules.write_text(f"local all {name} scram-sha-256\n{before}")
            connection.execute("SELECT pg_reload_conf()")
            try:
                wrong = url.replace("fsfax@", f"{name}:wrong-{SECRET}@")
                right = url.replace("fsfax@", f"{name}:{SECRET}%20%25%2B%40%2F@")
                with pytest.raises(StoreUnavailable, match="password authentication failed") as no:
                    Database(wrong).version()
                assert SECRET not in str(no.value)
                Database(right).version()
            finally:
                rules.write_text(before)
                connection.execute("SELECT pg_reload_conf()")

    def test_no_rights(self, server: Server) -> None:
        url = server.database()
        name = f"u{os.urandom(4).hex()}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[arg-type]
        database = Database(url.replace("fsfax@", f"{name}@"))
        with pytest.raises(StoreError, match="permission denied"):
            count(database)
        database.close()

    def test_a_full_disk(self, server: Server) -> None:
        database = Database(server.database())
        full = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        match = pytest.raises(StoreFull, match=r"could not extend file.*make room")
        with match, database.write() as connection:
            connection.execute(text(full))
        database.close()

    @pytest.mark.parametrize("forwarded", [False, True])
    def test_lost_in_the_commit_itself(
        self, server: Server, tmp_path: Path, pdf: Path, forwarded: bool
    ) -> None:
        """Whether it was committed cannot be known then; the idempotency key settles it."""
        url = server.database()
        with Cut(server, tmp_path) as cut:
            store = JobStore(url.replace(str(server.folder), str(cut.folder)))
            fax = NewFax(to_number=next(NUMBERS), documents=[pdf], idempotency_key="once")
            store.database.version()
            cut.at_commit(forwarded=forwarded)
            with pytest.raises(StoreUnavailable):
                store.accept(fax)
            there = {job.id for job in JobStore(url).list().jobs}
            assert len(there) == (1 if forwarded else 0)
            job = store.accept(fax)
            assert there <= {job.id}
            assert [each.id for each in store.list().jobs] == [job.id]
            store.close()


class Cut:
    """A wire to a PostgreSQL server that can be cut right before or after the next COMMIT."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder / "cut"
        self.folder.mkdir()
        self._to = str(server.folder / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._forwarded: bool | None = None
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for end in self._ends:
            end.close()

    def at_commit(self, *, forwarded: bool) -> None:
        self._forwarded = forwarded

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._to)
                self._ends += [client, server]
                for pump in (self._up, self._down):
                    self._threads.append(threading.Thread(target=pump, args=(client, server)))
                    self._threads[-1].start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data and self._forwarded is not None:
                    forwarded, self._forwarded = self._forwarded, None
                    client.shutdown(socket.SHUT_RDWR)
                    if forwarded:
                        server.sendall(data)
                        server.shutdown(socket.SHUT_WR)
                        while server.recv(65536):  # until the server has done all of it
                            pass
                    server.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

    @staticmethod
    def _down(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


class TestKilledProcess:
    def test_in_the_middle_of_a_transaction(self, database_url: str) -> None:
        """Nothing of it stays, and no other transaction has to wait for it."""
        database = Database(database_url, wait=5.0)
        add_worker(database)
        process = subprocess.Popen(
            [sys.executable, "-c", BEGIN_AND_STAY, database_url], stdout=subprocess.PIPE
        )
        assert process.stdout
        assert process.stdout.read(1) == b"."
        process.send_signal(signal.SIGKILL)
        process.wait()
        begin = time.monotonic()
        with database.write() as connection:
            connection.execute(text("UPDATE workers SET name = name || '!'"))
            assert connection.execute(select(workers.c.name)).scalar() == "w!"
        assert time.monotonic() - begin < 5
        database.close()
