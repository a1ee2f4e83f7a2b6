"""The store, on both databases: what callers may request, and what they read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, func, select

from fsfax.accounts.accounts import Accounts
from fsfax.db.database import Database
from fsfax.db.documents import CHUNK
from fsfax.db.records import NewFax
from fsfax.db.schema import chunks, jobs
from fsfax.db.states import Direction, Hold, JobState
from fsfax.egress.request import FetchRequest
from fsfax.errors import (
    DocumentEmpty,
    DocumentNotFound,
    DocumentUnsupported,
    IllegalMove,
    InvalidNumber,
    InvalidRequest,
    JobNotFound,
    StoreError,
)
from fsfax.jobs.store import JobStore
from fsfax.settings import Settings
from fsfax.values.preferences import SendPreferences
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import DELIVERED

TO = "+353 1 555 0100"


class TestAccept:
    def test_every_field_is_stored(self, store: JobStore, pdf: Path, clock: Clock) -> None:
        later = clock.now + timedelta(hours=2)
        new = NewFax(
            to_number=TO,
            documents=[pdf],
            from_number="+35315550199",
            from_name="Ward 7",
            to_name="Dr. Who",
            retries=3,
            priority=5,
            not_before=later,
            gateways=["a", "b"],
            preferences=SendPreferences(t38="off", resolution="standard", header="Hello"),
            fields={"unknown": {"nested": [1, "ü"]}},
        )
        job = store.get(store.accept(new).id)
        assert (job.state, job.direction, job.hold) == ("attaching_files", "out", "")
        assert job.to_number == TO
        assert job.dial_number == "+35315550100"
        assert (job.from_number, job.from_name, job.to_name) == (
            "+35315550199",
            "Ward 7",
            "Dr. Who",
        )
        assert (job.retries, job.priority, job.gateways) == (3, 5, ("a", "b"))
        assert job.preferences == new.preferences
        assert job.fields == new.fields
        assert job.due_at == later
        assert job.created_at == clock.now
        assert job.id.startswith("202611-")
        assert len(job.id) == 39

    def test_stores_the_documents_in_order(self, store: JobStore, tmp_path: Path) -> None:
        files = []
        for number in range(3):
            files.append(tmp_path / f"{number}.txt")
            files[-1].write_text(f"page {number}\n" * 10)
        job = store.accept(NewFax(to_number=TO, documents=files))
        kept = store.documents(job.id)
        assert [document.name for document in kept] == ["0.txt", "1.txt", "2.txt"]
        assert [b"".join(store.read(d)) for d in kept] == [f.read_bytes() for f in files]
        assert {document.media_type for document in kept} == {"text/plain"}

    def test_large_documents_go_in_pieces(self, store: JobStore, tmp_path: Path) -> None:
        file = tmp_path / "large.pdf"
        file.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * (CHUNK // 256 * 3))
        job = store.accept(NewFax(to_number=TO, documents=[file]))
        (document,) = store.documents(job.id)
        pieces = list(store.read(document))
        assert len(pieces) == 4
        assert b"".join(pieces) == file.read_bytes()
        store.save(document, tmp_path / "out" / "copy.pdf")
        assert (tmp_path / "out" / "copy.pdf").read_bytes() == file.read_bytes()

    def test_a_url_makes_a_pending_job(self, store: JobStore) -> None:
        source = FetchRequest(url="https://example.com/fax.pdf", method="post", content="x")
        job = store.accept(NewFax(to_number=TO, source=source))
        assert job.state is JobState.PENDING
        assert job.source == source

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"to_number": "nobody"}, InvalidNumber),
            ({"from_number": "1;2"}, InvalidNumber),
            ({"retries": 5}, InvalidRequest),
            ({"retries": -1}, InvalidRequest),
            ({"priority": 101}, InvalidRequest),
            ({"gateways": ["a,b"]}, InvalidRequest),
            ({"documents": []}, InvalidRequest),  # neither a document nor a URL
            ({"account_id": "f" * 32}, JobNotFound),
        ],
    )
    def test_invalid_requests_are_refused(
        self, store: JobStore, pdf: Path, changes: dict[str, object], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            store.accept(NewFax(**{"to_number": TO, "documents": [pdf]} | changes))  # type: ignore[arg-type]
        assert store.list().jobs == ()

    @pytest.mark.parametrize(
        ("content", "error"),
        [(b"", DocumentEmpty), (b"PK\x03\x04", DocumentUnsupported), (None, DocumentNotFound)],
    )
    def test_invalid_documents_are_refused(
        self, store: JobStore, tmp_path: Path, content: bytes | None, error: type[Exception]
    ) -> None:
        file = tmp_path / "it"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(error):
            store.accept(NewFax(to_number=TO, documents=[file]))
        assert store.list().jobs == ()

    def test_the_same_key_makes_one_job(self, store: JobStore, pdf: Path) -> None:
        new = NewFax(to_number=TO, documents=[pdf], idempotency_key="k")
        first = store.accept(new)
        assert store.accept(new).id == first.id
        other = Accounts(store.database).create("other")
        assert (
            store.accept(
                NewFax(to_number=TO, documents=[pdf], idempotency_key="k", account_id=other.id)
            ).id
            != first.id
        )
        assert len(store.list().jobs) == 2

    def test_all_or_nothing(
        self, store: JobStore, pdf: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> str:
            raise StoreError("in the middle")

        monkeypatch.setattr("fsfax.db.documents.add", fail)
        with pytest.raises(StoreError):
            store.accept(NewFax(to_number=TO, documents=[pdf]))
        assert store.list().jobs == ()

    def test_in_transaction_writes_together_with_the_jobs(self, store: JobStore, pdf: Path) -> None:
        written: list[list[str]] = []

        def in_transaction(connection: Connection, ids: Sequence[str]) -> None:
            there = connection.execute(select(jobs.c.id).where(jobs.c.id.in_(ids))).scalars()
            assert set(there) == set(ids)
            written.append(list(ids))

        new = NewFax(to_number=TO, documents=[pdf], idempotency_key="k")
        both = store.accept_all(
            [new, NewFax(to_number=TO, documents=[pdf])], in_transaction=in_transaction
        )
        assert written == [[job.id for job in both]]
        again = store.accept_all([new], in_transaction=in_transaction)
        assert again[0].id == both[0].id
        assert len(store.list().jobs) == 2

    def test_several_faxes_are_accepted_together_or_not_at_all(
        self, store: JobStore, pdf: Path
    ) -> None:
        good = NewFax(to_number=TO, documents=[pdf])
        with pytest.raises(JobNotFound, match="no account"):
            store.accept_all([good, replace(good, account_id="f" * 32)])
        with pytest.raises(InvalidNumber):
            store.accept_all([good, replace(good, to_number="nobody")])

        def refuse(connection: Connection, ids: Sequence[str]) -> None:
            raise InvalidRequest("not this")

        with pytest.raises(InvalidRequest, match="not this"):
            store.accept_all([good], in_transaction=refuse)
        assert store.list().jobs == ()


class TestInputs:
    """What callers pass for a file and for the database."""

    @pytest.mark.parametrize("form", [str, Path])
    def test_a_document_is_named_by_a_string_or_a_path(
        self, store: JobStore, pdf: Path, form: Callable[[Path], str | Path]
    ) -> None:
        job = store.accept(NewFax(to_number="+1", documents=[form(pdf)]))
        assert store.documents(job.id)[0].name == pdf.name

    @pytest.mark.parametrize("form", [str, Path])
    def test_a_single_file_instead_of_a_list_is_refused(
        self, store: JobStore, pdf: Path, form: Callable[[Path], str | Path]
    ) -> None:
        with pytest.raises(InvalidRequest, match="list of files"):
            store.accept(NewFax(to_number="+1", documents=form(pdf)))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "form",
        [str, SecretStr, Database, lambda url: Settings(database=url)],
        ids=["url", "secret", "database", "settings"],
    )
    def test_the_database_is_named_by_its_url_or_the_settings(
        self, database_url: str, pdf: Path, form: Callable[[str], Any]
    ) -> None:
        with JobStore(form(database_url)) as store:
            job = store.accept(NewFax(to_number="+1", documents=[pdf]))
            assert store.get(job.id) == job


class TestRead:
    def test_an_id_is_known_with_and_without_its_month(self, store: JobStore, pdf: Path) -> None:
        job = store.accept(NewFax(to_number=TO, documents=[pdf]))
        assert store.get(job.id[7:]).id == job.id
        assert store.get(job.id).id == job.id

    @pytest.mark.parametrize("id", ["", "x", "202611-" + "0" * 32, "0" * 32, "%", "'; --"])
    def test_an_unknown_id(self, store: JobStore, id: str) -> None:
        with pytest.raises(JobNotFound):
            store.get(id)

    def test_accounts_do_not_see_each_other(self, store: JobStore, pdf: Path) -> None:
        mine, yours = (
            Accounts(store.database).create("mine"),
            Accounts(store.database).create("yours"),
        )
        job = store.accept(NewFax(to_number=TO, documents=[pdf], account_id=mine.id))
        assert store.get(job.id, mine.id).id == job.id
        for call in (
            store.get,
            store.cancel,
            store.hold,
            store.release,
            store.resubmit,
            store.remove,
            store.remove_documents,
        ):
            with pytest.raises(JobNotFound):
                call(job.id, yours.id)  # type: ignore[operator]
        assert store.list(yours.id).jobs == ()
        assert [found.id for found in store.list(mine.id).jobs] == [job.id]

    def test_lists_in_parts(self, store: JobStore, pdf: Path, clock: Clock) -> None:
        made = []
        for number in range(7):
            made.append(store.accept(NewFax(to_number=TO, documents=[pdf])).id)
            if number % 3:  # some in the same moment: the id decides
                clock.move(1)
        for ascending in (False, True):
            seen: list[str] = []
            start = None
            while True:
                part = store.list(limit=2, start=start, ascending=ascending)
                seen += [job.id for job in part.jobs]
                start = part.next_start
                if start is None:
                    break
            assert len(seen) == 7
            assert set(seen) == set(made)
            times = [store.get(id).created_at for id in seen]
            assert times == sorted(times, reverse=not ascending)

    def test_filters(self, store: JobStore, pdf: Path, clock: Clock) -> None:
        old = store.accept(NewFax(to_number=TO, documents=[pdf]))
        clock.move(3600)
        new = store.accept(NewFax(to_number=TO, source=FetchRequest(url="http://x/")))

        def ids(**filters: object) -> list[str]:
            return [job.id for job in store.list(**filters).jobs]  # type: ignore[arg-type]

        assert ids(states=[JobState.PENDING]) == [new.id]
        assert ids(direction=Direction.IN) == []
        assert ids(created_from=clock.now) == [new.id]
        assert ids(created_to=clock.now - timedelta(seconds=1)) == [old.id]

    @pytest.mark.parametrize("start", ["", "x", "2026/y/z", "\x00"])
    def test_an_invalid_start(self, store: JobStore, start: str) -> None:
        with pytest.raises(InvalidRequest):
            store.list(start=start)


class TestCancel:
    def test_a_waiting_job_is_cancelled_at_once(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        job = store.cancel(ready())
        assert job.state is JobState.CANCELLED
        assert job.finished_at is not None
        with pytest.raises(IllegalMove):
            store.cancel(job.id)

    def test_a_job_under_way_is_cancelled_by_its_worker(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = store.cancel(id)
        assert (job.state, job.cancel_asked) == (JobState.PROCESSING, True)
        assert worker.claims.asked_to_cancel() == [id]
        worker.settlement.not_dialled(claim, "cancelled before dialling")
        assert store.get(id).state is JobState.CANCELLED

    def test_a_fax_that_was_delivered_before_the_call_could_be_ended(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        store.cancel(id)
        assert worker.settlement.settle(claim, DELIVERED).state is JobState.COMPLETED


class TestHold:
    def test_a_held_job_is_not_called(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(), hand()
        assert store.hold(id).hold is Hold.OPERATOR
        assert store.hold(id).hold is Hold.OPERATOR
        assert worker.claims.claim([NODE_CAPACITY]) == []
        store.release(id)
        assert [claim.job.id for claim in worker.claims.claim([NODE_CAPACITY])] == [id]
        with pytest.raises(IllegalMove):
            store.hold(id)
        with pytest.raises(IllegalMove):
            store.release(id)


class TestResubmit:
    def test_a_finished_fax_is_sent_again(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(retries=3), hand()
        with pytest.raises(IllegalMove):
            store.resubmit(id)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.settlement.settle(claim, DELIVERED)
        again = store.resubmit(id, changes={"to_number": "+35315550777", "retries": 0})
        assert again.id != id
        assert (again.resubmit_of, again.dial_number, again.retries) == (id, "+35315550777", 0)
        assert (again.state, again.prepared, again.pages_total) == (JobState.PENDING, True, 3)
        assert (again.attempts, again.result) == (0, None)
        kept = {d.kind: b"".join(store.read(d)) for d in store.documents(again.id)}
        assert set(kept) == {"original", "fax"}
        assert store.get(id).state is JobState.COMPLETED
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        assert claim.job.id == again.id

    def test_another_resolution_is_converted_anew(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        id = ready()
        store.cancel(id)
        again = store.resubmit(id, changes={"preferences": SendPreferences(resolution="standard")})
        assert (again.state, again.prepared) == (JobState.ATTACHING_FILES, False)
        assert [d.kind for d in store.documents(again.id)] == ["original"]

    def test_nothing_left_to_send(self, store: JobStore, ready: Callable[..., str]) -> None:
        id = ready()
        store.cancel(id)
        store.remove_documents(id)
        with pytest.raises(IllegalMove):
            store.resubmit(id)

    def test_an_unknown_change(self, store: JobStore, ready: Callable[..., str]) -> None:
        id = ready()
        store.cancel(id)
        with pytest.raises(InvalidRequest):
            store.resubmit(id, changes={"colour": "red"})


class TestRemove:
    def test_documents_go_and_the_record_stays(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        id = ready()
        with pytest.raises(IllegalMove):
            store.remove_documents(id)
        store.cancel(id)
        assert store.remove_documents(id) == 2
        assert store.remove_documents(id) == 0
        with store.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(chunks)).scalar() == 0
        for document in store.documents(id):
            assert document.removed_at
            assert len(document.sha256) == 64
            with pytest.raises(JobNotFound):
                list(store.read(document))
        assert store.get(id).state is JobState.CANCELLED

    def test_a_removed_job_is_not_found(self, store: JobStore, ready: Callable[..., str]) -> None:
        id = ready()
        with pytest.raises(IllegalMove):
            store.remove(id)
        store.cancel(id)
        store.remove(id)
        with pytest.raises(JobNotFound):
            store.get(id)
        assert store.list().jobs == ()

    def test_damaged_bytes_are_not_returned(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        (original, *_) = [d for d in store.documents(ready()) if d.kind == "original"]
        with store.database.write() as connection:
            connection.execute(
                chunks.update()
                .where(chunks.c.document_id == original.id)
                .values(data=b"%PDF-1.4\n" + b"y" * 3000)
            )
        with pytest.raises(StoreError, match="damaged"):
            list(store.read(original))
