"""Settlement, on both databases: what a worker's findings make of a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import destinations, outbox
from fsfax.db.states import AttemptState, Hold, JobState
from fsfax.egress.request import FetchRequest
from fsfax.engine.observations import Answered, Dialling, Negotiated, PageDone
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from fsfax.values.outcome import Outcome
from fsfax.values.results import PageRecord
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import BUSY, DELIVERED, TROUBLE, UNCERTAIN, result

Ready = Callable[..., str]


Hands = Callable[[], Hand]


def page(number: int) -> PageDone:
    values: dict[str, Any] = dict.fromkeys(
        ("image_bytes", "width", "rows", "x_resolution", "y_resolution", "bad_rows"), 1
    )
    seen = PageRecord(number=number, longest_bad_row_run=0, encoding="T.6", **values)
    return PageDone(at=1.0, page=seen, total=3)


NEGOTIATED = Negotiated(
    at=3.0,
    rate=14400,
    ecm=True,
    t38_status="negotiated",
    remote_station_id="",
    local_station_id="",
    remote_country="",
    remote_vendor="",
    remote_model="",
)


def record(number: int) -> PageRecord:
    return PageRecord(
        number=number,
        seconds=1.0,
        image_bytes=1,
        width=1728,
        rows=100,
        x_resolution=8031,
        y_resolution=3850,
        bad_rows=0,
        longest_bad_row_run=0,
        encoding="T.6",
    )


class TestSuccess:
    def test_a_delivered_fax_completes_its_job(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        clock.move(90)
        job = worker.settlement.settle(claim, DELIVERED)
        assert (job.state, job.attempts, job.pages_confirmed) == (JobState.COMPLETED, 1, 3)
        assert job.finished_at == clock.now
        assert job.result is not None
        assert job.result.success is True
        assert job.result.pages_sent == 3
        assert job.result.time_elapsed == 90  # since the fax was submitted
        assert job.result.line_seconds == 30
        (attempt,) = store.attempts(id)
        assert (attempt.state, attempt.outcome) == (AttemptState.SUCCEEDED, "delivered")
        assert worker.claims.claim([NODE_CAPACITY]) == []


class TestFailure:
    def test_is_retried_as_often_as_asked_for(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id, worker = ready(retries=2), hand()
        for number in (1, 2, 3):
            (claim,) = worker.claims.claim([NODE_CAPACITY])
            assert claim.attempt.number == number
            job = worker.settlement.settle(claim, BUSY)
            assert worker.claims.claim([NODE_CAPACITY]) == []
            clock.move(24 * 3600)
        assert (job.state, job.attempts) == (JobState.FAILED, 3)
        assert job.result is not None
        assert job.result.error_message == "it was busy"
        assert worker.claims.claim([NODE_CAPACITY]) == []
        states = [event.data["state"] for event in store.events(id) if event.kind == "state"]
        assert states == [
            "attaching_files",
            "pending",
            *["processing", "pending"] * 2,
            "processing",
            "failed",
        ]

    def test_a_call_that_was_never_dialled_costs_nothing(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id, worker = ready(retries=0), hand()
        for _ in range(5):
            (claim,) = worker.claims.claim([NODE_CAPACITY])
            worker.settlement.not_dialled(claim, "the node went down")
            clock.move(10)
        job = store.get(id)
        assert (job.state, job.attempts, job.dials) == (JobState.PENDING, 0, 5)
        assert job.status_text == "the node went down"

    def test_what_cannot_be_dialled_fails_at_once(self, ready: Ready, hand: Hands) -> None:
        ready(retries=4)
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = worker.settlement.reject_number(claim, "the station id has 30 characters")
        assert (job.state, job.attempts) == (JobState.FAILED, 0)
        assert job.result is not None
        assert "30 characters" in job.result.error_message


class TestPartialSuccess:
    def test_the_next_call_begins_at_the_first_unconfirmed_page(
        self, store: JobStore, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        id, worker = ready(pages=5, retries=3), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        broken = result(
            Outcome.LINE_TROUBLE, confirmed=2, pages=(record(1), record(2)), pages_total=5
        )
        job = worker.settlement.settle(claim, broken)
        assert (job.pages_confirmed, job.state) == (2, JobState.PENDING)
        assert job.result is not None
        assert (job.result.pages_sent, job.result.first_unconfirmed_page) == (2, 3)
        clock.move(24 * 3600)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert (claim.attempt.plan.first_page, claim.attempt.plan.last_page) == (3, 5)
        rest = result(Outcome.DELIVERED, first=3, confirmed=3, pages=tuple(map(record, (3, 4, 5))))
        job = worker.settlement.settle(claim, rest)
        assert job.state is JobState.COMPLETED
        assert job.result is not None
        assert [p.number for p in job.result.pages] == [1, 2, 3, 4, 5]
        assert (job.result.pages_sent, job.result.line_seconds) == (5, 60)
        assert store.get(id).pages_confirmed == 5

    def test_a_page_whose_fate_is_unknown_is_sent_again(
        self, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        ready(pages=3, retries=3)
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.settlement.settle(claim, result(Outcome.LINE_TROUBLE, confirmed=1))
        clock.move(24 * 3600)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert claim.attempt.plan.first_page == 2

    def test_pages_that_were_seen_before_a_crash_count(
        self, ready: Ready, hand: Hands, clock: Clock
    ) -> None:
        ready(pages=3, retries=3)
        old = hand()
        (claim,) = old.claims.claim([NODE_CAPACITY])
        for seen in (NEGOTIATED, page(1), page(2)):
            old.settlement.observe(claim, seen)
        old.leases.retire()
        worker = hand()
        (taken,) = worker.claims.take_over()
        # Only the mark is left: it failed, at an unknown page.
        job = worker.settlement.settle(taken, TROUBLE)
        assert job.pages_confirmed == 2
        assert job.result is not None
        assert [page.number for page in job.result.pages] == [1, 2]
        assert job.result.fax_speed == 14400
        clock.move(24 * 3600)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert claim.attempt.plan.first_page == 3

    def test_every_page_confirmed_is_delivered_however_the_call_ended(
        self, ready: Ready, hand: Hands
    ) -> None:
        ready(pages=2)
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        for number in (1, 2):
            worker.settlement.observe(claim, page(number))
        job = worker.settlement.settle(claim, UNCERTAIN)
        assert job.state is JobState.COMPLETED
        assert job.result is not None
        assert (job.result.success, job.result.error_message) == (True, "")


class TestUncertain:
    def test_is_held_by_default(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        id, worker = ready(retries=4), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = worker.settlement.settle(claim, UNCERTAIN)
        assert (job.state, job.hold) == (JobState.PENDING, Hold.UNCERTAIN)
        assert worker.claims.claim([NODE_CAPACITY]) == []
        store.release(id)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert claim.attempt.number == 2

    def test_is_tried_again_where_policy_says_so(
        self, store: JobStore, ready: Ready, clock: Clock
    ) -> None:
        ready(retries=4)
        worker = Hand(store.database, Settings(jobs=JobsSettings(uncertain="retry")), clock)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = worker.settlement.settle(claim, UNCERTAIN)
        assert (job.state, job.hold) == (JobState.PENDING, Hold.NO)
        clock.move(24 * 3600)
        assert worker.claims.claim([NODE_CAPACITY])


class TestExperience:
    """What a call teaches about the number, whatever ended it."""

    @pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.UNKNOWN])
    def test_a_confirmed_page_is_evidence_for_t38_however_the_call_ended(
        self, store: JobStore, ready: Ready, hand: Hands, outcome: Outcome
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        if outcome is Outcome.CANCELLED:
            store.cancel(id)
        ended = result(outcome, confirmed=1, t38_status="negotiated", fax_speed=14400)
        worker.settlement.settle(claim, ended)
        history = store.destination(claim.job.dial_number)
        assert (history.t38.good, history.t38.bad, history.v17.good) == (1, 0, 1)
        assert (history.delivered, history.failed, history.last) == (0, 0, ())

    @pytest.mark.parametrize(
        ("outcome", "code", "t38_status"),
        [
            (Outcome.CANCELLED, None, "negotiated"),
            (Outcome.CANCELLED, 49, "refused"),
            (Outcome.LOCAL_TROUBLE, None, "off"),
            (Outcome.BAD_DOCUMENT, None, "requested"),
        ],
    )
    def test_an_ending_on_our_side_without_a_page_changes_nothing(
        self,
        database: Database,
        ready: Ready,
        hand: Hands,
        outcome: Outcome,
        code: int | None,
        t38_status: str,
    ) -> None:
        ready()
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        ended = result(outcome, result_code=code, t38_status=t38_status)
        worker.settlement.settle(claim, ended)
        with database.read() as connection:
            assert connection.execute(select(destinations)).all() == []

    def test_local_trouble_before_dialling_changes_nothing(
        self, database: Database, ready: Ready, hand: Hands
    ) -> None:
        ready()
        worker = hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.settlement.not_dialled(claim, "the node went down")
        with database.read() as connection:
            assert connection.execute(select(destinations)).all() == []


class TestObserve:
    def test_says_how_far_a_call_is(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        seen: list[tuple[AttemptState, str]] = []
        for observation in (
            Dialling(at=1.0, node="a", gateway="other", call_id=claim.attempt.id),
            Answered(at=2.0),
            NEGOTIATED,
            page(1),
            Answered(at=2.0),  # a repeat turns nothing back
        ):
            worker.settlement.observe(claim, observation)
            seen.append((store.attempts(id)[0].state, store.get(id).status_text))
        assert [state for state, _ in seen] == [
            "dialling",
            "answered",
            "negotiated",
            "sending",
            "sending",
        ]
        assert seen[3][1] == "page 1 of 3 confirmed"
        assert store.attempts(id)[0].gateway == "other"
        kinds = [s.kind for s in store.events(id) if s.kind != "state"]
        assert kinds == ["dialling", "answered", "negotiated", "page_done", "answered"]

    def test_returns_that_it_is_to_be_cancelled(
        self, store: JobStore, ready: Ready, hand: Hands
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert not worker.settlement.observe(claim, Answered(at=1.0))
        store.cancel(id)
        assert worker.settlement.observe(claim, NEGOTIATED)


class TestDocuments:
    def test_a_bad_document_fails(self, store: JobStore, hand: Hands, pdf: Path) -> None:
        id = store.accept(NewFax(to_number="+1", documents=[pdf])).id
        worker = hand()
        (preparation,) = worker.claims.claim_unprepared()
        worker.settlement.reject_document(preparation, "it needs a password")
        job = store.get(id)
        assert job.state is JobState.FAILED
        assert job.result is not None
        assert job.result.error_message == "it needs a password"

    def test_a_url_that_is_away_is_tried_again_without_using_up_an_attempt(
        self, store: JobStore, hand: Hands, clock: Clock
    ) -> None:
        id = store.accept(NewFax(to_number="+1", source=FetchRequest(url="http://x/"))).id
        worker = hand()
        for tries in (1, 2):
            (preparation,) = worker.claims.claim_unprepared()
            worker.settlement.postpone(preparation, "HTTP response 503", 60.0)
            assert worker.claims.claim_unprepared() == []
            assert worker.claims.next_due() is not None
            clock.move(61)
            job = store.get(id)
            assert (job.fetches, job.attempts, job.state) == (tries, 0, JobState.PENDING)

    @pytest.mark.parametrize("end", ["prepared", "postpone", "reject_document"])
    def test_cancelled_while_it_was_made_ready(
        self, store: JobStore, hand: Hands, pdf: Path, end: str
    ) -> None:
        id = store.accept(NewFax(to_number="+1", documents=[pdf])).id
        worker = hand()
        (preparation,) = worker.claims.claim_unprepared()
        assert store.cancel(id).state is JobState.ATTACHING_FILES
        arguments: dict[str, tuple[object, ...]] = {
            "prepared": (pdf, 1),
            "postpone": ("away", 1.0),
            "reject_document": ("bad",),
        }
        getattr(worker.settlement, end)(preparation, *arguments[end])
        assert store.get(id).state is JobState.CANCELLED


class TestNotifications:
    def test_a_retry_and_an_uncertain_fax_enqueue_notifications(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        again, unknown, worker = ready(), ready(), hand()
        for claim in worker.claims.claim([NODE_CAPACITY], 2):
            worker.settlement.settle(claim, BUSY if claim.job.id == again else UNCERTAIN)
        with store.database.read() as connection:
            rows = connection.execute(select(outbox.c.job_id, outbox.c.kind, outbox.c.data)).all()
        notified = {row.job_id: row for row in rows}
        assert notified[again].kind == "fax_out_retrying"
        assert notified[again].data["next_attempt_at"] == store.get(again).due_at.isoformat()
        assert notified[unknown].kind == "fax_out_uncertain"
        assert notified[unknown].data["reason"]
