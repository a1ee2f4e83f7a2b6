"""Counts of jobs, workers and deliveries, which do not read the history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fsfax.db.database import Database
from fsfax.jobs import overview
from fsfax.jobs.store import JobStore
from tests.bench import job_rows
from tests.bench.job_places import Statements, plan


def test_what_is_counted(store: JobStore, ready: Callable[..., str]) -> None:
    ready()
    held, over = ready(), ready()
    store.hold(held)
    store.cancel(over)
    later = datetime.now(UTC) + timedelta(seconds=50)
    seen = overview.read_overview(store.database, lambda: later)
    assert seen.jobs == {("out", "pending"): 2}
    assert seen.queue_age > 0
    assert (seen.uncertain, seen.workers, seen.notifications) == (0, 0, 1)


def test_nothing_is_counted_from_the_history(database_url: str) -> None:
    database = Database(database_url)
    ids = job_rows.account_ids(2)
    job_rows.make_accounts(database, ids)
    job_rows.fill(database, 20_000, ids)
    statements = Statements(database.engine, lambda words: "FROM jobs" in words)
    overview.read_overview(database)
    assert len(statements.kept) == 3
    for statement, values in list(statements.kept):  # the plans are statements, too
        steps = "\n".join(plan(database, statement, values))
        assert "Seq Scan" not in steps, steps
        assert "SCAN jobs USING INDEX ix_jobs_list" not in steps, steps
        assert "SCAN jobs\n" not in steps, steps
    database.close()
