"""Rows of the table ``workers``, which the tests of the database write and count."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, insert, select

from fsfax.db.database import Database
from fsfax.db.schema import workers
from fsfax.runtime.clock import utc_now


def add_worker(database: Database, name: str = "w") -> None:
    with database.write() as connection:
        connection.execute(
            insert(workers).values(
                id=os.urandom(16).hex(), name=name, started_at=utc_now(), lease_until=utc_now()
            )
        )


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(workers)).scalar() or 0


def add_rows(
    database: Database, rows: list[dict[str, Any]], between: Callable[[], None] = lambda: None
) -> None:
    """Add workers in one transaction; something may happen between the first and the others."""
    with database.write() as connection:
        connection.execute(insert(workers).values(**rows[0]))
        between()
        for row in rows[1:]:
            connection.execute(insert(workers).values(**row))
