"""Retention: which documents are removed, when, and at which cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from fsfax.accounts.accounts import Account
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.schema import chunks, deliveries, outbox
from fsfax.db.schema import faxboxes as faxbox_table
from fsfax.db.states import Direction, JobState
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.retention import Retention
from fsfax.jobs.store import JobStore
from fsfax.values.results import RxResult
from tests.job_fixtures import Clock, Hand
from tests.jobs.inbound_results import NUMBER, broken_off
from tests.jobs.results import DELIVERED

DAY = 86_400


class TestRetention:
    @pytest.fixture
    def box(self, boxes: Faxboxes, mine: Account) -> Faxbox:
        return boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER], "retention_days": 10})

    @staticmethod
    def has_documents(store: JobStore, job: Job) -> bool:
        (document, *_) = store.documents(job.id)
        return document.removed_at is None

    @pytest.mark.usefixtures("box")
    def test_after_the_retention(
        self,
        database: Database,
        store: JobStore,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        clock: Clock,
    ) -> None:
        old, other = incoming.store(fax()), incoming.store(fax("200"))
        clock.move(DAY)
        young = incoming.store(broken_off(fax()))
        clock.move(9 * DAY - 1)
        retention = Retention(database, clock=clock)
        assert retention.run() == 0
        clock.move(1)
        assert retention.run() == 1
        assert [self.has_documents(store, job) for job in (old, young, other)] == [
            False,
            True,
            True,
        ]
        record = store.get(old.id)
        assert (record.result, record.state) == (old.result, JobState.COMPLETED)
        assert store.list(direction=Direction.IN, with_pages=True).jobs
        with database.read() as connection:
            count = select(func.count(func.distinct(chunks.c.document_id)))
            assert connection.execute(count).scalar() == 2
        assert retention.run() == 0, "what is gone is not looked at again"
        clock.move(DAY)
        assert retention.run() == 1
        assert not self.has_documents(store, young)

    def test_outbound_faxes_and_unfinished_ones(
        self,
        database: Database,
        store: JobStore,
        box: Faxbox,
        ready: Callable[..., str],
        hand: Callable[[], Hand],
        clock: Clock,
        mine: Account,
    ) -> None:
        done = ready(faxbox_id=box.id, account_id=mine.id)
        waiting = ready(
            faxbox_id=box.id, account_id=mine.id, not_before=clock.now + timedelta(days=900)
        )
        worker = hand()
        from tests.job_fixtures import NODE_CAPACITY

        (claim,) = worker.claims.claim([NODE_CAPACITY], 5)
        assert claim.job.id == done
        clock.move(DAY * 30)
        retention = Retention(database, clock=clock)
        assert retention.run() == 0, "its call is up"
        worker.settlement.settle(claim, DELIVERED)
        assert retention.run() == 0
        clock.move(DAY * 400)
        assert retention.run() == 1
        assert {d.removed_at is None for d in store.documents(done)} == {False}
        assert {d.removed_at is None for d in store.documents(waiting)} == {True}

    def test_in_batches_and_earlier_after_a_change(
        self,
        database: Database,
        boxes: Faxboxes,
        box: Faxbox,
        store: JobStore,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        clock: Clock,
    ) -> None:
        jobs = [incoming.store(fax()) for _ in range(7)]
        clock.move(DAY * 3)
        retention = Retention(database, clock=clock, batch=3)
        assert list(retention.steps()) == []
        boxes.change(box.id, {"retention_days": 2})
        assert list(retention.steps()) == [3, 3, 1]
        assert not any(self.has_documents(store, job) for job in jobs)

    def test_without_a_valid_retention(
        self,
        database: Database,
        boxes: Faxboxes,
        box: Faxbox,
        store: JobStore,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        clock: Clock,
    ) -> None:
        job = incoming.store(fax())
        clock.move(DAY * 30)
        for nonsense in (0, -1, "10", True, None, 10**9, [3]):
            with database.write() as connection:
                connection.execute(
                    update(faxbox_table)
                    .where(faxbox_table.c.id == box.id)
                    .values(data={"retention_days": nonsense})
                )
            assert Retention(database, clock=clock).run() == 0
        assert self.has_documents(store, job)
        boxes.remove(box.id)
        assert Retention(database, clock=clock).run() == 0
        assert self.has_documents(store, job)

    @pytest.mark.usefixtures("box")
    def test_pages_of_pending_deliveries_stay(
        self,
        database: Database,
        store: JobStore,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        clock: Clock,
    ) -> None:
        job = incoming.store(fax())
        with database.write() as connection:
            (outbox_id,) = connection.execute(select(outbox.c.id)).scalars()
            connection.execute(
                deliveries.insert().values(
                    outbox_id=outbox_id,
                    job_id=job.id,
                    account_id=job.account_id,
                    kind="fax_in_completed",
                    channel="mail",
                    target="a@example.org",
                    data={},
                    message_id="m",
                    created_at=clock.now,
                    due_at=clock.now,
                )
            )
        clock.move(DAY * 30)
        retention = Retention(database, clock=clock)
        assert retention.run() == 0
        with database.write() as connection:
            connection.execute(update(deliveries).values(dead_at=clock.now))
        assert retention.run() == 1
        assert not self.has_documents(store, job)

    @pytest.mark.usefixtures("box")
    def test_a_file_that_is_found_late_has_the_whole_retention(
        self,
        database: Database,
        store: JobStore,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        clock: Clock,
    ) -> None:
        result = fax()
        incoming.store(replace(broken_off(result), file=None, pages_received=0))
        clock.move(DAY * 30)
        assert Retention(database, clock=clock).run() == 1
        job = incoming.store(result)
        assert job.state is JobState.COMPLETED
        clock.move(DAY * 9)
        assert Retention(database, clock=clock).run() == 0
        clock.move(DAY)
        assert Retention(database, clock=clock).run() == 1
        assert not self.has_documents(store, job)

    # PostgreSQL chooses by the statistics of the table, which is empty.
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_an_index_is_used(self, database: Database, clock: Clock) -> None:
        """The rows are found at the start of an index, however many faxes there are."""
        retention = Retention(database, clock=clock)
        seen: list[str] = []
        with database.write() as connection:
            plain = connection.exec_driver_sql
            connection.connection.driver_connection.set_trace_callback(seen.append)  # type: ignore[union-attr]
            retention._remove_batch(connection, "b", clock.now)
            connection.connection.driver_connection.set_trace_callback(None)  # type: ignore[union-attr]
            (query,) = [s for s in seen if s.startswith("SELECT jobs.id")]
            plan = plain(f"EXPLAIN QUERY PLAN {query}").all()
        steps = " ".join(row[-1] for row in plan)
        assert "USING INDEX ix_jobs_kept" in steps or "USING COVERING INDEX ix_jobs_kept" in steps
        assert "TEMP B-TREE" not in steps
        assert "SCAN" not in steps
