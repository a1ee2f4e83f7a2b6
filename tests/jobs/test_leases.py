"""Leases, on both databases: heartbeats, takeovers, duties, and writes of a replaced worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fsfax.db.records import NewFax
from fsfax.db.schema import jobs
from fsfax.db.states import JobState
from fsfax.engine.observations import Answered
from fsfax.errors import LeaseLost
from fsfax.jobs.claims import Claim
from fsfax.jobs.store import JobStore
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import DELIVERED

Ready = Callable[..., str]


Hands = Callable[[], Hand]


def ids(claims: list[Claim]) -> list[str]:
    return [claim.job.id for claim in claims]


class TestLeases:
    def test_a_silent_worker_is_replaced(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id = ready()
        old, new = hand(), hand()
        (claim,) = old.claims.claim([NODE_CAPACITY])
        clock.move(29)
        new.leases.heartbeat()
        assert new.claims.take_over() == []
        clock.move(2)
        new.leases.heartbeat()
        (taken,) = new.claims.take_over()
        assert (taken.job.id, taken.attempt.id) == (id, claim.attempt.id)
        assert taken.token > claim.token
        with pytest.raises(LeaseLost):
            old.leases.heartbeat()
        with pytest.raises(LeaseLost):
            old.settlement.settle(claim, DELIVERED)
        with pytest.raises(LeaseLost):
            old.settlement.observe(claim, Answered(at=0.0))
        with pytest.raises(LeaseLost):
            old.settlement.not_dialled(claim, "late")
        assert new.settlement.settle(taken, DELIVERED).state is JobState.COMPLETED

    def test_a_fencing_token_is_valid_for_one_owner(
        self, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        ready()
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.leases.retire()
        worker.leases.register()  # the same worker id, but it lost its jobs
        (again,) = worker.claims.take_over()
        with pytest.raises(LeaseLost):
            worker.settlement.settle(claim, DELIVERED)
        worker.settlement.settle(again, DELIVERED)

    def test_a_worker_that_retires_hands_over_at_once(self, ready: Ready, hand: Hands) -> None:
        id = ready()
        old, new = hand(), hand()
        old.claims.claim([NODE_CAPACITY])
        old.leases.retire()
        assert ids(new.claims.take_over()) == [id]

    def test_documents_of_a_dead_worker_are_prepared_by_another(
        self, store: JobStore, hand: Hands, pdf: Path, clock: Clock
    ) -> None:
        id = store.accept(NewFax(to_number="+1", documents=[pdf])).id
        old = hand()
        (first,) = old.claims.claim_unprepared()
        assert hand().claims.claim_unprepared() == []
        clock.move(31)
        new = hand()
        new.leases.heartbeat()
        (second,) = new.claims.claim_unprepared()
        with pytest.raises(LeaseLost):
            old.settlement.prepared(first, pdf, 1)
        new.settlement.prepared(second, pdf, 1)
        assert store.get(id).state is JobState.PENDING

    def test_a_duty_has_one_owner(self, hand: Hands, clock: Clock) -> None:
        one, two = hand(), hand()
        assert one.leases.take_duty("receive")
        assert one.leases.take_duty("receive")
        assert not two.leases.take_duty("receive")
        one.leases.retire()
        assert two.leases.take_duty("receive")

    def test_a_missed_release_is_repaired(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        id = ready()
        with store.database.write() as connection:
            connection.execute(jobs.update().values(blocked=True))
        worker = hand()
        assert worker.claims.claim([NODE_CAPACITY]) == []
        worker.leases.heartbeat()
        assert ids(worker.claims.claim([NODE_CAPACITY])) == [id]
