"""Databases that are missing, damaged, full or stopped, and processes that are killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import select, text

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import workers
from fsfax.errors import JobNotFound, StoreError, StoreFull, StoreUnavailable
from fsfax.jobs.store import JobStore
from fsfax.runtime.clock import utc_now
from tests.db.worker_rows import add_rows, add_worker, count
from tests.disk import fill
from tests.job_fixtures import NUMBERS
from tests.postgresql import Server

SECRET = "s3cr3t"


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


class TestSqliteTrouble:
    def test_a_directory_in_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        with pytest.raises(StoreUnavailable, match=r"d cannot be used.*may this user write"):
            Database(f"sqlite:///{tmp_path}/d").upgrade()

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            Database(f"sqlite:///{tmp_path}/d/fsfax.db").version()

    def test_a_file_that_is_not_a_database(self, tmp_path: Path) -> None:
        file = tmp_path / "letter.db"
        file.write_bytes(b"%PDF-1.7 " * 1000)
        database = Database(f"sqlite:///{file}")
        for call in (database.version, database.upgrade, database.require_current):
            with pytest.raises(StoreError, match="not a database"):
                call()
        assert file.read_bytes() == b"%PDF-1.7 " * 1000

    def test_a_damaged_file(self, sqlite_template: Path, tmp_path: Path) -> None:
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

    def test_a_full_file_system(self, sqlite_template: Path, small_disk: Path) -> None:
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

    def test_a_read_only_file_system(self, sqlite_template: Path, small_disk: Path) -> None:
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

    def test_an_error_of_fsfax_on_a_dead_connection(self, server: Server) -> None:
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
    def test_a_process_killed_in_a_transaction(self, database_url: str) -> None:
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
