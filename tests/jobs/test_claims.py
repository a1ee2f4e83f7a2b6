"""Claims, on both databases: which job is claimed, and when."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from fsfax.accounts.accounts import Accounts
from fsfax.db.states import AttemptState, JobState
from fsfax.jobs.claims import Claim, NodeCapacity
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import BUSY, DELIVERED

Ready = Callable[..., str]


Hands = Callable[[], Hand]


def ids(claims: list[Claim]) -> list[str]:
    return [claim.job.id for claim in claims]


class TestClaim:
    def test_the_attempt_is_stored_with_the_claim(
        self, store: JobStore, ready: Ready, hand: Hands
    ) -> None:
        id = ready(gateways=["gw"])
        (claim,) = hand().claims.claim([NODE_CAPACITY])
        (attempt,) = store.attempts(id)
        assert attempt == claim.attempt
        assert attempt.state is AttemptState.INTENDED
        assert (attempt.node, attempt.core, attempt.gateways) == ("a", "core-1", ("gw",))
        assert (attempt.plan.first_page, attempt.plan.last_page) == (1, 3)
        assert attempt.number == 1
        assert claim.fax is not None
        job = store.get(id)
        assert (job.state, job.dials, job.attempts) == (JobState.PROCESSING, 1, 0)

    def test_a_job_is_claimed_once(self, ready: Ready, hand: Hands) -> None:
        id = ready()
        assert ids(hand().claims.claim([NODE_CAPACITY], 10)) == [id]
        assert hand().claims.claim([NODE_CAPACITY], 10) == []

    def test_priority_then_age(self, ready: Ready, hand: Hands, clock: Clock) -> None:
        low = ready(priority=-1)
        clock.move(1)
        first = ready()
        clock.move(1)
        second = ready()
        clock.move(1)
        high = ready(priority=7)
        assert ids(hand().claims.claim([NODE_CAPACITY], 10)) == [high, first, second, low]

    def test_not_before_its_time(self, ready: Ready, hand: Hands, clock: Clock) -> None:
        worker, later = hand(), clock.now + timedelta(hours=1)
        id = ready(not_before=later)
        # The document is made ready when the fax is due, not before.
        assert worker.claims.claim([NODE_CAPACITY]) == []
        clock.move(3600)
        for preparation in worker.claims.claim_unprepared():
            worker.settlement.prepared(preparation, Path(__file__), 1)
        assert ids(worker.claims.claim([NODE_CAPACITY])) == [id]

    def test_accounts_take_turns(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        accounts = [Accounts(store.database).create(name).id for name in "abc"]
        for account in accounts:
            for _ in range(10 if account == accounts[0] else 2):
                ready(account_id=account)
        worker = hand()
        claimed = worker.claims.claim([NODE_CAPACITY], 6)
        assert Counter(claim.job.account_id for claim in claimed) == dict.fromkeys(accounts, 2)

    def test_one_call_at_a_time_to_a_number(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        same = []
        for _ in range(3):
            same.append(ready("+35315550100"))
            clock.move(1)
        other = ready("+35315550200")
        worker = hand()
        claims = worker.claims.claim([NODE_CAPACITY], 10)
        assert ids(claims) == [same[0], other]
        assert worker.claims.claim([NODE_CAPACITY], 10) == []
        worker.settlement.settle(claims[0], DELIVERED)
        (second,) = worker.claims.claim([NODE_CAPACITY], 10)
        assert second.job.id == same[1]
        worker.settlement.settle(second, BUSY)
        # The busy one waits its time; the one behind it does not.
        (third,) = worker.claims.claim([NODE_CAPACITY], 10)
        assert third.job.id == same[2]
        worker.settlement.settle(third, DELIVERED)
        clock.move(24 * 3600)
        assert ids(worker.claims.claim([NODE_CAPACITY], 10)) == [same[1]]

    @pytest.mark.parametrize("how", ["cancel", "hold"])
    def test_a_job_that_waits_for_a_number_may_be_cancelled_or_held(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock, how: str
    ) -> None:
        first, second, third = (ready("+35315550100") for _ in range(3))
        worker = hand()
        claims = worker.claims.claim([NODE_CAPACITY], 10)
        waiting = [id for id in (first, second, third) if id != claims[0].job.id]
        getattr(store, how)(waiting[0])
        worker.settlement.settle(claims[0], DELIVERED)
        assert ids(worker.claims.claim([NODE_CAPACITY], 10)) == [waiting[1]]

    def test_node_and_gateway_limits(self, ready: Ready, hand: Hands) -> None:
        nodes = [
            NodeCapacity(node="a", core="1", capacity=2, gateways={"x": 0}),
            NodeCapacity(node="b", core="2", capacity=0, gateways={"x": 1, "y": 1}),
        ]
        for _ in range(10):
            ready()
        claims = [*hand().claims.claim(nodes, 3), *hand().claims.claim(nodes, 10)]
        held = Counter((claim.attempt.node, claim.attempt.gateway) for claim in claims)
        assert held == {("a", "x"): 2, ("b", "x"): 1, ("b", "y"): 1}

    def test_a_full_gateway_does_not_hold_up_the_others(
        self, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        node = NodeCapacity(node="a", core="1", gateways={"x": 1, "y": 0})
        first = ready(gateways=["x"])
        clock.move(1)
        for _ in range(5):
            ready(gateways=["x"])
        clock.move(1)
        last = ready(gateways=["y"])
        assert ids(hand().claims.claim([node], 10)) == [first, last]

    def test_account_limits(
        self, store: JobStore, ready: Ready, database_url: str, hand: Hands
    ) -> None:
        narrow = Accounts(store.database).create("narrow", max_calls=1).id
        for _ in range(3):
            ready(account_id=narrow)
        for _ in range(12):
            ready()
        claims = hand().claims.claim([NODE_CAPACITY], 50)
        assert Counter(claim.job.account_id for claim in claims) == {narrow: 1, "0" * 32: 10}

    def test_time_windows(self, store: JobStore, ready: Ready, hand: Hands, clock: Clock) -> None:
        night = [{"from": "22:00", "to": "06:00", "timezone": "Europe/Dublin"}]
        account = Accounts(store.database).create("night", windows=night).id
        id = ready(account_id=account)
        worker = hand()
        assert worker.claims.claim([NODE_CAPACITY]) == []  # it is noon
        due = worker.claims.next_due()
        assert due == clock.now + timedelta(hours=10)
        clock.move(10 * 3600)
        assert ids(worker.claims.claim([NODE_CAPACITY])) == [id]

    def test_next_due(self, store: JobStore, ready: Ready, hand: Hands, clock: Clock) -> None:
        worker = hand()
        assert worker.claims.next_due() is None
        later = clock.now + timedelta(minutes=5)
        ready(not_before=later)
        assert worker.claims.next_due() == later

    def test_many_workers_at_once(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        made = {ready() for _ in range(8)} | {ready("+35315559999") for _ in range(4)}
        claimed: list[Claim] = []
        node = NodeCapacity(node="a", core="1", capacity=5, gateways={"gw": 0})

        def work() -> None:
            worker = hand()
            for _ in range(4):
                claimed.extend(worker.claims.claim([node], 1))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(claimed) == 5
        assert len(set(ids(claimed))) == 5
        assert set(ids(claimed)) < made
        assert sum(claim.job.dial_number == "+35315559999" for claim in claimed) <= 1


class TestLimitsAreSettings:
    def test_account_calls(self, store: JobStore, ready: Ready, clock: Clock) -> None:
        for _ in range(3):
            ready()
        settings = Settings(jobs=JobsSettings(account_calls=2))
        assert len(Hand(store.database, settings, clock).claims.claim([NODE_CAPACITY], 10)) == 2
