"""Documents in the database: in pieces, checked, whole or not at all, removed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from fsfax.db import documents
from fsfax.db.database import Database
from fsfax.db.documents import CHUNK
from fsfax.db.records import Document, NewFax
from fsfax.db.schema import chunks
from fsfax.errors import DocumentNotFound, JobNotFound, StoreError, StoreFull
from fsfax.jobs.store import JobStore
from fsfax.runtime.clock import utc_now
from tests.job_fixtures import NUMBERS

Keep = Callable[[bytes], Document]


@pytest.fixture
def keep(store: JobStore, pdf: Path, tmp_path: Path) -> Keep:
    """Store bytes as a document of a job; return its record."""
    job = store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))

    def keep(data: bytes) -> Document:
        file = tmp_path / "document"
        file.write_bytes(data)
        with store.database.write() as connection:
            id = documents.add(
                connection,
                job.id,
                file,
                kind="received",
                media_type="image/tiff",
                at=utc_now(),
                position=len(documents.of_job(connection, job.id)),
            )
        return next(each for each in store.documents(job.id) if each.id == id)

    return keep


class TestPieces:
    @pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
    def test_sizes_around_a_piece(self, database: Database, keep: Keep, size: int) -> None:
        data = (bytes(range(251)) * (size // 251 + 1))[:size]
        document = keep(data)
        assert (document.size, document.sha256) == (size, hashlib.sha256(data).hexdigest())
        pieces = list(documents.read(database, document))
        assert b"".join(pieces) == data
        assert max(map(len, pieces), default=0) <= CHUNK

    @settings(
        deadline=None,
        max_examples=15,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=st.binary(max_size=300))
    def test_read_returns_the_bytes_that_were_stored(
        self, database: Database, keep: Keep, data: bytes
    ) -> None:
        assert b"".join(documents.read(database, keep(data))) == data

    def test_a_copy_has_bytes_of_its_own(self, store: JobStore, keep: Keep, pdf: Path) -> None:
        old = keep(b"x" * (CHUNK + 5))
        other = store.accept(NewFax(to_number=next(NUMBERS), documents=[pdf]))
        with store.database.write() as connection:
            documents.copy(connection, old, other.id, utc_now())
            documents.remove(connection, old.job_id, utc_now())
        copies = [each for each in store.documents(other.id) if each.kind == "received"]
        assert [b"".join(store.read(copy)) for copy in copies] == [b"x" * (CHUNK + 5)]


class TestDamage:
    @pytest.mark.parametrize("where", [0, CHUNK, 2 * CHUNK + 10])
    def test_one_changed_byte_is_detected(self, database: Database, keep: Keep, where: int) -> None:
        document = keep(bytes(2 * CHUNK + 20))
        number, offset = divmod(where, CHUNK)
        with database.write() as connection:
            here = (chunks.c.document_id == document.id) & (chunks.c.number == number)
            data = bytearray(connection.execute(select(chunks.c.data).where(here)).scalar() or b"")
            data[offset] ^= 1
            connection.execute(update(chunks).where(here).values(data=bytes(data)))
        with pytest.raises(StoreError, match="damaged in the database"):
            list(documents.read(database, document))

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_missing_piece(self, database: Database, keep: Keep, number: int) -> None:
        document = keep(bytes(2 * CHUNK + 20))
        with database.write() as connection:
            connection.execute(
                delete(chunks).where(chunks.c.document_id == document.id, chunks.c.number == number)
            )
        with pytest.raises(JobNotFound if number == 0 else StoreError):
            list(documents.read(database, document))

    def test_damage_leaves_no_file(self, database: Database, keep: Keep, tmp_path: Path) -> None:
        document = replace(keep(b"x" * 1000), sha256="0" * 64)
        target = tmp_path / "out" / "copy"
        with pytest.raises(StoreError, match="damaged"):
            documents.save(database, document, target)
        assert list(target.parent.iterdir()) == []
        # What was there before stays.
        target.write_text("before")
        with pytest.raises(StoreError, match="damaged"):
            documents.save(database, document, target)
        assert [file.read_text() for file in target.parent.iterdir()] == ["before"]


class TestRemoved:
    def test_the_record_stays(self, database: Database, keep: Keep) -> None:
        document = keep(b"x" * (CHUNK + 1))
        assert remove(database, document) == 2  # the job's own, too
        assert remove(database, document) == 0
        with database.read() as connection:
            assert connection.execute(select(func.count()).select_from(chunks)).scalar() == 0
            records = documents.of_job(connection, document.job_id)
        assert [each.removed_at is not None for each in records] == [True, True]
        with pytest.raises(JobNotFound, match="was removed"):
            list(documents.read(database, document))

    def test_an_empty_document(self, database: Database, keep: Keep) -> None:
        assert list(documents.read(database, keep(b""))) == []

    def test_removed_while_it_is_read(self, database: Database, keep: Keep) -> None:
        """A reader that has half of it gets an error, not the half as if it were the whole."""
        document = keep(b"x" * (3 * CHUNK))
        reading = documents.read(database, document)
        next(reading)
        remove(database, document)
        with pytest.raises(StoreError):
            next(reading)

    def test_nothing_is_saved(self, database: Database, keep: Keep, tmp_path: Path) -> None:
        document = keep(b"x")
        remove(database, document)
        with pytest.raises(JobNotFound):
            documents.save(database, document, tmp_path / "out" / "copy")
        assert list((tmp_path / "out").iterdir()) == []


def remove(database: Database, document: Document) -> int:
    with database.write() as connection:
        return documents.remove(connection, document.job_id, utc_now())


class TestFiles:
    def test_a_file_that_cannot_be_read(self, store: JobStore, tmp_path: Path) -> None:
        with pytest.raises(DocumentNotFound, match=r"letter.pdf cannot be read: No such file"):
            store.accept(NewFax(to_number=next(NUMBERS), documents=[tmp_path / "letter.pdf"]))
        with pytest.raises(DocumentNotFound, match="Is a directory"):
            store.accept(NewFax(to_number=next(NUMBERS), documents=[tmp_path]))
        assert store.list().jobs == ()

    def test_a_target_that_cannot_be_written(
        self, database: Database, keep: Keep, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreFull, match="copy cannot be written"):
            documents.save(database, keep(b"x"), tmp_path / "file" / "copy")

    def test_a_full_disk(self, database: Database, keep: Keep, small_disk: Path) -> None:
        document = keep(os.urandom(4 * CHUNK))
        target = small_disk / "copy"
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(5 * CHUNK))
        with pytest.raises(StoreFull, match="cannot be written: No space left on device"):
            documents.save(database, document, target)
        assert list(small_disk.iterdir()) == [ballast]  # the half of it takes no space, either
        ballast.unlink()
        documents.save(database, document, target)
        assert hashlib.sha256(target.read_bytes()).hexdigest() == document.sha256


STREAM = """
import resource, sys
from pathlib import Path
from fsfax.db.records import NewFax
from fsfax.jobs.store import JobStore

def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

url, small, large, out = sys.argv[1:]
store = JobStore(url)

def once(file):
    job = store.accept(NewFax(to_number="+35315550100", documents=[file]))
    (document,) = store.documents(job.id)
    store.save(document, Path(out))
    return document.size

once(small)
before = peak()
assert once(large) == 60_000_000
print(peak() - before)
"""


def test_sixty_megabytes_are_never_in_memory(database_url: str, pdf: Path, tmp_path: Path) -> None:
    """In through `accept` and out through `save`, as the kernel saw the process's memory."""
    large, out = tmp_path / "large.pdf", tmp_path / "out.pdf"
    pattern = b"%PDF-1.7\n" + os.urandom(999_991)
    with large.open("wb") as stream:
        for _ in range(60):
            stream.write(pattern)
    done = subprocess.run(
        [sys.executable, "-c", STREAM, database_url, str(pdf), str(large), str(out)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 15_000_000
    assert out.stat().st_size == 60_000_000
    with out.open("rb") as stream:
        stream.seek(59_000_000)
        assert stream.read() == pattern
