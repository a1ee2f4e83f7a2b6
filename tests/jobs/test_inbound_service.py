"""Inbound faxes from the spool to the database, through a worker on a softswitch."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from fsfax.accounts.accounts import Accounts
from fsfax.db.schema import outbox
from fsfax.db.states import Direction, JobState
from fsfax.document import compare
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import RxResult, Status
from tests.jobs.waiting import over, until

pytestmark = pytest.mark.spandsp


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
