"""Values that are read from rows: times, results, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from fsfax.accounts.accounts import Account
from fsfax.accounts.tokens import Scope, Token
from fsfax.db.records import (
    GREGORIAN_OFFSET,
    NewFax,
    cursor,
    gregorian,
    plain_fields,
    split_route,
)
from fsfax.db.schema import attempts, jobs
from fsfax.db.states import Direction, Hold, JobState
from fsfax.egress.request import FetchRequest
from fsfax.errors import InvalidRequest
from fsfax.jobs.store import JobStore
from fsfax.values.events import EventKind
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import PageRecord, TxResult
from tests.job_fixtures import NODE_CAPACITY, Hand
from tests.jobs.results import DELIVERED

PAGE: dict[str, Any] = {
    "number": 1,
    "seconds": 1.0,
    "image_bytes": 1,
    "width": 1728,
    "rows": 100,
    "x_resolution": 8031,
    "y_resolution": 3850,
    "bad_rows": 0,
    "longest_bad_row_run": 0,
    "encoding": "T.6",
}


class TestTimes:
    def test_gregorian_seconds_are_those_of_the_api(self) -> None:
        # The API document's own sample: 2016-03-28T19:02:53Z.
        assert gregorian(datetime(2016, 3, 28, 19, 2, 53, tzinfo=UTC)) == 63626410973


class TestResult:
    def test_fields_of_a_later_version_are_ignored(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = worker.settlement.settle(claim, DELIVERED)
        with store.database.write() as connection:
            for table in (jobs, attempts):
                row = connection.execute(select(table)).one()
                later = row.result | {"mood": "good", "pages": [PAGE | {"mood": "good"}]}
                connection.execute(update(table).values(result=later))
        later_job = store.list().jobs[0]
        assert isinstance(later_job.result, TxResult)
        assert later_job.result.pages == (PageRecord(**PAGE),)
        assert later_job.result.line_seconds == 30
        assert job.result == replace(later_job.result, pages=())
        (attempt,) = store.attempts(id)
        assert attempt.result is not None
        assert attempt.result.pages == (PageRecord(**PAGE),)

    def test_json_values(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        id, worker = ready(), hand()
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        job = worker.settlement.settle(claim, DELIVERED)
        (attempt,) = store.attempts(id)
        assert job.result is not None
        assert json.loads(json.dumps(job.as_dict()))["result"] == job.result.as_dict()
        shown = json.loads(json.dumps(attempt.as_dict()))
        assert shown["result"] == DELIVERED.as_dict()
        assert shown["plan"] == {
            "t38": "on", "ecm": True, "v17": True, "first_page": 1, "last_page": 3,
        }  # fmt: skip
        assert "stored_result" not in shown


class TestFields:
    def test_a_cursor_has_time_and_id(self) -> None:
        account = Account(
            id="a" * 32,
            name="",
            created_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            max_calls=0,
            windows=(),
            numbers=(),
        )
        assert cursor(account) == f"2026-11-23T12:00:00+00:00/{'a' * 32}"

    @pytest.mark.parametrize(("route", "gateways"), [("", ()), ("a", ("a",)), ("b,a", ("b", "a"))])
    def test_a_route_names_gateways_in_their_order(
        self, route: str, gateways: tuple[str, ...]
    ) -> None:
        assert split_route(route) == gateways

    def test_plain_fields_are_json(self) -> None:
        token = Token(
            id="t",
            account_id="a",
            name="ü",
            scopes=frozenset({Scope.WRITE, Scope.READ}),
            created_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            expires_at=None,
            revoked_at=None,
        )
        assert json.loads(json.dumps(plain_fields(token))) == {
            "id": "t",
            "account_id": "a",
            "name": "ü",
            "scopes": ["read", "write"],
            "created_at": "2026-11-23T12:00:00Z",
            "expires_at": None,
            "revoked_at": None,
        }


class TestJob:
    def test_has_typed_values_of_its_row(self, store: JobStore, pdf: Path) -> None:
        source = FetchRequest(url="https://example.com/fax.pdf")
        preferences = SendPreferences(t38="off", header="Ward 7")
        wanted = NewFax(
            to_number="+353 1 555 0100", source=source, gateways=["b", "a"], preferences=preferences
        )
        job = store.accept(wanted)
        assert (job.direction, job.state, job.hold) == (
            Direction.OUT,
            JobState.PENDING,
            Hold.NO,
        )
        assert (job.source, job.gateways, job.preferences) == (source, ("b", "a"), preferences)
        assert job.result is None
        plain = store.accept(NewFax(to_number="1", documents=[pdf]))
        assert (plain.source, plain.gateways, plain.preferences) == (None, (), SendPreferences())

    def test_a_stored_value_that_is_no_result(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        id = ready()
        with store.database.write() as connection:
            connection.execute(update(jobs).values(result={"success": "perhaps"}))
        job = store.get(id)
        with pytest.raises(InvalidRequest):
            _ = job.result

    def test_its_json_has_both_forms_of_its_time(
        self, store: JobStore, ready: Callable[..., str]
    ) -> None:
        shown = json.loads(json.dumps(store.get(ready()).as_dict()))
        assert shown["created_at"] == "2026-11-23T12:00:00Z"
        assert shown["created"] == 1795435200 + GREGORIAN_OFFSET
        assert (shown["state"], shown["result"], shown["gateways"]) == ("pending", None, [])

    def test_an_event_in_json(self, store: JobStore, ready: Callable[..., str]) -> None:
        id = ready()
        event = store.events(id)[0]
        assert event.kind is EventKind.STATE
        assert json.loads(json.dumps(event.as_dict())) == {
            "id": event.id,
            "job_id": id,
            "call_id": "",
            "at": "2026-11-23T12:00:00Z",
            "kind": "state",
            "data": {"state": "attaching_files"},
        }
