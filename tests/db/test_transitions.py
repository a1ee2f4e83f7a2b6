"""State changes and what is written with them: events, notifications, blocked numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select, update

from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import accounts, jobs, outbox
from fsfax.db.states import INBOUND, OUTBOUND, Direction, Hold, JobState
from fsfax.db.transitions import NOTIFICATIONS
from fsfax.errors import IllegalMove, JobNotFound, LeaseLost
from fsfax.jobs.store import JobStore
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import DELIVERED


@pytest.mark.parametrize(
    ("direction", "table"), [(Direction.OUT, OUTBOUND), (Direction.IN, INBOUND)]
)
def test_every_end_has_a_kind_of_notification(
    direction: Direction, table: Mapping[JobState, frozenset[JobState]]
) -> None:
    ends = {state for states in table.values() for state in states if state.is_final}
    for state in ends:
        kind = NOTIFICATIONS[direction, state]
        assert kind == f"fax_{direction}_{state}"
        assert kind.is_inbound == (direction is Direction.IN)
    assert {state for way, state in NOTIFICATIONS if way is direction} == ends


class TestNotifications:
    def test_every_end_enqueues_a_notification(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        sent, cancelled, worker = ready(), ready(), hand()
        store.cancel(cancelled)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.settlement.settle(claim, DELIVERED)
        with store.database.read() as connection:
            rows = connection.execute(select(outbox.c.job_id, outbox.c.kind)).all()
        assert {tuple(row) for row in rows} == {
            (cancelled, "fax_out_cancelled"),
            (sent, "fax_out_completed"),
        }


Ready = Callable[..., str]
Hands = Callable[[], Hand]
NUMBER = "+35315550100"


def row_of(connection: Connection, job_id: str) -> Row[Any]:
    return connection.execute(select(jobs).where(jobs.c.id == job_id)).one()


def kinds(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(outbox.c.kind).order_by(outbox.c.id)).scalars())


class TestTransition:
    def test_writes_state_revision_event_and_notification(
        self, store: JobStore, ready: Ready, clock: Clock
    ) -> None:
        before = store.get(ready())
        clock.move(5)
        with store.database.write() as connection:
            row = row_of(connection, before.id)
            transitions.transition(
                connection, row, JobState.FAILED, clock.now, why="no line", pages_total=7
            )
        job = store.get(before.id)
        assert (job.state, job.pages_total) == (JobState.FAILED, 7)
        assert job.revision == before.revision + 1
        assert job.modified_at == job.finished_at == clock.now
        last = store.events(job.id)[-1]
        assert (last.kind, last.data) == ("state", {"state": "failed", "why": "no line"})
        assert kinds(store.database) == ["fax_out_failed"]

    def test_without_a_notification(self, store: JobStore, ready: Ready, clock: Clock) -> None:
        id = ready()
        with store.database.write() as connection:
            row = row_of(connection, id)
            transitions.transition(connection, row, JobState.CANCELLED, clock.now, notify=False)
        assert store.get(id).state is JobState.CANCELLED
        assert kinds(store.database) == []

    def test_an_illegal_move_writes_nothing(
        self, store: JobStore, ready: Ready, clock: Clock
    ) -> None:
        before = store.get(ready())
        with store.database.write() as connection:
            row = row_of(connection, before.id)
            with pytest.raises(IllegalMove, match="pending cannot become completed"):
                transitions.transition(connection, row, JobState.COMPLETED, clock.now)
        assert store.get(before.id) == before
        assert kinds(store.database) == []

    def test_a_finished_job_has_neither_worker_nor_hold(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id = ready()
        hand().claims.claim([NODE_CAPACITY])
        with store.database.write() as connection:
            transitions.update_job(connection, id, clock.now, hold=Hold.UNCERTAIN, status_text="x")
            row = row_of(connection, id)
            transitions.transition(connection, row, JobState.FAILED, clock.now)
            row = row_of(connection, id)
        assert (row.worker_id, row.hold, row.blocked, row.status_text) == (None, "", False, "")


class TestRows:
    def test_a_job_that_does_not_exist(self, database: Database) -> None:
        with database.write() as connection, pytest.raises(JobNotFound, match="no job x"):
            transitions.locked_row(connection, "x")

    def test_the_row_of_a_job_is_returned_to_its_owner_alone(
        self, store: JobStore, ready: Ready, hand: Hands
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        owner, token = claim.worker_id, claim.token
        with store.database.write() as connection:
            assert transitions.locked_row(connection, id).id == id
            assert transitions.fenced_row(connection, id, owner, token).id == id
            for wrong in ((id, "f" * 32, token), (id, owner, token - 1), ("x", owner, token)):
                with pytest.raises(LeaseLost, match="does not belong to this worker"):
                    transitions.fenced_row(connection, *wrong)

    def test_a_worker_that_was_replaced(self, database: Database, hand: Hands) -> None:
        worker = hand()
        with database.write() as connection:
            transitions.require_current_worker(connection, worker.leases.worker_id)
        worker.leases.retire()
        with database.write() as connection, pytest.raises(LeaseLost, match="was replaced"):
            transitions.require_current_worker(connection, worker.leases.worker_id)

    def test_the_default_account_is_made_once(self, database: Database, clock: Clock) -> None:
        for _ in range(2):
            with database.write() as connection:
                transitions.ensure_default_account(connection, clock.now)
        with database.read() as connection:
            ids = connection.execute(select(accounts.c.id)).scalars().all()
        assert ids == [transitions.DEFAULT_ACCOUNT]


def blocked(connection: Connection) -> set[str]:
    return set(connection.execute(select(jobs.c.id).where(jobs.c.blocked)).scalars())


class TestNumbers:
    def test_due_jobs_to_a_number_are_blocked(
        self, store: JobStore, ready: Ready, clock: Clock
    ) -> None:
        same = {ready(NUMBER), ready(NUMBER)}
        ready("+35315550200")
        ready(NUMBER, not_before=clock.now + timedelta(hours=1))
        with store.database.write() as connection:
            transitions.block_number(connection, NUMBER, clock.now)
            assert blocked(connection) == same

    def test_the_first_by_priority_and_time_is_unblocked(
        self, store: JobStore, ready: Ready, clock: Clock
    ) -> None:
        last = ready(NUMBER)
        clock.move(1)
        second, first = ready(NUMBER, priority=1), ready(NUMBER, priority=2)
        with store.database.write() as connection:
            transitions.block_number(connection, NUMBER, clock.now)
            for left in ({last, second}, {last}, set[str](), set[str]()):
                transitions.free_number(connection, NUMBER)
                assert blocked(connection) == left
        assert first not in {last, second}

    def test_a_number_with_an_open_attempt_stays_blocked(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        called, waiting = ready(NUMBER), ready(NUMBER)
        clock.move(1)
        other = ready("+35315550200")
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY], 1)
        assert claim.job.dial_number == NUMBER
        waiting = waiting if claim.job.id == called else called
        with store.database.write() as connection:
            assert transitions.number_is_busy(connection, NUMBER)
            assert not transitions.number_is_busy(connection, "+35315550200")
            connection.execute(update(jobs).where(jobs.c.id == other).values(blocked=True))
            transitions.block_number(connection, NUMBER, clock.now)
            transitions.free_number(connection, NUMBER)
            transitions.free_number(connection, "")
            assert blocked(connection) == {waiting, other}
            # The other one was missed by `free_number`.
            assert transitions.free_all_numbers(connection) == 1
            assert blocked(connection) == {waiting}
        worker.settlement.settle(claim, DELIVERED)
        with store.database.read() as connection:
            assert blocked(connection) == set()


class TestHistories:
    def test_a_history_is_stored_and_replaced(self, database: Database, clock: Clock) -> None:
        with database.write() as connection:
            assert transitions.destination_history(connection, NUMBER) == {}
            for history in ({"a": [1]}, {"b": {"ü": None}}):
                transitions.store_destination_history(connection, NUMBER, history, clock.now)
                assert transitions.destination_history(connection, NUMBER) == history
            assert transitions.destination_history(connection, "+1") == {}
