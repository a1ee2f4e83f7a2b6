"""Preparation of documents: real fetches from a real web server, real conversions, no calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import gevent
import pytest

from fsfax.db.database import Database
from fsfax.db.records import Job, NewFax
from fsfax.db.states import JobState
from fsfax.document import compare
from fsfax.egress.request import FetchRequest
from fsfax.engine.engine import Engine
from fsfax.errors import StoreUnavailable
from fsfax.jobs.claims import Preparation
from fsfax.jobs.prepare import Preparer
from fsfax.jobs.store import JobStore
from fsfax.settings import DocumentSettings, FetchSettings, Settings
from tests.document.samples import make_pdf, text_content
from tests.egress.web_server import Visit, WebServer, closed_port
from tests.job_fixtures import NUMBERS, Clock, Hand

DEADLINE = 30.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        nodes=(),
        spool=tmp_path / "spool",
        fetch=FetchSettings(allow_private=True),
        document=DocumentSettings(workers=1),
    )


@dataclass
class Setup:
    """A worker that makes documents ready, one after the other."""

    store: JobStore
    hand: Hand
    preparer: Preparer
    clock: Clock
    settings: Settings

    def accept(self, *documents: Path, url: str = "") -> Job:
        source = FetchRequest(url=url) if url else None
        return self.store.accept(
            NewFax(to_number=next(NUMBERS), documents=list(documents), source=source)
        )

    def claim(self) -> Preparation | None:
        return next(iter(self.hand.claims.claim_unprepared()), None)

    def prepare(self) -> bool:
        """Make what is due ready, as a worker does; False if nothing is."""
        preparation = self.claim()
        if preparation:
            with gevent.Timeout(DEADLINE):
                self.preparer.prepare(preparation)
        return preparation is not None

    @property
    def work(self) -> Path:
        return self.settings.spool / "work"

    def fax(self, job: Job, target: Path) -> Path:
        (document,) = [d for d in self.store.documents(job.id) if d.kind == "fax"]
        self.store.save(document, target)
        return target


@pytest.fixture
def setup(store: JobStore, database: Database, settings: Settings, clock: Clock) -> Iterator[Setup]:
    hand = Hand(database, settings, clock)
    with Engine(settings, hub="current") as engine:
        preparer = Preparer(
            engine, database, hand.settlement, settings, lambda function, *args: function(*args)
        )
        yield Setup(store, hand, preparer, clock, settings)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    file = tmp_path / "letter.pdf"
    file.write_bytes(make_pdf([text_content(5), text_content(9)]))
    return file


class TestFetched:
    def test_a_pdf_from_a_url(self, setup: Setup, web: WebServer, letter: Path) -> None:
        web.handler = lambda visit: visit.answer(body=letter.read_bytes())
        job = setup.accept(url=web.url("/letter"))
        assert setup.prepare()
        done = setup.store.get(job.id)
        assert (done.state, done.prepared, done.pages_total) == (JobState.PENDING, True, 2)
        documents = {each.kind: each for each in setup.store.documents(job.id)}
        assert documents["original"].media_type == "application/pdf"
        assert b"".join(setup.store.read(documents["original"])) == letter.read_bytes()
        assert documents["fax"].media_type == "image/tiff"
        assert [visit.path for visit in web.visits] == ["/letter"]
        assert list(setup.work.iterdir()) == []
        assert not setup.prepare()

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (404, b"<h1>Not Found</h1>", "could not retrieve file, HTTP response 404"),
            (403, b"", "could not retrieve file, HTTP response 403"),
        ],
    )
    def test_a_url_that_does_not_exist_fails_at_once(
        self, setup: Setup, web: WebServer, status: int, body: bytes, words: str
    ) -> None:
        web.handler = lambda visit: visit.answer(status, body)
        job = setup.accept(url=web.url())
        setup.prepare()
        done = setup.store.get(job.id)
        assert (done.state, done.attempts) == (JobState.FAILED, 0)
        assert done.result is not None
        assert done.result.error_message == words
        assert done.result.success is False
        assert len(web.visits) == 1
        assert setup.store.attempts(job.id) == ()

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://", "nonsense"])
    def test_an_invalid_url(self, setup: Setup, database: Database, url: str) -> None:
        """Also if the store accepted it: its preparation is not repeated for ever."""
        job = setup.accept(url="http://127.0.0.1/x")
        with database.write() as connection:
            connection.exec_driver_sql(f'UPDATE jobs SET source = \'{{"url": "{url}"}}\'')  # noqa: S608
        setup.prepare()
        done = setup.store.get(job.id)
        assert done.state is JobState.FAILED
        assert done.result is not None
        assert done.result.error_message

    def test_a_response_that_is_no_document(self, setup: Setup, web: WebServer) -> None:
        web.handler = lambda visit: visit.answer(body=bytes(range(256)) * 10)
        job = setup.accept(url=web.url())
        setup.prepare()
        assert setup.store.get(job.id).state is JobState.FAILED

    @pytest.mark.parametrize("trouble", ["503", "closed port"])
    def test_a_temporary_failure_is_tried_again_with_growing_delay(
        self, setup: Setup, web: WebServer, trouble: str
    ) -> None:
        web.handler = lambda visit: visit.answer(503)
        url = web.url() if trouble == "503" else f"http://127.0.0.1:{closed_port()}/"
        job = setup.accept(url=url)
        delays = []
        while setup.prepare():
            now = setup.store.get(job.id)
            if now.state.is_final:
                break
            assert (now.state, now.attempts) == (JobState.PENDING, 0)
            assert now.status_text
            assert now.due_at is not None
            delays.append((now.due_at - setup.clock.now).total_seconds())
            assert not setup.prepare(), "before its time"
            setup.clock.now = now.due_at
        assert delays == [10, 20, 40, 80, 160, 320, 640, 900, 900]
        done = setup.store.get(job.id)
        assert done.state is JobState.FAILED
        assert done.result is not None
        if trouble == "503":
            assert done.result.error_message == "could not retrieve file, HTTP response 503"
            assert len(web.visits) == 10
        assert setup.store.attempts(job.id) == ()

    def test_a_server_that_recovers(self, setup: Setup, web: WebServer, letter: Path) -> None:
        answers = iter([503, 429, 200])

        def answer(visit: Visit) -> None:
            visit.answer(next(answers), letter.read_bytes())

        web.handler = answer
        job = setup.accept(url=web.url())
        for _ in range(3):
            assert setup.prepare()
            setup.clock.move(1000)
        assert setup.store.get(job.id).prepared

    def test_a_crash_after_the_fetch_costs_no_second_one(
        self, setup: Setup, web: WebServer, letter: Path
    ) -> None:
        web.handler = lambda visit: visit.answer(body=letter.read_bytes())
        job = setup.accept(url=web.url())
        preparation = setup.claim()
        assert preparation
        # The worker fetched and stored, and died.
        setup.hand.settlement.fetched(preparation, letter, "application/pdf")
        setup.hand.leases.retire()
        successor = Hand(setup.store.database, setup.settings, setup.clock)
        setup.hand.claims = successor.claims
        taken = setup.claim()
        assert taken
        assert [each.media_type for each in taken.originals] == ["application/pdf"]
        engine = setup.preparer.engine
        Preparer(
            engine,
            setup.store.database,
            successor.settlement,
            setup.settings,
            lambda function, *args: function(*args),
        ).prepare(taken)
        assert setup.store.get(job.id).pages_total == 2
        assert web.visits == []

    def test_cancelled_while_it_is_fetched(
        self, setup: Setup, web: WebServer, letter: Path
    ) -> None:
        jobs: list[Job] = []

        def answer(visit: Visit) -> None:
            setup.store.cancel(jobs[0].id)
            visit.answer(body=letter.read_bytes())

        web.handler = answer
        jobs.append(setup.accept(url=web.url()))
        setup.prepare()
        assert setup.store.get(jobs[0].id).state is JobState.CANCELLED


class TestConverted:
    def test_several_are_joined_in_order(
        self, setup: Setup, letter: Path, fsfax_sample_tiff: Path, tmp_path: Path
    ) -> None:
        text = tmp_path / "cover.txt"
        text.write_text("To whom it may concern")
        together = setup.accept(text, fsfax_sample_tiff, letter)
        setup.prepare()
        assert setup.store.get(together.id).pages_total == 1 + 3 + 2
        whole = setup.fax(together, tmp_path / "whole.tif")
        # In another order it is another fax; of the same documents it is the same.
        other = setup.accept(letter, fsfax_sample_tiff, text)
        same = setup.accept(text, fsfax_sample_tiff, letter)
        setup.prepare()
        setup.prepare()
        assert not compare(whole, setup.fax(other, tmp_path / "other.tif")).identical
        assert compare(whole, setup.fax(same, tmp_path / "same.tif")).identical

    def test_one_bad_document_of_several(self, setup: Setup, letter: Path, tmp_path: Path) -> None:
        bad = tmp_path / "bad.pdf"
        bad.write_bytes(b"%PDF-1.7 nothing more")
        job = setup.accept(letter, bad)
        setup.prepare()
        done = setup.store.get(job.id)
        assert (done.state, done.attempts) == (JobState.FAILED, 0)
        assert list(setup.work.iterdir()) == []

    def test_a_conversion_that_crashes(self, setup: Setup, letter: Path, tmp_path: Path) -> None:
        """A document that breaks its process fails alone; the next one is converted."""
        # One page, drawn in one request that takes many seconds: a process that has it open works
        # on it. A killed process that only waits for the next request is replaced unnoticed.
        slow = tmp_path / "slow.pdf"
        slow.write_bytes(make_pdf(["3 w 0 0 m 595 842 l S 595 0 m 0 842 l S\n" * 40_000]))
        job = setup.accept(slow)
        running = gevent.spawn(setup.prepare)
        pool = setup.preparer.engine._converter.pool
        with gevent.Timeout(DEADLINE):
            while not any(has_open(pid, "original-0") for pid in pool.pids):
                gevent.sleep(0.005)
            for pid in pool.pids:
                os.kill(pid, signal.SIGSEGV)
            running.get()
        done = setup.store.get(job.id)
        assert done.state is JobState.FAILED
        assert done.result is not None
        assert "SIGSEGV" in done.result.error_message
        next_one = setup.accept(letter)
        setup.prepare()
        assert setup.store.get(next_one.id).prepared


class TestFolder:
    def test_a_folder_that_cannot_be_written(self, setup: Setup, letter: Path) -> None:
        """Not the document's fault: it waits until the folder is repaired."""
        setup.settings.spool.mkdir(exist_ok=True)
        setup.work.write_text("not a folder")
        job = setup.accept(letter)
        setup.prepare()
        waiting = setup.store.get(job.id)
        assert waiting.state is JobState.ATTACHING_FILES
        assert "work folder" in waiting.status_text
        assert "cannot be used" in waiting.status_text
        setup.work.unlink()
        assert not setup.prepare()
        setup.clock.move(10)
        setup.prepare()
        assert setup.store.get(job.id).prepared

    def test_a_full_disk(self, setup: Setup, small_disk: Path) -> None:
        """Neither the document nor the job is lost by it."""
        setup.work.parent.mkdir(exist_ok=True)
        setup.work.symlink_to(small_disk)
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(2 * 1024 * 1024 - 8192))
        large = setup.settings.spool / "large.txt"
        large.write_text("To whom it may concern\n" * 1000)
        job = setup.accept(large)
        for _ in range(12):
            assert setup.prepare()
            waiting = setup.store.get(job.id)
            assert waiting.state is JobState.ATTACHING_FILES
            assert "No space left on device" in waiting.status_text
            assert waiting.due_at
            assert waiting.due_at - setup.clock.now <= timedelta(minutes=15)
            setup.clock.now = waiting.due_at
        ballast.unlink()
        setup.prepare()
        assert setup.store.get(job.id).prepared

    def test_invalid_settings(self, setup: Setup, web: WebServer, letter: Path) -> None:
        web.handler = lambda visit: visit.answer(body=letter.read_bytes())
        fetching = FetchSettings(allow_private=True, ca_file=setup.settings.spool / "missing.pem")
        wrong = setup.settings.model_copy(update={"fetch": fetching})
        setup.preparer = replace(setup.preparer, settings=wrong)
        job = setup.accept(url=web.url().replace("http:", "https:"))
        setup.prepare()
        waiting = setup.store.get(job.id)
        assert (waiting.state, waiting.attempts) == (JobState.PENDING, 0)
        assert "ca_file" in waiting.status_text

    def test_the_database_is_away(
        self, setup: Setup, letter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was made is given up; the folder is not left behind."""
        job = setup.accept(letter)

        def away(*_: object) -> None:
            raise StoreUnavailable("away")

        monkeypatch.setattr(type(setup.hand.settlement), "prepared", away)
        with pytest.raises(StoreUnavailable):
            setup.prepare()
        assert list(setup.work.iterdir()) == []
        assert not setup.store.get(job.id).prepared


def has_open(pid: int, name: str) -> bool:
    try:
        links = [os.fspath(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.endswith(name) for link in links)
