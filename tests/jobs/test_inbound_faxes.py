"""Inbound calls as jobs: numbers, owner, admitted and blocked callers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.database import Database
from fsfax.db.schema import inbound_numbers
from fsfax.db.schema import jobs as job_table
from fsfax.db.states import Direction, JobState
from fsfax.db.transitions import DEFAULT_ACCOUNT
from fsfax.engine.admission import ACCEPT, REJECT
from fsfax.engine.observations import Answered, Created, PageDone
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.settings import InboundSettings
from fsfax.values.outcome import Outcome
from fsfax.values.results import PageRecord, RxResult
from tests.jobs.inbound_results import NUMBER, blocked, notifications

GONE = "f" * 32


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


class TestLost:
    def test_an_end_that_was_missed(self, store: JobStore, incoming: InboundFaxes) -> None:
        """The fax fails; observations that arrive afterwards do not change that."""
        incoming.observe(
            "lost", Created(at=1.0, inbound=True, from_number="+1", from_name="", to_number="+2")
        )
        (job,) = incoming.unfinished()
        incoming.mark_lost("lost")
        assert store.get(job.id).state is JobState.FAILED
        assert incoming.unfinished() == ()
        incoming.observe("lost", Answered(at=2.0))
        assert store.get(job.id).state is JobState.FAILED
        incoming.mark_lost("another call")
        assert [each.id for each in store.list().jobs] == [job.id]

    def test_a_file_that_is_found_later_completes_it(
        self, store: JobStore, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        result = fax()
        incoming.observe(
            result.call_id,
            Created(at=1.0, inbound=True, from_number="1", from_name="", to_number="35315550100"),
        )
        incoming.mark_lost(result.call_id)
        (failed,) = store.list().jobs
        assert failed.result is not None
        assert failed.result.outcome is Outcome.UNKNOWN
        found = incoming.store(result)
        assert (found.id, found.state) == (failed.id, JobState.COMPLETED)
        assert len(store.documents(found.id)) == 1
