"""One attempt from the claim to its settlement, on a model of FreeSWITCH."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from fsfax.db.schema import workers
from fsfax.db.states import AttemptState, JobState
from fsfax.engine.observations import Answered, PageDone
from fsfax.errors import (
    AlreadyDialled,
    ConnectError,
    DocumentUnsupported,
    FsfaxError,
    InvalidRequest,
    LeaseLost,
    NoCapacity,
    SpoolError,
    StoreUnavailable,
)
from fsfax.jobs.store import JobStore
from fsfax.values.events import EventKind
from fsfax.values.outcome import Outcome
from tests.job_fixtures import Clock
from tests.jobs.model_worker import ModelWorker
from tests.jobs.switch_model import ModelSwitch

Ready = Callable[..., str]
Workers = Callable[..., ModelWorker]


def on_observation(worker: ModelWorker, kind: type, act: Callable[[], None]) -> None:
    """Do something before the first observation of that kind is stored."""
    done: list[bool] = []

    def before(function: Callable[..., Any], *arguments: Any) -> None:
        if function != worker.hand.settlement.observe or done:
            return
        if isinstance(arguments[1], kind):
            done.append(True)
            act()

    worker.before = before


class TestDelivery:
    def test_a_call_is_followed_and_settled(
        self, store: JobStore, ready: Ready, model_worker: Workers, model_switch: ModelSwitch
    ) -> None:
        id, worker = ready(), model_worker()
        claim = worker.claim()
        assert worker.dialler.dial(claim)
        job = store.get(id)
        assert (job.state, job.pages_confirmed, job.attempts) == (JobState.COMPLETED, 3, 1)
        (result,) = worker.results
        assert result.outcome is Outcome.DELIVERED
        kinds = [event.kind for event in store.events(id)]
        assert kinds.count(EventKind.PAGE_DONE) == 3
        # Afterwards nothing is left: neither the mark in FreeSWITCH, nor the call, nor the file.
        (call,) = model_switch.log
        assert (call.id, call.mark) == (claim.attempt.id, "")
        assert worker.dialler.calls == {}
        assert list((worker.dialler.settings.spool / "work").iterdir()) == []

    def test_a_call_that_failed_is_tried_again(
        self, store: JobStore, ready: Ready, model_worker: Workers
    ) -> None:
        id, worker = ready(), model_worker(lambda *_: (Outcome.BUSY, 0))
        assert worker.dialler.dial(worker.claim())
        job = store.get(id)
        assert (job.state, job.attempts) == (JobState.PENDING, 1)
        assert [result.outcome for result in worker.results] == [Outcome.BUSY]


class TestNotDialled:
    def assert_nothing_was_counted(
        self, store: JobStore, id: str, clock: Clock, delay: float
    ) -> None:
        job = store.get(id)
        assert (job.state, job.attempts) == (JobState.PENDING, 0)
        assert job.due_at == clock.now + timedelta(seconds=delay)
        (attempt,) = store.attempts(id)
        assert (attempt.state, attempt.counts) == (AttemptState.FAILED, False)

    def test_the_lease_is_checked_before_the_originate(
        self,
        store: JobStore,
        ready: Ready,
        model_worker: Workers,
        model_switch: ModelSwitch,
        clock: Clock,
    ) -> None:
        id, worker = ready(), model_worker()
        worker.may_dial = False
        assert worker.dialler.dial(worker.claim())
        assert model_switch.log == []
        self.assert_nothing_was_counted(store, id, clock, 5.0)

    @pytest.mark.parametrize(
        ("error", "delay"),
        [
            (ConnectError("the node is down"), 5.0),
            (NoCapacity("every line is in use"), 5.0),
            (StoreUnavailable("no database"), 5.0),
            (SpoolError("the spool is full"), 60.0),
        ],
        ids=["node down", "no capacity", "database away", "spool full"],
    )
    def test_trouble_before_the_call_costs_no_attempt(
        self,
        store: JobStore,
        ready: Ready,
        model_worker: Workers,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        error: FsfaxError,
        delay: float,
    ) -> None:
        id, worker = ready(), model_worker()
        refuse(worker, monkeypatch, error)
        assert worker.dialler.dial(worker.claim())
        self.assert_nothing_was_counted(store, id, clock, delay)
        assert store.get(id).status_text == str(error)

    @pytest.mark.parametrize(
        "error",
        [InvalidRequest("no such gateway"), DocumentUnsupported("no TIFF")],
        ids=["request", "document"],
    )
    def test_a_request_that_cannot_be_dialled_fails(
        self,
        store: JobStore,
        ready: Ready,
        model_worker: Workers,
        monkeypatch: pytest.MonkeyPatch,
        error: FsfaxError,
    ) -> None:
        id, worker = ready(), model_worker()
        refuse(worker, monkeypatch, error)
        assert worker.dialler.dial(worker.claim())
        job = store.get(id)
        assert job.state is JobState.FAILED
        assert job.result is not None
        assert job.result.error_message == str(error)

    def test_a_document_that_was_removed(
        self, store: JobStore, ready: Ready, model_worker: Workers, model_switch: ModelSwitch
    ) -> None:
        id, worker = ready(), model_worker()
        assert worker.dialler.dial(replace(worker.claim(), fax=None))
        assert store.get(id).state is JobState.FAILED
        assert model_switch.log == []

    def test_an_id_that_was_dialled_before_is_left_to_reconciliation(
        self,
        store: JobStore,
        ready: Ready,
        model_worker: Workers,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        id, worker = ready(), model_worker()
        refuse(worker, monkeypatch, AlreadyDialled("that id was used"))
        assert not worker.dialler.dial(worker.claim())
        assert store.get(id).state is JobState.PROCESSING
        assert store.attempts(id)[0].ended_at is None


def refuse(worker: ModelWorker, monkeypatch: pytest.MonkeyPatch, error: FsfaxError) -> None:
    """Let the engine refuse the next call."""

    def start(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(worker.engine, "start", start)


class TestFollow:
    def test_a_fate_that_cannot_be_proved_is_left_to_reconciliation(
        self, store: JobStore, ready: Ready, model_worker: Workers, model_switch: ModelSwitch
    ) -> None:
        id, worker = ready(), model_worker()
        on_observation(worker, Answered, model_switch.restart)
        assert not worker.dialler.dial(worker.claim())
        assert store.get(id).state is JobState.PROCESSING
        assert store.attempts(id)[0].ended_at is None
        assert worker.results == []

    def test_a_worker_that_was_replaced_leaves_its_call_up(
        self, store: JobStore, ready: Ready, model_worker: Workers, model_switch: ModelSwitch
    ) -> None:
        def replace_worker() -> None:
            with store.database.write() as connection:
                connection.execute(delete(workers))

        ready()
        worker = model_worker()
        on_observation(worker, PageDone, replace_worker)
        with pytest.raises(LeaseLost):
            worker.dialler.dial(worker.claim())
        (call,) = model_switch.log
        assert (call.up, call.confirmed, call.outcome) == (True, 1, Outcome.DELIVERED)
        assert worker.dialler.calls == {}

    def test_a_call_goes_on_while_the_database_is_away(
        self, store: JobStore, ready: Ready, model_worker: Workers, caplog: pytest.LogCaptureFixture
    ) -> None:
        id, worker = ready(), model_worker()
        refused: list[str] = []

        def before(function: Callable[..., Any], *_: Any) -> None:
            name = function.__name__
            if name == "observe" or (name == "settle" and "settle" not in refused):
                refused.append(name)
                raise StoreUnavailable("no database")

        worker.before = before
        assert worker.dialler.dial(worker.claim())
        assert refused.count("observe") == 5  # dialling, answered, three pages
        assert "observation_not_stored" in caplog.text
        assert "not_stored_yet" in caplog.text
        job = store.get(id)
        assert (job.state, job.pages_confirmed) == (JobState.COMPLETED, 3)

    def test_a_request_to_cancel_ends_the_call(
        self, store: JobStore, ready: Ready, model_worker: Workers
    ) -> None:
        id, worker = ready(), model_worker()
        on_observation(worker, Answered, lambda: (store.cancel(id), None)[1])
        assert worker.dialler.dial(worker.claim())
        assert store.get(id).state is JobState.CANCELLED
        assert [result.outcome for result in worker.results] == [Outcome.CANCELLED]

    def test_a_call_is_cancelled_by_its_job(
        self, store: JobStore, ready: Ready, model_worker: Workers
    ) -> None:
        id, worker = ready(), model_worker()
        found: list[bool] = []
        on_observation(worker, Answered, lambda: found.append(worker.dialler.cancel(id)))
        assert worker.dialler.dial(worker.claim())
        assert found == [True]
        assert [result.outcome for result in worker.results] == [Outcome.CANCELLED]
        assert not worker.dialler.cancel(id), "the call is over"


def test_the_work_file_is_removed_after_an_error(ready: Ready, model_worker: Workers) -> None:
    ready()
    worker = model_worker()
    work: Path = worker.dialler.settings.spool / "work"
    seen: list[int] = []

    def before(function: Callable[..., Any], *_: Any) -> None:
        if function == worker.hand.settlement.observe:
            seen.append(len(list(work.iterdir())))
            raise LeaseLost("this worker was replaced")

    worker.before = before
    with pytest.raises(LeaseLost):
        worker.dialler.dial(worker.claim())
    assert seen == [1]
    assert list(work.iterdir()) == []
