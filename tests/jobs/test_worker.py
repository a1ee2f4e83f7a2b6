"""The worker with everything real but the telephone network: database, documents, T.38 calls."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select

from fsfax.accounts.accounts import Accounts
from fsfax.db.records import Job, NewFax
from fsfax.db.schema import outbox, workers
from fsfax.db.states import AttemptState, Direction, Hold, JobState
from fsfax.document import compare
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import Answered, Created
from fsfax.errors import StoreOutdated
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import JobsSettings, RetryRule, Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import RxResult, Status
from tests.jobs.conftest import Clock

pytestmark = pytest.mark.spandsp

SOON = 40.0
SOON_AGAIN = RetryRule(delay=0.1, factor=1.0, max_delay=0.1, jitter=0.0)


def until(condition: Callable[[], object], what: str, timeout: float = SOON) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.02)


@pytest.fixture
def live_store(database_url: str) -> Iterator[JobStore]:
    with JobStore(database_url) as store:
        yield store


@pytest.fixture
def options(database_url: str, fsfax_softswitch: LiveSoftswitch) -> Settings:
    return Settings(
        nodes=(fsfax_softswitch.node_settings(),),
        spool=fsfax_softswitch.root,
        database=SecretStr(database_url),
        jobs=JobsSettings(lease=5.0, poll=0.05),
    )


def quick(settings: Settings, **jobs: object) -> Settings:
    """The settings with other ones of the jobs."""
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update=jobs)})


def over(store: JobStore, job: Job) -> Job:
    until(lambda: store.get(job.id).state.is_final, f"{job.id} is over")
    return store.get(job.id)


class TestSending:
    def test_from_document_to_delivery(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        with Worker(options):
            job = live_store.accept(
                NewFax(to_number=fsfax_softswitch.number("fax"), documents=[fsfax_sample_tiff])
            )
            done = over(live_store, job)
        assert done.state is JobState.COMPLETED, done.result
        assert done.result is not None
        assert done.result.success is True
        assert done.result.pages_sent == done.pages_confirmed == 3
        assert done.result.t38_status == "negotiated"
        (call,) = fsfax_softswitch.calls
        assert call.pages == 3
        (attempt,) = live_store.attempts(job.id)
        assert (attempt.state, attempt.id) == (AttemptState.SUCCEEDED, call.uuid)
        kinds = [event.kind for event in live_store.events(job.id)]
        assert kinds.count("page_done") == 3
        assert {d.kind for d in live_store.documents(job.id)} == {"original", "fax"}
        # Nothing is left behind: no file in the spool, no mark in FreeSWITCH.
        assert not list((options.spool / "work").iterdir())
        assert not list((options.spool / "out").iterdir())
        assert "-ERR" in fsfax_softswitch.api("hash", f"select/fsfax/{attempt.id}")

    def test_many_at_once_to_few_numbers(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        numbers = [f"+3531{n}5550100" for n in range(3)]
        with Worker(options):
            jobs = [
                live_store.accept(NewFax(to_number=number, documents=[fsfax_sample_tiff]))
                for number in numbers * 3
            ]
            assert [over(live_store, job).state for job in jobs] == [JobState.COMPLETED] * 9
        calls = sorted(fsfax_softswitch.calls, key=lambda call: call.created)
        assert len(calls) == 9
        for number in numbers:
            mine = [call for call in calls if call.number == number]
            for one, two in itertools.pairwise(mine):
                assert one.ended is not None
                assert one.ended <= two.created, "two calls to a number at once"


class TestTrouble:
    def test_busy_is_tried_again_and_then_given_up(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        table = {**options.jobs.retry, "busy": SOON_AGAIN}
        with Worker(quick(options, retry=table)):
            job = live_store.accept(
                NewFax(
                    to_number=fsfax_softswitch.number("busy"),
                    documents=[fsfax_sample_tiff],
                    retries=2,
                )
            )
            done = over(live_store, job)
        assert (done.state, done.attempts) == (JobState.FAILED, 3)
        assert len(fsfax_softswitch.calls) == 3
        assert done.result is not None
        assert done.result.outcome == "busy"

    def test_goes_on_at_the_page_where_the_line_broke(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        table = {**options.jobs.retry, "line_trouble": SOON_AGAIN}
        with Worker(quick(options, retry=table)):
            job = live_store.accept(
                NewFax(
                    to_number=fsfax_softswitch.number("drop_in_page_2"),
                    documents=[fsfax_sample_tiff],
                    retries=1,
                )
            )
            done = over(live_store, job)
        first, second = live_store.attempts(job.id)
        assert first.plan.first_page == 1
        assert second.plan.first_page == 2  # page 1 was confirmed
        # The far end drops the second page of each call: one more page came through.
        assert done.state is JobState.FAILED
        assert (done.pages_confirmed, done.attempts) == (2, 2)
        assert done.result is not None
        assert [page.number for page in done.result.pages] == [1, 2]

    def test_the_next_call_is_made_in_another_way_and_that_is_remembered(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        """A line that loses T.38 packets: the ladder leads to audio, the next fax begins there."""
        table = {**options.jobs.retry, "line_trouble": SOON_AGAIN, "not_a_fax": SOON_AGAIN}
        with Worker(quick(options, retry=table)):
            new = NewFax(
                to_number=fsfax_softswitch.number("heavy_loss"),
                documents=[fsfax_sample_tiff],
                retries=4,
            )
            done = over(live_store, live_store.accept(new))
            again = over(live_store, live_store.accept(new))
        tries = live_store.attempts(done.id)
        assert tries[0].plan.mode.t38 == "on"
        assert tries[-1].plan.mode.t38 == "off", [attempt.plan for attempt in tries]
        assert done.state is JobState.COMPLETED
        assert all(attempt.why for attempt in tries)
        first = live_store.attempts(again.id)[0]
        assert first.plan.mode.t38 == "off", first.why
        history = live_store.destination(new.to_number)
        assert history.delivered == 2
        assert history.ever_fax

    def test_a_live_call_is_cancelled(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        with Worker(options):
            job = live_store.accept(
                NewFax(
                    to_number=fsfax_softswitch.number("stall_in_page_2"),
                    documents=[fsfax_sample_tiff],
                )
            )
            until(lambda: live_store.get(job.id).pages_confirmed == 1, "page 1")
            live_store.cancel(job.id)
            done = over(live_store, job)
        assert (done.state, done.pages_confirmed) == (JobState.CANCELLED, 1)
        (call,) = fsfax_softswitch.calls
        assert call.ended is not None

    def test_freeswitch_restarts_in_the_middle_of_a_call(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        with Worker(options):
            job = live_store.accept(
                NewFax(
                    to_number=fsfax_softswitch.number("stall_in_page_2"),
                    documents=[fsfax_sample_tiff],
                    retries=4,
                )
            )
            until(lambda: live_store.get(job.id).pages_confirmed == 1, "page 1")
            fsfax_softswitch.restart()
            until(lambda: live_store.get(job.id).hold, "the job is held")
        held = live_store.get(job.id)
        assert (held.state, held.hold) == (JobState.PENDING, Hold.UNCERTAIN)
        assert held.pages_confirmed == 1
        assert len(fsfax_softswitch.calls) <= 1, "it was dialled again without being asked"
        (attempt,) = live_store.attempts(job.id)
        assert attempt.state is AttemptState.UNCERTAIN

    def test_the_event_socket_is_cut_in_the_middle_of_a_call(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch_factory: SoftswitchFactory,
        fsfax_sample_tiff: Path,
    ) -> None:
        switch = fsfax_softswitch_factory(speed=20)
        there = {"nodes": (switch.node_settings(),), "spool": switch.root}
        with Worker(options.model_copy(update=there)):
            job = live_store.accept(
                NewFax(to_number=switch.number("fax"), documents=[fsfax_sample_tiff])
            )
            until(lambda: live_store.get(job.id).pages_confirmed >= 1, "page 1")
            switch.drop_connections()
            done = over(live_store, job)
        assert (done.state, done.pages_confirmed) == (JobState.COMPLETED, 3)
        assert len(switch.calls) == 1

    def test_a_document_that_cannot_be_faxed(
        self, options: Settings, live_store: JobStore, tmp_path: Path
    ) -> None:
        bad = tmp_path / "bad.pdf"
        bad.write_bytes(b"%PDF-1.7 nothing more")
        with Worker(options):
            job = live_store.accept(NewFax(to_number="+35315550100", documents=[bad]))
            done = over(live_store, job)
        assert done.state is JobState.FAILED
        assert done.result is not None
        assert done.result.error_message
        assert live_store.attempts(job.id) == ()

    def test_several_documents_make_one_fax(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
        tmp_path: Path,
    ) -> None:
        text = tmp_path / "cover.txt"
        text.write_text("To whom it may concern")
        with Worker(options):
            job = live_store.accept(
                NewFax(
                    to_number=fsfax_softswitch.number("fax"), documents=[text, fsfax_sample_tiff]
                )
            )
            done = over(live_store, job)
        assert (done.state, done.pages_total) == (JobState.COMPLETED, 4)
        (call,) = fsfax_softswitch.calls
        assert call.pages == 4


class TestWorkers:
    def test_tables_of_another_version_are_refused(self, options: Settings, tmp_path: Path) -> None:
        empty = f"sqlite:///{tmp_path}/empty.db"
        settings = options.model_copy(update={"database": SecretStr(empty)})
        with pytest.raises(StoreOutdated, match="fsfax db upgrade"):
            Worker(settings)

    def test_a_stopped_worker_hands_its_call_over(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch_factory: SoftswitchFactory,
        fsfax_sample_tiff: Path,
    ) -> None:
        switch = fsfax_softswitch_factory(speed=10)
        there = {"nodes": (switch.node_settings(),), "spool": switch.root}
        settings = options.model_copy(update=there)
        with Worker(settings) as first:
            job = live_store.accept(
                NewFax(to_number=switch.number("fax"), documents=[fsfax_sample_tiff])
            )
            until(lambda: live_store.get(job.id).pages_confirmed >= 1, "page 1")
            first.stop(drain=0.0)
            assert live_store.get(job.id).state is JobState.PROCESSING
            with Worker(settings):
                done = over(live_store, job)
        assert (done.state, done.pages_confirmed) == (JobState.COMPLETED, 3)
        assert len(switch.calls) == 1
        assert len(live_store.attempts(job.id)) == 1

    def test_a_worker_drains_before_it_stops(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch_factory: SoftswitchFactory,
        fsfax_sample_tiff: Path,
    ) -> None:
        switch = fsfax_softswitch_factory(speed=20)
        there = {"nodes": (switch.node_settings(),), "spool": switch.root}
        with Worker(options.model_copy(update=there)) as worker:
            job = live_store.accept(
                NewFax(to_number=switch.number("fax"), documents=[fsfax_sample_tiff])
            )
            until(lambda: live_store.get(job.id).pages_confirmed >= 1, "page 1")
            waiting = live_store.accept(
                NewFax(to_number=switch.number("fax"), documents=[fsfax_sample_tiff])
            )
            worker.stop(drain=SOON)
        assert live_store.get(job.id).state is JobState.COMPLETED
        assert not live_store.get(waiting.id).state.is_final
        assert len(switch.calls) == 1

    def test_two_workers_share_the_work(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        with Worker(options), Worker(options):
            jobs = [
                live_store.accept(
                    NewFax(to_number=f"+3531{n}5550100", documents=[fsfax_sample_tiff])
                )
                for n in range(6)
            ]
            assert [over(live_store, job).state for job in jobs] == [JobState.COMPLETED] * 6
        assert len(fsfax_softswitch.calls) == 6

    def test_a_worker_that_was_replaced_begins_anew(
        self,
        options: Settings,
        live_store: JobStore,
        fsfax_softswitch_factory: SoftswitchFactory,
        fsfax_sample_tiff: Path,
    ) -> None:
        switch = fsfax_softswitch_factory(speed=10)
        there = {"nodes": (switch.node_settings(),), "spool": switch.root}
        settings = quick(options.model_copy(update=there), lease=1.5)
        with Worker(settings):
            job = live_store.accept(
                NewFax(to_number=switch.number("fax"), documents=[fsfax_sample_tiff])
            )
            until(lambda: live_store.get(job.id).pages_confirmed >= 1, "page 1")
            with live_store.database.write() as connection:
                connection.execute(delete(workers))
            done = over(live_store, job)
        assert (done.state, done.pages_confirmed) == (JobState.COMPLETED, 3)
        assert len(switch.calls) == 1

    def test_waste_of_killed_processes_is_removed(
        self, options: Settings, live_store: JobStore
    ) -> None:
        long_ago = time.time() - 10_000
        folder = options.spool / "work"
        (folder / "job.1").mkdir(parents=True)
        (folder / "job.1" / "original-0").write_text("x")
        (folder / "attempt.tif").write_text("x")
        fresh = folder / "fresh.tif"
        fresh.write_text("x")
        for path in (folder / "job.1", folder / "attempt.tif"):
            os.utime(path, (long_ago, long_ago))
        with Worker(options):
            until(lambda: list(folder.iterdir()) == [fresh], "the waste is gone")


class TestReceiving:
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
            news = connection.execute(select(outbox.c.account_id, outbox.c.kind)).all()
        assert [tuple(each) for each in news] == [(ward.id, "fax_in_completed")]

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
            call_id="11111111-2222-3333-4444-555555555555",
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
            file=inbox.store_tiff("11111111-2222-3333-4444-555555555555", fsfax_sample_tiff),
        )
        inbox.store_record(received)
        # Once more, as if the crash had come between the database and the removal.
        incoming = InboundFaxes(live_store.database)
        incoming.store(received)
        with Worker(options):
            until(lambda: not inbox.pending(), "the inbox is documents_expired")
        (job,) = live_store.list().jobs
        assert job.state is JobState.COMPLETED
        assert len(live_store.documents(job.id)) == 1

    def test_a_fax_that_broke_off_is_kept_as_what_it_is(
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

    def test_an_end_that_was_missed(
        self, options: Settings, live_store: JobStore, clock: Clock
    ) -> None:
        """Given up after a while; a file that turns up later still counts."""
        incoming = InboundFaxes(live_store.database)
        incoming.observe(
            "lost", Created(at=1.0, inbound=True, from_number="+1", from_name="", to_number="+2")
        )
        (job,) = incoming.unfinished()
        incoming.mark_lost("lost")
        assert live_store.get(job.id).state is JobState.FAILED
        incoming.observe("lost", Answered(at=2.0))
        assert live_store.get(job.id).state is JobState.FAILED
