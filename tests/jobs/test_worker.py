"""The worker with everything real but the telephone network: database, documents, T.38 calls."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from fsfax.db.records import NewFax
from fsfax.db.schema import workers
from fsfax.db.states import AttemptState, Hold, JobState
from fsfax.errors import StoreOutdated
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import RetryRule, Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.jobs.waiting import SOON, over, quick, until

pytestmark = pytest.mark.spandsp


SOON_AGAIN = RetryRule(delay=0.1, factor=1.0, max_delay=0.1, jitter=0.0)


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

    def test_a_failed_mode_is_replaced_and_remembered(
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

    def test_leftover_files_of_killed_processes_are_removed(
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
