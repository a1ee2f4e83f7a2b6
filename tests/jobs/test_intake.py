"""Intake: what a new fax is checked for, and what of an old one a new job takes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc

from fsfax.accounts.accounts import Accounts
from fsfax.db import documents
from fsfax.db.database import Database
from fsfax.db.records import Job, NewFax
from fsfax.db.states import JobState
from fsfax.db.transitions import DEFAULT_ACCOUNT
from fsfax.egress.request import FetchRequest
from fsfax.errors import (
    DocumentEmpty,
    DocumentNotFound,
    DocumentUnsupported,
    IllegalMove,
    InvalidNumber,
    InvalidRequest,
)
from fsfax.jobs import intake
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import RxResult
from tests.job_fixtures import Clock

TO = "+353 1 555 0100"
SOURCE = FetchRequest(url="https://example.com/fax.pdf")


class TestCheck:
    def test_number_files_and_account(self, pdf: Path, tmp_path: Path) -> None:
        text = tmp_path / "cover.pdf"  # the content decides, not the name
        text.write_text("To the ward\n")
        checked = intake.check(NewFax(to_number=TO, documents=[str(text), pdf]))
        assert checked.dial_number == "+35315550100"
        assert checked.files == ((text, "text/plain"), (pdf, "application/pdf"))
        assert checked.account_id == DEFAULT_ACCOUNT
        assert intake.check(NewFax(to_number=TO, source=SOURCE, account_id="x")).account_id == "x"

    @pytest.mark.parametrize(
        ("changes", "error", "why"),
        [
            ({"to_number": ""}, InvalidNumber, "cannot be dialled"),
            ({"to_number": "1;2"}, InvalidNumber, "1;2"),
            ({"from_number": "ward 7"}, InvalidNumber, "ward 7"),
            ({"retries": -1}, InvalidRequest, "0 to 4"),
            ({"retries": 5}, InvalidRequest, "0 to 4"),
            ({"priority": -101}, InvalidRequest, "-100 to 100"),
            ({"priority": 101}, InvalidRequest, "-100 to 100"),
            ({"not_before": datetime(2026, 11, 23)}, InvalidRequest, "time zone"),
            ({"gateways": [""]}, InvalidRequest, "gateway's name"),
            ({"gateways": ["a", "b,c"]}, InvalidRequest, "gateway's name"),
            ({"source": None}, InvalidRequest, "a document or the URL"),
            ({"documents": ["a.pdf"]}, InvalidRequest, "not both"),
            ({"source": None, "documents": "a.pdf"}, InvalidRequest, "list of files"),
        ],
    )
    def test_invalid_values(
        self, changes: dict[str, Any], error: type[Exception], why: str
    ) -> None:
        with pytest.raises(error, match=why):
            intake.check(replace(NewFax(to_number=TO, source=SOURCE), **changes))

    @pytest.mark.parametrize(
        "changes",
        [{"retries": 0}, {"retries": 4}, {"priority": -100}, {"priority": 100}, {"gateways": []}],
    )
    def test_the_limits_themselves_are_valid(self, changes: dict[str, Any]) -> None:
        fax = replace(NewFax(to_number=TO, source=SOURCE), **changes)
        assert intake.check(fax).fax == fax

    def test_documents_that_cannot_be_faxed(self, tmp_path: Path) -> None:
        empty, archive, missing = (tmp_path / name for name in ("empty", "archive", "missing"))
        empty.touch()
        archive.write_bytes(b"PK\x03\x04")
        for file, error in (
            (empty, DocumentEmpty),
            (archive, DocumentUnsupported),
            (missing, DocumentNotFound),
            (tmp_path, DocumentNotFound),
        ):
            with pytest.raises(error):
                intake.check(NewFax(to_number=TO, documents=[file]))


def insert(store: JobStore, fax: NewFax, now: datetime) -> Job:
    with store.database.write() as connection:
        id = intake.insert_job(connection, intake.check(fax), now)
    return store.get(id)


class TestInsert:
    def test_a_document_is_prepared_first_and_a_url_is_due(
        self, store: JobStore, pdf: Path, clock: Clock
    ) -> None:
        job = insert(store, NewFax(to_number=TO, documents=[pdf, pdf]), clock.now)
        assert (job.state, job.due_at) == (JobState.ATTACHING_FILES, clock.now)
        assert [each.position for each in store.documents(job.id)] == [0, 1]
        job = insert(store, NewFax(to_number=TO, source=SOURCE), clock.now)
        assert (job.state, job.source) == (JobState.PENDING, SOURCE)
        assert [event.data for event in store.events(job.id)] == [{"state": "pending"}]

    @pytest.mark.parametrize(("hours", "due"), [(2, 2), (-2, 0)])
    def test_a_time_in_the_past_means_now(
        self, store: JobStore, clock: Clock, hours: int, due: int
    ) -> None:
        later = clock.now + timedelta(hours=hours)
        job = insert(store, NewFax(to_number=TO, source=SOURCE, not_before=later), clock.now)
        assert job.due_at == clock.now + timedelta(hours=due)

    def test_an_idempotency_key_belongs_to_an_account(self, store: JobStore, clock: Clock) -> None:
        other = Accounts(store.database).create("other").id
        fax = NewFax(to_number=TO, source=SOURCE, idempotency_key="k")
        first = insert(store, fax, clock.now)
        assert insert(store, replace(fax, to_number="+1"), clock.now) == first
        assert insert(store, replace(fax, account_id=other), clock.now).id != first.id
        assert insert(store, replace(fax, idempotency_key=None), clock.now).id != first.id

    def test_an_account_that_does_not_exist(self, store: JobStore, clock: Clock) -> None:
        with pytest.raises(exc.IntegrityError):
            insert(store, NewFax(to_number=TO, source=SOURCE, account_id="f" * 32), clock.now)
        assert store.list().jobs == ()


class TestResubmission:
    def again(self, store: JobStore, old: Job, now: datetime, **changes: Any) -> Job:
        with store.database.write() as connection:
            id = intake.insert_resubmission(connection, old, changes, now)
        return store.get(id)

    def test_values_and_documents_are_those_of_the_old_job(
        self, store: JobStore, ready: Callable[..., str], clock: Clock
    ) -> None:
        old = store.get(
            ready(
                retries=3,
                priority=7,
                gateways=["b", "a"],
                from_number="+1",
                fields={"x": 1},
                idempotency_key="k",
            )
        )
        clock.move(60)
        new = self.again(store, old, clock.now)
        assert (new.resubmit_of, new.created_at) == (old.id, clock.now)
        for name in ("to_number", "retries", "priority", "gateways", "from_number", "fields"):
            assert getattr(new, name) == getattr(old, name), name
        assert (new.prepared, new.pages_total, new.attempts) == (True, old.pages_total, 0)
        assert {each.sha256 for each in store.documents(new.id)} == {
            each.sha256 for each in store.documents(old.id)
        }

    def test_another_resolution_is_converted_again(
        self, store: JobStore, ready: Callable[..., str], clock: Clock
    ) -> None:
        coarse = SendPreferences(resolution="standard")
        new = self.again(store, store.get(ready()), clock.now, preferences=coarse)
        assert (new.state, new.prepared, new.pages_total) == (JobState.ATTACHING_FILES, False, 0)
        assert [each.kind for each in store.documents(new.id)] == ["original"]

    def test_a_received_fax_is_sent_from_the_number_that_was_called(
        self, store: JobStore, incoming: InboundFaxes, fax: Callable[..., RxResult], clock: Clock
    ) -> None:
        old = incoming.store(fax("35315550100", from_number="+15550199", from_name="Ann"))
        with pytest.raises(InvalidNumber):
            self.again(store, old, clock.now)  # the caller's number is not dialled unasked
        new = self.again(store, old, clock.now, to_number="+15550111")
        assert (new.to_number, new.from_number, new.from_name) == ("+15550111", "35315550100", "")
        (document,) = store.documents(new.id)
        assert (document.kind, new.state) == ("original", JobState.ATTACHING_FILES)

    def test_a_url_is_fetched_again_and_removed_documents_are_not_sent(
        self, database: Database, store: JobStore, ready: Callable[..., str], clock: Clock
    ) -> None:
        fetched = insert(store, NewFax(to_number=TO, source=SOURCE), clock.now)
        new = self.again(store, fetched, clock.now)
        assert (new.source, new.state) == (SOURCE, JobState.PENDING)
        old = store.get(ready())
        with database.write() as connection:
            documents.remove(connection, old.id, clock.now)
        with pytest.raises(IllegalMove, match="nothing is left to send"):
            self.again(store, old, clock.now)

    @pytest.mark.parametrize(
        ("changes", "why"), [({"colour": "red"}, "no such field"), ({"retries": 9}, "0 to 4")]
    )
    def test_an_invalid_change(
        self,
        store: JobStore,
        ready: Callable[..., str],
        clock: Clock,
        changes: dict[str, Any],
        why: str,
    ) -> None:
        old = store.get(ready())
        with pytest.raises(InvalidRequest, match=why):
            self.again(store, old, clock.now, **changes)
        assert [job.id for job in store.list().jobs] == [old.id]
