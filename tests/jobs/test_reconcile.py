"""Attempts that lost their worker: what FreeSWITCH still knows decides, on a model of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsfax.db.records import Job
from fsfax.db.states import AttemptState, Hold, JobState
from fsfax.errors import Closed, ConnectError, InvalidRequest, StoreUnavailable
from fsfax.jobs import reconcile as module
from fsfax.jobs.claims import Claim
from fsfax.jobs.reconcile import reconcile, uncertain_result
from fsfax.jobs.store import JobStore
from fsfax.values.events import EventKind
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import Status
from tests.jobs.model_worker import ModelWorker
from tests.jobs.switch_model import ModelCall, ModelSwitch

Ready = Callable[..., str]
Workers = Callable[..., ModelWorker]


@pytest.fixture
def lost(
    ready: Ready, model_worker: Workers, model_switch: ModelSwitch
) -> Callable[..., tuple[ModelWorker, Claim]]:
    """Return a function: a worker claims a job, dials it or not, and ends; another takes over.

    ``outcome`` and ``pages`` are those of the call; without an outcome nothing was dialled.
    """

    def make(
        outcome: Outcome | None = None, pages: int = 0, **jobs: Any
    ) -> tuple[ModelWorker, Claim]:
        ready()
        first = model_worker(**jobs)
        claim = first.claim()
        id = claim.attempt.id
        if outcome:
            model_switch.guards.add(id)
            model_switch.calls[id] = ModelCall(id, claim.job.dial_number, 1, 3, outcome, pages)
        first.hand.leases.retire()
        second = model_worker(**jobs)
        return second, second.take_over()

    return make


Lost = Callable[..., tuple[ModelWorker, Claim]]


def settled(store: JobStore, claim: Claim) -> Job:
    (attempt,) = store.attempts(claim.job.id)
    assert attempt.ended_at is not None
    return store.get(claim.job.id)


def test_a_call_that_is_up_is_followed_to_its_end(store: JobStore, lost: Lost) -> None:
    worker, claim = lost(Outcome.DELIVERED, pages=3)
    reconcile(worker.dialler, claim)
    job = settled(store, claim)
    assert (job.state, job.pages_confirmed) == (JobState.COMPLETED, 3)
    assert [event.kind for event in store.events(job.id)].count(EventKind.PAGE_DONE) == 3
    assert worker.dialler.calls == {}


def test_a_call_that_ended_in_between_is_settled(
    store: JobStore, lost: Lost, model_switch: ModelSwitch
) -> None:
    worker, claim = lost(Outcome.BUSY)
    model_switch.advance_all()
    reconcile(worker.dialler, claim)
    job = settled(store, claim)
    assert (job.state, job.attempts) == (JobState.PENDING, 1)
    assert [result.outcome for result in worker.results] == [Outcome.BUSY]


def test_a_mark_outlives_a_restart_of_freeswitch(
    store: JobStore, lost: Lost, model_switch: ModelSwitch
) -> None:
    worker, claim = lost(Outcome.DELIVERED, pages=3)
    model_switch.advance_all()
    model_switch.restart()
    reconcile(worker.dialler, claim)
    assert settled(store, claim).state is JobState.COMPLETED
    assert model_switch.calls[claim.attempt.id].mark == "", "it is erased once it is stored"


def test_an_attempt_that_was_provably_not_dialled_costs_nothing(
    store: JobStore, lost: Lost
) -> None:
    worker, claim = lost()
    reconcile(worker.dialler, claim)
    job = settled(store, claim)
    assert (job.state, job.hold, job.attempts) == (JobState.PENDING, Hold.NO, 0)
    assert worker.results == []


def test_a_call_that_a_restart_cut_off_is_uncertain(
    store: JobStore, lost: Lost, model_switch: ModelSwitch
) -> None:
    worker, claim = lost(Outcome.DELIVERED, pages=3)
    model_switch.restart()
    reconcile(worker.dialler, claim)
    job = settled(store, claim)
    assert (job.state, job.hold) == (JobState.PENDING, Hold.UNCERTAIN)
    assert store.attempts(job.id)[0].state is AttemptState.UNCERTAIN


def test_an_uncertain_attempt_is_tried_again_if_policy_says_so(
    store: JobStore, lost: Lost, model_switch: ModelSwitch
) -> None:
    worker, claim = lost(Outcome.DELIVERED, pages=3, uncertain="retry")
    model_switch.restart()
    reconcile(worker.dialler, claim)
    job = settled(store, claim)
    assert (job.state, job.hold) == (JobState.PENDING, Hold.NO)


def test_a_call_of_a_job_to_be_cancelled_is_ended(store: JobStore, lost: Lost) -> None:
    """At once: no observation has to be stored first."""

    def before(function: Callable[..., Any], *_: Any) -> None:
        if function == worker.hand.settlement.observe:
            raise StoreUnavailable("no database")

    worker, claim = lost(Outcome.DELIVERED, pages=3)
    store.cancel(claim.job.id)
    worker.hand.leases.retire()
    worker.hand.leases.register()
    worker.before = before
    reconcile(worker.dialler, worker.take_over())
    assert settled(store, claim).state is JobState.CANCELLED


class TestFreeSwitchDown:
    @pytest.fixture(autouse=True)
    def short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_FIRST_PAUSE", 0.001)

    def test_it_is_asked_again(
        self, store: JobStore, lost: Lost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        worker, claim = lost(Outcome.DELIVERED, pages=3)
        asked: list[str] = []
        adopt = worker.engine.adopt

        def adopt_at_last(attempt_id: str, **options: Any) -> Any:
            asked.append(attempt_id)
            if len(asked) < 3:
                raise ConnectError("the node is down")
            return adopt(attempt_id, **options)

        monkeypatch.setattr(worker.engine, "adopt", adopt_at_last)
        reconcile(worker.dialler, claim)
        assert asked == [claim.attempt.id] * 3
        assert settled(store, claim).state is JobState.COMPLETED

    def test_until_the_attempt_counts_as_uncertain(
        self,
        store: JobStore,
        lost: Lost,
        model_switch: ModelSwitch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        worker, claim = lost(Outcome.DELIVERED, pages=3, uncertain_after=0.02)
        model_switch.down = True
        reconcile(worker.dialler, claim)
        assert settled(store, claim).hold is Hold.UNCERTAIN
        assert caplog.text.count("fate_unknown") > 1
        assert "attempt_uncertain" in caplog.text

    def test_a_node_that_is_not_in_the_settings_any_more(
        self, store: JobStore, lost: Lost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing can be asked, so nothing is waited for."""
        worker, claim = lost(Outcome.DELIVERED, pages=3)

        def adopt(*_: object, **__: object) -> None:
            raise InvalidRequest("there is no node a")

        monkeypatch.setattr(worker.engine, "adopt", adopt)
        reconcile(worker.dialler, claim)
        assert settled(store, claim).hold is Hold.UNCERTAIN

    def test_an_engine_that_was_closed_leaves_the_attempt_open(
        self, store: JobStore, lost: Lost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        worker, claim = lost(Outcome.DELIVERED, pages=3)

        def adopt(*_: object, **__: object) -> None:
            raise Closed("the engine was closed")

        monkeypatch.setattr(worker.engine, "adopt", adopt)
        with pytest.raises(Closed):
            reconcile(worker.dialler, claim)
        assert store.attempts(claim.job.id)[0].ended_at is None


def test_the_result_of_an_uncertain_attempt(lost: Lost) -> None:
    _, claim = lost()
    result = uncertain_result(claim)
    assert (result.status, result.outcome) == (Status.UNCERTAIN, Outcome.UNKNOWN)
    assert (result.success, result.pages_sent) == (False, 0)
    assert result.doubt is Doubt.ANY
    assert result.call_id == claim.attempt.id
    assert result.first_unconfirmed_page == 1
