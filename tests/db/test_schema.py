"""The tables: as the migrations make them, and what their constraints forbid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, exc, insert, select, text

from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import attempts, jobs, metadata, workers
from fsfax.jobs.store import JobStore
from tests.job_fixtures import NODE_CAPACITY, Hand
from tests.postgresql import Server

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class TestMigrations:
    def test_migrations_make_what_the_schema_says(
        self, tmp_path: Path, postgresql_server: Server
    ) -> None:
        """Column by column, with every default, constraint and index, on both databases."""
        for kind, urls in {
            "sqlite": [f"sqlite:///{tmp_path}/{name}.db" for name in "ab"],
            "postgresql": [postgresql_server.database("template0") for _ in "ab"],
        }.items():
            migrated, made = (Database(url) for url in urls)
            migrated.upgrade()
            with made.write() as connection:
                metadata.create_all(connection)
            assert tables_of(migrated) - tables_of(made) == ALEMBIC[kind]
            assert tables_of(made) <= tables_of(migrated)
            migrated.close()
            made.close()


ALEMBIC = {
    "sqlite": {
        ("alembic_version", "version_num VARCHAR(32) NOT NULL"),
        ("alembic_version", "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"),
    },
    "postgresql": {
        ("alembic_version", "version_num character varying(32) null NO default None"),
        ("alembic_version", "PRIMARY KEY (version_num)"),
        (
            "alembic_version",
            "CREATE UNIQUE INDEX alembic_version_pkc ON public.alembic_version"
            " USING btree (version_num)",
        ),
    },
}


POSTGRESQL_TABLES = """
    SELECT table_name, column_name || ' ' || data_type
        || coalesce('(' || character_maximum_length || ')', '')
        || ' null ' || is_nullable || ' default ' || coalesce(column_default, 'None')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def tables_of(database: Database) -> set[tuple[str, str]]:
    """Everything that a database says of its tables: (table, what it has)."""
    with database.read() as connection:
        if not database.is_sqlite:
            return {tuple(row) for row in connection.execute(text(POSTGRESQL_TABLES))}
        rows = connection.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE sql != ''"))
        return {
            (table, part)
            for table, sql in rows
            for part in (columns_of(sql) if sql.startswith("CREATE TABLE") else [sql])
        }


def columns_of(sql: str) -> list[str]:
    """What is between the commas; a column that was added later stands on no line of its own."""
    inner = sql[sql.index("(") + 1 : sql.rindex(")")]
    parts, depth = [""], 0
    for character in inner:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [" ".join(part.split()) for part in parts]


Ready = Callable[..., str]
Hands = Callable[[], Hand]


class TestConstraints:
    @pytest.mark.parametrize("same", ["job_id", "dial_number"])
    def test_a_second_open_attempt(
        self, store: JobStore, ready: Ready, hand: Hands, same: str
    ) -> None:
        ready(), ready()
        one, two = hand().claims.claim([NODE_CAPACITY], 2)
        with store.database.read() as connection:
            rows = {
                row.id: dict(row._mapping) for row in connection.execute(select(attempts)).all()
            }
        copy = rows[two.attempt.id] | {
            "id": "x",
            "number": 9,
            same: rows[one.attempt.id][same],
        }
        if same == "dial_number":
            copy["job_id"] = ready()
        else:
            copy["dial_number"] = "+1"
        with pytest.raises(exc.IntegrityError), store.database.write() as connection:
            connection.execute(insert(attempts).values(copy))

    def test_a_second_job_of_one_inbound_call(self, database: Database) -> None:
        with database.write() as connection:
            transitions.ensure_default_account(connection, NOON)
            connection.execute(insert(jobs).values(inbound_job("a", call_id="one")))
            connection.execute(insert(jobs).values(inbound_job("b", call_id="two")))
        with pytest.raises(exc.IntegrityError), database.write() as connection:
            connection.execute(insert(jobs).values(inbound_job("c", call_id="two")))

    def test_a_second_job_with_the_hex_digits_of_another(self, database: Database) -> None:
        """Both would be found by their id without the month."""
        with database.write() as connection:
            transitions.ensure_default_account(connection, NOON)
            connection.execute(insert(jobs).values(inbound_job("a", call_id="one")))
        values = inbound_job("a", call_id="two") | {"id": f"202612-{'a' * 32}"}
        with pytest.raises(exc.IntegrityError), database.write() as connection:
            connection.execute(insert(jobs).values(values))

    def test_a_removed_worker_owns_no_job(self, store: JobStore, ready: Ready, hand: Hands) -> None:
        ready()
        worker = hand()
        assert worker.claims.claim([NODE_CAPACITY])
        owner = select(jobs.c.worker_id)
        with store.database.read() as connection:
            assert connection.execute(owner).scalars().all() == [worker.leases.worker_id]
        with store.database.write() as connection:
            connection.execute(delete(workers))
            assert connection.execute(owner).scalars().all() == [None]


def inbound_job(letter: str, call_id: str) -> dict[str, Any]:
    return {
        "id": f"202611-{letter * 32}",
        "account_id": transitions.DEFAULT_ACCOUNT,
        "direction": "in",
        "state": "processing",
        "created_at": NOON,
        "modified_at": NOON,
        "due_at": NOON,
        "preferences": {},
        "fields": {},
        "call_id": call_id,
    }


class TestTimes:
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
    def test_a_time_is_stored_in_utc(self, database: Database, zone: str) -> None:
        at = NOON.astimezone(ZoneInfo(zone))
        row = {"id": "w", "name": "w", "started_at": at, "lease_until": at}
        with database.write() as connection:
            connection.execute(insert(workers).values(row))
        with database.read() as connection:
            found = connection.execute(select(workers.c.started_at)).scalar_one()
            earlier = select(workers.c.id).where(workers.c.started_at < at + timedelta(seconds=1))
            assert connection.execute(earlier).all()
        assert (found, found.utcoffset()) == (NOON, timedelta(0))

    def test_a_time_without_a_zone_is_refused(self, database: Database) -> None:
        at = NOON.replace(tzinfo=None)
        row = {"id": "w", "name": "w", "started_at": at, "lease_until": at}
        with (
            pytest.raises(exc.StatementError, match="has no time zone"),
            database.write() as connection,
        ):
            connection.execute(insert(workers).values(row))
