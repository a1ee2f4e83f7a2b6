"""Inbound faxes in the database: owner, blocked callers, forwarding, retention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.schema import chunks, deliveries, inbound_numbers, outbox
from fsfax.db.schema import faxboxes as faxbox_table
from fsfax.db.schema import jobs as job_table
from fsfax.db.states import Direction, JobState
from fsfax.db.transitions import DEFAULT_ACCOUNT
from fsfax.engine.admission import ACCEPT, REJECT
from fsfax.engine.observations import Answered, Created, PageDone
from fsfax.errors import AddressTaken, InvalidRequest
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.retention import Retention
from fsfax.jobs.store import JobStore
from fsfax.settings import InboundSettings
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import PageRecord, RxResult, Status
from tests.jobs.conftest import Clock, Hand
from tests.jobs.results import DELIVERED

NUMBER = "+353 1 555 0100"
DAY = 86_400
GONE = "f" * 32


@pytest.fixture
def boxes(database: Database, clock: Clock) -> Faxboxes:
    return Faxboxes(database, clock=clock)


@pytest.fixture
def mine(database: Database, clock: Clock) -> Account:
    return Accounts(database, clock=clock).create("mine")


@pytest.fixture
def incoming(database: Database, clock: Clock) -> InboundFaxes:
    return InboundFaxes(database, clock=clock)


@pytest.fixture
def fax(tmp_path: Path) -> Callable[..., RxResult]:
    """Return a function that makes received faxes, each of another call."""
    calls = 0

    def make(called: str = "35315550100", **changes: Any) -> RxResult:
        nonlocal calls
        calls += 1
        file = tmp_path / f"{calls}.tif"
        file.write_bytes(b"II*\x00" + bytes(4000))
        result = RxResult(
            call_id=f"call-{calls}",
            success=True,
            status=Status.SUCCEEDED,
            outcome=Outcome.DELIVERED,
            error_message="",
            retry=False,
            doubt=Doubt.NONE,
            result_code=0,
            result_text="OK",
            result_cause="NORMAL_CLEARING",
            pages_received=3,
            pages_total=3,
            from_number="+15550199",
            to_number=called,
            file=file,
        )
        return replace(result, **changes)

    return make


def broken_off(result: RxResult) -> RxResult:
    return replace(
        result,
        success=False,
        status=Status.FAILED,
        outcome=Outcome.LINE_TROUBLE,
        error_message="The call was cut off.",
        pages_received=1,
        pages_total=1,
    )


def blocked(result: RxResult) -> RxResult:
    return replace(
        broken_off(result),
        result_text="blocked",
        blocked=True,
        pages_received=0,
        pages_total=0,
        file=None,
    )


def notifications(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        rows = connection.execute(select(outbox.c.account_id, outbox.c.kind).order_by(outbox.c.id))
        return [tuple(row) for row in rows]


def test_the_caller_of_a_fax_that_is_found_later_is_stored(
    incoming: InboundFaxes, fax: Callable[..., RxResult]
) -> None:
    """After a crash the numbers are those that the dialplan recorded; it has no name."""
    found = fax(from_number="15550199", from_name="")
    live = Created(at=1.0, inbound=True, from_number="+15550199", from_name="Ann", to_number="100")
    incoming.observe(found.call_id, live)
    job = incoming.store(replace(found, to_number="100"))
    assert (job.from_number, job.from_name) == ("+15550199", "Ann")


class TestRouting:
    @pytest.mark.parametrize(
        "called", ["+35315550100", "35315550100", "0035315550100", "+35315550100;npdi=yes"]
    )
    def test_every_spelling_of_the_called_number(
        self,
        boxes: Faxboxes,
        mine: Account,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        called: str,
    ) -> None:
        box = boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER]})
        assert box.numbers == ("+35315550100",)
        job = incoming.store(fax(called))
        assert (job.account_id, job.faxbox_id, job.to_number) == (mine.id, box.id, called)
        assert boxes.by_number(called) == box

    def test_one_number_has_one_owner_in_every_spelling(
        self, database: Database, boxes: Faxboxes, mine: Account
    ) -> None:
        boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER, "0035315550100"]})
        other = Accounts(database).create("other", numbers=["100"])
        with pytest.raises(AddressTaken, match="35315550100 belongs"):
            boxes.create(other.id, {"name": "Theirs", "numbers": ["35315550100"]})
        with pytest.raises(InvalidRequest, match="no called number"):
            boxes.create(other.id, {"name": "Theirs", "numbers": ["x" * 65]})
        assert boxes.list(other.id) == ()

    def test_an_account_without_faxboxes(
        self, database: Database, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        ward = Accounts(database).create("ward", numbers=["5550100"])
        job = incoming.store(fax("555-0100"))
        assert (job.account_id, job.faxbox_id) == (ward.id, None)

    @pytest.mark.parametrize("called", ["+4930123456", "", "nobody@nowhere", "0" * 64])
    def test_faxes_to_unassigned_numbers_have_an_owner(
        self,
        database: Database,
        boxes: Faxboxes,
        mine: Account,
        fax: Callable[..., RxResult],
        called: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        box = boxes.create(mine.id, {"name": "Rest"})
        other = Accounts(database).create("other")
        result = fax(called)
        settings: dict[str, str]
        for number, (settings, expected) in enumerate(
            (
                ({}, (DEFAULT_ACCOUNT, None)),
                ({"account": other.id}, (other.id, None)),
                ({"account": other.id, "faxbox": box.id}, (mine.id, box.id)),
                # A configured owner that was removed is skipped.
                ({"account": other.id, "faxbox": GONE}, (other.id, None)),
                ({"account": GONE, "faxbox": GONE}, (DEFAULT_ACCOUNT, None)),
                ({"account": GONE}, (DEFAULT_ACCOUNT, None)),
            )
        ):
            caplog.clear()
            inbox = InboundFaxes(database, InboundSettings(**settings))
            job = inbox.store(replace(result, call_id=f"call-{number}"))
            assert (job.account_id, job.faxbox_id) == expected
            assert "called_number_not_assigned" in caplog.text
            assert notifications(database)[-1] == (expected[0], "fax_in_completed")

    def test_a_faxbox_that_was_removed_meanwhile(
        self,
        database: Database,
        boxes: Faxboxes,
        mine: Account,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
    ) -> None:
        boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER]})
        with database.write() as connection:
            connection.execute(update(inbound_numbers).values(faxbox_id=GONE))
        job = incoming.store(fax())
        assert (job.account_id, job.faxbox_id) == (mine.id, None)

    def test_the_owner_stays_the_one_at_the_start(
        self, boxes: Faxboxes, mine: Account, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        first = boxes.create(mine.id, {"name": "First", "numbers": [NUMBER]})
        result = fax()
        incoming.observe(
            result.call_id,
            Created(
                at=1.0, inbound=True, from_number="1", from_name="", to_number=result.to_number
            ),
        )
        boxes.change(first.id, {"numbers": []})
        boxes.create(mine.id, {"name": "Second", "numbers": [NUMBER]})
        assert incoming.store(result).faxbox_id == first.id


class TestCallers:
    def test_which_callers_are_admitted(
        self, boxes: Faxboxes, mine: Account, incoming: InboundFaxes
    ) -> None:
        lists = {"allow": ["+3531*", "anonymous"], "block": ["+353 1 666*"]}
        boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER], "callers": lists})
        boxes.create(mine.id, {"name": "Open", "numbers": ["200"]})
        called = "0035315550100"
        assert incoming.admit("+35315550199", called) is ACCEPT
        assert incoming.admit("", called) is ACCEPT
        assert incoming.admit("0035316660000", called) is REJECT
        assert incoming.admit("+4930123456", called) is REJECT
        assert incoming.admit("+4930123456", "200") is ACCEPT
        assert incoming.admit("+4930123456", "201") is ACCEPT, "a number without an owner"

    def test_the_lists_of_the_faxbox_for_unassigned_numbers(
        self, database: Database, boxes: Faxboxes, mine: Account
    ) -> None:
        box = boxes.create(mine.id, {"name": "Rest", "callers": {"block": ["*"]}})
        settings = InboundSettings(faxbox=box.id)
        assert InboundFaxes(database, settings).admit("+1", "any") is REJECT

    def test_how_a_call_is_answered(
        self, boxes: Faxboxes, mine: Account, incoming: InboundFaxes
    ) -> None:
        said = {"fax_identity": "+353 1 555 0100", "media": {"fax_option": False}}
        boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER], **said})
        admission = incoming.admit("+1", NUMBER)
        assert (admission.cause, admission.ident, admission.t38) == ("", "+353 1 555 0100", False)

    def test_a_blocked_call_leaves_a_job_without_documents(
        self,
        database: Database,
        store: JobStore,
        boxes: Faxboxes,
        mine: Account,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
    ) -> None:
        box = boxes.create(
            mine.id, {"name": "Desk", "numbers": [NUMBER], "forward_to": "+15550111"}
        )
        job = incoming.store(blocked(fax()))
        assert incoming.store(blocked(fax(call_id=job.call_id))).id == job.id
        assert (job.state, job.faxbox_id) == (JobState.FAILED, box.id)
        assert job.result is not None
        assert (job.result.result_text, job.result.blocked) == ("blocked", True)
        assert store.documents(job.id) == ()
        assert notifications(database) == [], "no notification"
        assert store.list(mine.id, direction=Direction.IN, with_pages=True).jobs == ()


class TestForwarding:
    @pytest.fixture
    def box(self, boxes: Faxboxes, mine: Account) -> Faxbox:
        return boxes.create(
            mine.id,
            {
                "name": "Desk",
                "numbers": [NUMBER],
                "forward_to": "+1 555 0111",
                "caller_id": "+353 1 555 0177",
                "caller_name": "Desk",
                "fax_header": "DESK",
                "retries": 2,
                "media": {"fax_option": False},
            },
        )

    @staticmethod
    def forwarded(store: JobStore) -> list[Job]:
        return list(store.list(direction=Direction.OUT).jobs)

    def test_a_complete_fax_is_forwarded_once(
        self,
        store: JobStore,
        box: Faxbox,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        mine: Account,
    ) -> None:
        result = fax()
        came = incoming.store(result)
        incoming.store(result)  # as after a crash
        (job,) = self.forwarded(store)
        assert (job.account_id, job.faxbox_id) == (mine.id, box.id)
        assert (job.to_number, job.dial_number) == ("+1 555 0111", "+15550111")
        assert (job.from_number, job.from_name) == ("+353 1 555 0177", "Desk")
        assert (job.retries, job.preferences.header, job.preferences.t38) == (2, "DESK", "off")
        assert (job.resubmit_of, job.fields["forwarded_from"]) == (came.id, came.id)
        assert job.state is JobState.ATTACHING_FILES
        (document,) = store.documents(job.id)
        (original,) = store.documents(came.id)
        assert (document.kind, document.sha256) == ("original", original.sha256)
        assert [
            event.data["job"] for event in store.events(came.id) if event.kind == "forwarded"
        ] == [job.id]

    def test_without_a_caller_id_it_is_sent_from_the_called_number(
        self,
        store: JobStore,
        boxes: Faxboxes,
        box: Faxbox,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
    ) -> None:
        boxes.change(box.id, {"caller_id": None, "retries": None})
        incoming.store(fax("0035315550100"))
        (job,) = self.forwarded(store)
        assert (job.from_number, job.retries) == ("0035315550100", 3)

    @pytest.mark.usefixtures("box")
    def test_an_incomplete_fax_is_not_forwarded(
        self, store: JobStore, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        result = fax()
        job = incoming.store(broken_off(result))
        assert (job.state, job.pages_confirmed) == (JobState.FAILED, 1)
        assert self.forwarded(store) == []
        # The whole file was found later.
        assert incoming.store(result).state is JobState.COMPLETED
        assert len(self.forwarded(store)) == 1

    @pytest.mark.parametrize(
        ("target", "why"),
        [
            ("+15550199", "it came from that very number"),
            ("001 5550199 00", None),
            ("+353 1 555 0101", "the account's own"),
            ("+353 1 555 0102", "the account's own"),
            ("+49 30 1234567", "forwarded as well"),
            ("+49 30 1234568", None),  # another account's, which does not forward
        ],
    )
    def test_never_in_a_loop(
        self,
        database: Database,
        store: JobStore,
        boxes: Faxboxes,
        box: Faxbox,
        mine: Account,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        target: str,
        why: str | None,
    ) -> None:
        accounts = Accounts(database)
        accounts.change(mine.id, numbers=["0035315550101"])
        boxes.create(mine.id, {"name": "Second", "numbers": ["0035315550102"]})
        other = accounts.create("other", numbers=["49301234568"])
        boxes.create(
            other.id, {"name": "Far", "numbers": ["49301234567"], "forward_to": "+35315550100"}
        )
        boxes.change(box.id, {"forward_to": target})
        job = incoming.store(fax())
        assert job.state is JobState.COMPLETED, "it is stored, forwarded or not"
        assert len(store.documents(job.id)) == 1
        said = [s.data["why"] for s in store.events(job.id) if s.kind == "not_forwarded"]
        assert len(self.forwarded(store)) == (1 if why is None else 0)
        assert len(said) == (0 if why is None else 1)
        assert all(why and why in each for each in said)

    def test_forwarding_to_itself_is_refused(
        self, boxes: Faxboxes, box: Faxbox, mine: Account
    ) -> None:
        with pytest.raises(InvalidRequest, match="of this faxbox itself"):
            boxes.change(box.id, {"forward_to": "00353 1 5550100"})
        with pytest.raises(InvalidRequest, match="of this faxbox itself"):
            boxes.create(mine.id, {"name": "x", "numbers": ["7"], "forward_to": "7"})

    def test_not_to_the_number_that_was_called(
        self,
        database: Database,
        store: JobStore,
        box: Faxbox,
        fax: Callable[..., RxResult],
    ) -> None:
        """A faxbox for unassigned numbers whose forwarding calls this service."""
        inbox = InboundFaxes(database, InboundSettings(faxbox=box.id))
        inbox.store(fax("2"))
        job = inbox.store(fax("15550111"))
        assert len(self.forwarded(store)) == 1
        assert [s.data["why"] for s in store.events(job.id) if s.kind == "not_forwarded"] == [
            "it came to that very number"
        ]


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
        from tests.jobs.conftest import NODE_CAPACITY

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
    def test_a_file_that_is_found_late_is_stored_as_long(
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


class TestLive:
    def test_while_it_is_received(
        self, store: JobStore, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        result = fax()
        created = Created(
            at=1.0, inbound=True, from_number="+1", from_name="", to_number=result.to_number
        )
        incoming.observe(result.call_id, created)
        incoming.observe(result.call_id, Answered(at=2.0))
        (job,) = store.list(direction=Direction.IN).jobs
        assert (job.state, job.from_number) == (JobState.PROCESSING, "+1")
        values = dict.fromkeys(
            ("image_bytes", "width", "rows", "x_resolution", "y_resolution", "bad_rows"), 1
        )
        incoming.observe(
            result.call_id,
            PageDone(
                at=3.0,
                page=PageRecord(number=2, longest_bad_row_run=0, encoding="", **values),
                total=0,
            ),
        )
        assert store.get(job.id).status_text == "2 page(s) received"
        incoming.store(result)
        again = incoming.store(result)
        assert (again.id, again.state, again.status_text) == (job.id, JobState.COMPLETED, "")
        with store.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(job_table)).scalar() == 1
