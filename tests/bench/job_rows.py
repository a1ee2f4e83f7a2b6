"""Insert thousands of jobs directly into the tables."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import accounts, jobs

_LOT = 20_000
_COUNT = itertools.count(1)

RESULT = {"success": True, "outcome": "delivered", "pages_sent": 3, "result_text": "OK"}


def now() -> datetime:
    return datetime.now(UTC)


def account_ids(count: int) -> list[str]:
    """Accounts besides the default one."""
    return [f"{number:032x}" for number in range(1, count + 1)]


def make_accounts(database: Database, ids: list[str]) -> None:
    at = now() - timedelta(days=1)
    with database.write() as connection:
        transitions.ensure_default_account(connection, at)
        if ids:
            rows = [
                {"id": id, "name": id, "created_at": at, "served_at": at, "windows": []}
                for id in ids
            ]
            connection.execute(insert(accounts), rows)


def job(account: str = transitions.DEFAULT_ACCOUNT, **changes: Any) -> dict[str, Any]:
    """A job that could be called now, to a number of its own."""
    number = next(_COUNT)
    at = now()
    return {
        "id": f"{at:%Y%m}-{random.getrandbits(128):032x}",
        "account_id": account,
        "direction": "out",
        "state": "pending",
        "created_at": at,
        "modified_at": at,
        "finished_at": None,
        "to_number": f"+1555{number:09}",
        "dial_number": f"1555{number:09}",
        "preferences": {},
        "source": None,
        "fields": {},
        "result": None,
        "due_at": at,
        "priority": 0,
        "route": "",
        "prepared": True,
        "blocked": False,
        "pages_total": 3,
        "pages_confirmed": 0,
    } | changes


def finished(count: int, ids: list[str]) -> Iterator[dict[str, Any]]:
    """Jobs of the last year that are over: 97 of 100 completed, 1 of 10 came in, none cancelled."""
    end = now()
    for number in range(count):
        at = end - timedelta(seconds=365 * 86400 * (count - number) / count)
        yield job(
            ids[number % len(ids)],
            id=f"{at:%Y%m}-{random.getrandbits(128):032x}",
            direction="in" if number % 10 == 7 else "out",
            state="failed" if number % 100 > 96 else "completed",
            created_at=at,
            modified_at=at,
            finished_at=at,
            due_at=at,
            result=RESULT,
            pages_confirmed=3,
        )


def load(database: Database, rows: Iterator[dict[str, Any]]) -> None:
    """Insert jobs, a transaction for each twenty thousand; then let the database count them."""
    while lot := list(itertools.islice(rows, _LOT)):
        with database.write() as connection:
            connection.execute(insert(jobs), lot)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("VACUUM ANALYZE")


def fill(database: Database, count: int, ids: list[str]) -> None:
    """Insert so many jobs that are over, fast: some are made, the database itself copies them."""
    made = min(count, _LOT // 2)
    times = count // made
    load(database, finished(made, ids))
    step = 365 * 86400 / made / times
    if database.is_sqlite:
        id = "substr(id, 1, 7) || lower(hex(randomblob(16)))"
        earlier = "strftime('%Y-%m-%d %H:%M:%f', {}, '-{} seconds') || '000'"
    else:
        id = "substr(id, 1, 7) || md5(random()::text || id)"
        earlier = "{} - interval '{} seconds'"
    names = [column.name for column in jobs.columns]
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE made AS SELECT * FROM jobs")
        for copy in range(1, times):
            shift = f"{copy * step:.3f}"
            changed = {
                name: earlier.format(name, shift)
                for name in ("created_at", "modified_at", "finished_at", "due_at")
            } | {"id": id}
            values = ", ".join(changed.get(name, name) for name in names)
            connection.exec_driver_sql(
                f"INSERT INTO jobs ({', '.join(names)}) SELECT {values} FROM made"  # noqa: S608
            )
        connection.exec_driver_sql("DROP TABLE made")
    load(database, iter(()))
