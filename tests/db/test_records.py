"""Values that are read from rows: times, results, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update

from fsfax.db.schema import attempts, jobs
from fsfax.jobs.store import JobStore
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
        from datetime import UTC, datetime

        from fsfax.db.records import gregorian

        # The API document's own sample: 2016-03-28T19:02:53Z.
        assert gregorian(datetime(2016, 3, 28, 19, 2, 53, tzinfo=UTC)) == 63626410973


class TestResult:
    def test_fields_of_a_later_version_are_passed_over(
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
