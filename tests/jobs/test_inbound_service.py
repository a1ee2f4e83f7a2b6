"""Inbound faxes from the spool to the database: alone, and in a worker on a softswitch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from sqlalchemy import select

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.schema import outbox
from fsfax.db.states import Direction, JobState
from fsfax.document import compare
from fsfax.engine.engine import Engine
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import Created
from fsfax.errors import StoreUnavailable
from fsfax.jobs import inbound_service as module
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.inbound_service import InboundService
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.runtime import service as service_module
from fsfax.settings import JobsSettings, Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import FaxResult, RxResult, Status
from tests.jobs.waiting import SOON, over, until

pytestmark = pytest.mark.spandsp

CALL = "11111111-2222-3333-4444-555555555555"


class Inbox:
    """A service in the hub of the test, with its store and its spool.

    before: called before each use of the database; it may raise in place of the database.
    """

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self.settings = settings
        self.store = store
        self.faxes = InboundFaxes(store.database)
        self.spool = InboundSpool(settings.spool / "received")
        self.results: list[FaxResult] = []
        self.before: Callable[..., None] = lambda _, *__: None

    @contextmanager
    def running(self) -> Iterator[InboundService]:
        with Engine(self.settings, hub="current") as engine:
            service = InboundService(
                engine,
                self.faxes,
                self.settings,
                in_thread=self._in_thread,
                on_result=self.results.append,
            )
            if self.settings.nodes:
                engine.wait_up()
            yield service
            service.close()

    def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.before(function, *arguments)
        return function(*arguments)


def wait_in_hub(condition: Callable[[], object]) -> None:
    with gevent.Timeout(SOON):
        while not condition():
            gevent.sleep(0.005)


@pytest.fixture
def inbox_store(sqlite_template: Path, tmp_path: Path) -> Iterator[JobStore]:
    shutil.copy(sqlite_template, tmp_path / "inbox.db")
    with JobStore(f"sqlite:///{tmp_path}/inbox.db") as store:
        yield store


class TestSpool:
    @pytest.fixture
    def inbox(
        self, inbox_store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Inbox:
        monkeypatch.setattr(service_module, "_FIRST_PAUSE", 0.001)
        return Inbox(Settings(nodes=(), spool=tmp_path / "spool"), inbox_store)

    def put(self, inbox: Inbox, fax: Callable[..., RxResult], number: int) -> RxResult:
        """Put a received fax into the spool, as the engine does."""
        call_id = f"{number:08}{CALL[8:]}"
        result = fax(call_id=call_id)
        assert result.file
        result = fax(call_id=call_id, file=inbox.spool.store_tiff(call_id, Path(result.file)))
        inbox.spool.store_record(result)
        return result

    def test_files_are_removed_once_they_are_stored(
        self, inbox: Inbox, fax: Callable[..., RxResult]
    ) -> None:
        first, second = (self.put(inbox, fax, number) for number in (1, 2))
        with inbox.running():
            wait_in_hub(lambda: len(inbox.results) == 2)
        assert {result.call_id for result in inbox.results} == {first.call_id, second.call_id}
        assert list(inbox.spool.folder.iterdir()) == []
        jobs = inbox.store.list(direction=Direction.IN).jobs
        assert [(job.state, job.pages_confirmed) for job in jobs] == [(JobState.COMPLETED, 3)] * 2
        assert [len(inbox.store.documents(job.id)) for job in jobs] == [1, 1]

    def test_a_fax_is_stored_once_the_database_is_back(
        self, inbox: Inbox, fax: Callable[..., RxResult]
    ) -> None:
        self.put(inbox, fax, 1)
        refused: list[int] = []

        def before(function: Callable[..., Any], *_: Any) -> None:
            if function == inbox.faxes.store and len(refused) < 3:
                refused.append(len(list(inbox.spool.folder.iterdir())))
                raise StoreUnavailable("no database")

        inbox.before = before
        with inbox.running():
            wait_in_hub(lambda: inbox.results)
        assert refused == [2, 2, 2], "record and TIFF stay in the spool until then"
        assert len(inbox.store.list().jobs) == 1

    def test_a_fax_that_cannot_be_stored_stays_in_the_spool(
        self, inbox: Inbox, fax: Callable[..., RxResult], caplog: pytest.LogCaptureFixture
    ) -> None:
        bad, good = self.put(inbox, fax, 1), self.put(inbox, fax, 2)
        record = inbox.spool.folder / f"{bad.call_id}.json"
        record.write_text("{")
        with inbox.running():
            wait_in_hub(lambda: inbox.results)
            wait_in_hub(lambda: "fax_not_storable" in caplog.text)
        assert inbox.spool.pending() == [bad.call_id]
        assert (inbox.spool.folder / f"{bad.call_id}.tif").is_file()
        assert [job.call_id for job in inbox.store.list().jobs] == [good.call_id]


class TestCalls:
    @pytest.fixture
    def switch(self, fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path) -> LiveSoftswitch:
        return fsfax_softswitch_factory(speed=100, root=tmp_path / "switch")

    @pytest.fixture
    def inbox(
        self, inbox_store: JobStore, switch: LiveSoftswitch, monkeypatch: pytest.MonkeyPatch
    ) -> Inbox:
        monkeypatch.setattr(module, "_LOST_CHECK_INTERVAL", 0.0)
        nodes = (switch.node_settings(),)
        jobs = JobsSettings(uncertain_after=0.01)
        return Inbox(Settings(nodes=nodes, spool=switch.root, jobs=jobs), inbox_store)

    def test_a_fax_is_received_while_the_database_is_away(
        self,
        inbox: Inbox,
        switch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Every caller is accepted then; neither lists nor progress can be read or stored."""
        number = switch.number("takeover")
        account = Accounts(inbox.store.database).create("mine").id
        fields = {"name": "Ward", "numbers": [number], "callers": {"block": ["*"]}}
        box = Faxboxes(inbox.store.database).create(account, fields)

        def before(function: Callable[..., Any], *_: Any) -> None:
            if function != inbox.faxes.store:
                raise StoreUnavailable("no database")

        inbox.before = before
        with inbox.running():
            switch.call_in(number, fsfax_sample_tiff)
            wait_in_hub(lambda: inbox.results)
        assert "caller_lists_not_read" in caplog.text
        assert "observation_not_stored" in caplog.text
        (job,) = inbox.store.list().jobs
        assert (job.state, job.pages_confirmed) == (JobState.COMPLETED, 3)
        assert job.faxbox_id == box.id

    def test_a_call_that_is_gone_without_a_file_is_lost(
        self, inbox: Inbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        created = Created(at=1.0, inbound=True, from_number="+1", from_name="", to_number="2")
        inbox.faxes.observe(CALL, created)
        with inbox.running() as service:
            service.mark_lost_faxes()
            (job,) = inbox.store.list().jobs
            assert job.state is JobState.PROCESSING, "its file may still be found"
            gevent.sleep(0.02)
            service.mark_lost_faxes()
        (job,) = inbox.store.list().jobs
        assert job.state is JobState.FAILED
        assert job.result is not None
        assert job.result.outcome is Outcome.UNKNOWN

    def test_a_call_that_is_up_is_not_lost(
        self, inbox: Inbox, switch: LiveSoftswitch, fsfax_sample_tiff: Path
    ) -> None:
        with inbox.running() as service:
            switch.call_in("5550100", fsfax_sample_tiff)
            wait_in_hub(lambda: any(job.pages_confirmed == 0 for job in inbox.store.list().jobs))
            for _ in range(2):
                service.mark_lost_faxes()
                gevent.sleep(0.02)
            service.mark_lost_faxes()
            assert [job.state for job in inbox.store.list().jobs] == [JobState.PROCESSING]
            wait_in_hub(lambda: inbox.results)
        assert [job.state for job in inbox.store.list().jobs] == [JobState.COMPLETED]


class TestWorker:
    def test_a_fax_comes_into_the_inbox_of_its_account(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch_factory: SoftswitchFactory,
        fsfax_sample_tiff: Path,
    ) -> None:
        ward = Accounts(live_store.database).create("ward", numbers=["5550100"])
        switch = fsfax_softswitch_factory(speed=30)
        there = {"nodes": (switch.node_settings(),), "spool": switch.root}
        options = options.model_copy(update=there)
        with Worker(options) as worker:
            worker.engine.wait_up()
            call = switch.call_in(
                "5550100", fsfax_sample_tiff, caller_number="+15550199", caller_name="Dr. <b>"
            )
            until(lambda: live_store.list(direction=Direction.IN).jobs, "the fax is seen")
            (job,) = live_store.list(direction=Direction.IN).jobs
            done = over(live_store, job)
        assert (done.state, done.account_id) == (JobState.COMPLETED, ward.id)
        assert (done.from_number, done.to_number) == ("+15550199", "5550100")
        assert (done.call_id, done.pages_confirmed) == (call.called_uuid, 3)
        assert done.result is not None
        assert done.result.success is True
        (document,) = live_store.documents(job.id)
        assert (document.kind, document.pages) == ("received", 3)
        # What arrived is what was sent, pel for pel, and it is in one place alone.
        received = options.spool / "copy.tif"
        live_store.save(document, received)
        assert compare(fsfax_sample_tiff, received).identical
        assert not list((options.spool / "received").iterdir())
        kinds = [event.kind for event in live_store.events(job.id)]
        assert kinds.count("page_done") == 3
        with live_store.database.read() as connection:
            found = connection.execute(select(outbox.c.account_id, outbox.c.kind)).all()
        assert [tuple(each) for each in found] == [(ward.id, "fax_in_completed")]

    def test_a_fax_that_came_while_no_worker_was_connected(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        ward = Accounts(live_store.database).create("ward", numbers=["+1 555 0100"])
        fsfax_softswitch.call_in("0015550100", fsfax_sample_tiff, caller_number="+15550143")
        fsfax_softswitch.wait_idle()
        with Worker(options):
            until(lambda: live_store.list(direction=Direction.IN).jobs, "the fax is found")
            (job,) = live_store.list(direction=Direction.IN).jobs
            done = over(live_store, job)
        assert done.pages_confirmed == 3
        assert len(live_store.documents(job.id)) == 1
        # FreeSWITCH recorded who called whom.
        assert (done.account_id, done.from_number) == (ward.id, "+15550143")

    def test_a_fax_that_was_stored_but_not_reported_before_a_crash(
        self, options: Settings, live_store: JobStore, fsfax_sample_tiff: Path
    ) -> None:
        inbox = InboundSpool(options.spool / "received")
        received = RxResult(
            call_id=CALL,
            success=True,
            status=Status.SUCCEEDED,
            outcome=Outcome.DELIVERED,
            error_message="",
            retry=False,
            doubt=Doubt.NONE,
            result_code=0,
            result_text="OK",
            result_cause="",
            pages_received=3,
            pages_total=3,
            from_number="+1",
            to_number="+2",
            file=inbox.store_tiff(CALL, fsfax_sample_tiff),
        )
        inbox.store_record(received)
        # Once more, as if the crash had come between the database and the removal.
        incoming = InboundFaxes(live_store.database)
        incoming.store(received)
        with Worker(options):
            until(lambda: not inbox.pending(), "the spool is empty")
        (job,) = live_store.list().jobs
        assert job.state is JobState.COMPLETED
        assert len(live_store.documents(job.id)) == 1

    def test_a_fax_that_broke_off_is_stored_as_failed(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        with Worker(options):
            fsfax_softswitch.call_in(fsfax_softswitch.number("drop_in_page_2"), fsfax_sample_tiff)
            until(lambda: live_store.list(direction=Direction.IN).jobs, "the fax is seen")
            (job,) = live_store.list(direction=Direction.IN).jobs
            done = over(live_store, job)
        assert (done.state, done.pages_confirmed) == (JobState.FAILED, 1)
        assert [d.pages for d in live_store.documents(job.id)] == [1]
