"""The tables. What must never happen is forbidden here, by constraints, for every writer.

Three unique indexes enforce the promises: one open attempt per job, one open attempt per number,
one inbound job per call. Indexes are partial wherever most rows are history, so that claiming costs
the same with ten jobs behind it as with a million.

Times are UTC. Identifiers: an account is 32 hex digits, a job ``YYYYMM-`` and 32 hex digits, an
attempt the UUID of its (first) call.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    UniqueConstraint,
    false,
    func,
    literal_column,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB


class Utc(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite, which has no time zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as it is stored; raise ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Return the stored time as an aware one in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_Json = JSON().with_variant(JSONB(), "postgresql")
_Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers INTEGER keys only

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(column_0_label)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("max_calls", Integer, nullable=False, server_default="0"),
    Column("windows", _Json, nullable=False),
    # When it last got a line: the account that has waited longest is served first.
    Column("served_at", Utc, nullable=False),
)

inbound_numbers = Table(
    # By the key of a number (`fsfax.accounts.numbers`): one owner for all ways to write it.
    "inbound_numbers",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    # The faxbox of that account, if the number belongs to one.
    Column("faxbox_id", String(32)),
    Column("shown", String(64), nullable=False, server_default=""),
)

tokens = Table(
    # Tokens of the HTTP API. Their secrets are not stored, only hashes.
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", _Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("revoked_at", Utc),
)

faxboxes = Table(
    # Settings for the faxes to and from its numbers.
    "faxboxes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("data", _Json, nullable=False),
    Column("smtp_address", String(255), nullable=False, unique=True),
    Column("custom_address", String(255), unique=True),
    Column("created_at", Utc, nullable=False),
    Column("modified_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
)

mails = Table(
    # Every mail that was sent to a fax address, accepted or refused.
    "mails",
    metadata,
    Column("id", String(39), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("faxbox_id", String(32)),
    Column("created_at", Utc, nullable=False),
    Column("from_address", Text, nullable=False),
    Column("to_address", Text, nullable=False),
    Column("errors", _Json, nullable=False),
    Column("job_ids", _Json, nullable=False),
    Column("data", _Json, nullable=False),
    Index("ix_mails_list", "account_id", "created_at", "id"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("lease_until", Utc, nullable=False),
)

duties = Table(
    # Work that one worker at a time does for all workers: receiving.
    "duties",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("worker_id", ForeignKey("workers.id", ondelete="SET NULL")),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(39), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("state", String(16), nullable=False),
    Column("hold", String(16), nullable=False, server_default=""),
    Column("created_at", Utc, nullable=False),
    Column("modified_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("removed_at", Utc),
    Column("revision", Integer, nullable=False, server_default="1"),
    # What was asked for.
    Column("from_number", Text, nullable=False, server_default=""),
    Column("from_name", Text, nullable=False, server_default=""),
    Column("to_number", Text, nullable=False, server_default=""),
    Column("to_name", Text, nullable=False, server_default=""),
    Column("dial_number", String(64), nullable=False, server_default=""),
    Column("retries", Integer, nullable=False, server_default="1"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("route", Text, nullable=False, server_default=""),
    Column("preferences", _Json, nullable=False),
    Column("source", _Json),
    Column("fields", _Json, nullable=False),
    Column("resubmit_of", String(39)),
    Column("idempotency_key", String(255)),
    # When, and by whom.
    Column("due_at", Utc, nullable=False),
    Column("prepared", Boolean, nullable=False, server_default=false()),
    Column("blocked", Boolean, nullable=False, server_default=false()),
    Column("cancel_asked", Boolean, nullable=False, server_default=false()),
    Column("worker_id", ForeignKey("workers.id", ondelete="SET NULL")),
    Column("token", BigInteger, nullable=False, server_default="0"),
    # What came of it.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("dials", Integer, nullable=False, server_default="0"),
    Column("fetches", Integer, nullable=False, server_default="0"),
    Column("pages_total", Integer, nullable=False, server_default="0"),
    Column("pages_confirmed", Integer, nullable=False, server_default="0"),
    Column("status_text", Text, nullable=False, server_default=""),
    Column("result", _Json),
    # The Unique-ID of an inbound fax's call.
    Column("call_id", String(64)),
    Column("faxbox_id", String(32)),
    # Its documents were removed at the end of the faxbox's retention time.
    Column("documents_expired", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("call_id"),
)

# A job is also found by its id without ``YYYYMM-``.
HEX = func.substr(jobs.c.id, literal_column("8"))
"""The id without ``YYYYMM-``. The 8 is a literal: with a parameter SQLite would not recognise the
expression of the index."""
Index("uq_jobs_hex", HEX, unique=True)

# Queries have to use exactly these texts: SQLite uses a partial index only if the same
# expression stands in the query (https://sqlite.org/partialindex.html).
CLAIMABLE = text(
    "state = 'pending' AND hold = '' AND prepared AND NOT blocked AND worker_id IS NULL"
)
"""Jobs that can be called once they are due."""
UNPREPARED = text(
    "NOT prepared AND direction = 'out' AND worker_id IS NULL AND hold = ''"
    " AND state IN ('attaching_files', 'pending')"
)
"""Jobs whose documents have to be prepared once they are due."""
BLOCKED = text("blocked")
"""Jobs that wait for the end of another call to their number."""
PROCESSING = text("state = 'processing'")
"""Jobs whose call is up, or was up when their worker was lost."""
LISTED = text("removed_at IS NULL")
"""Jobs that lists show."""


def _of(where: TextClause) -> dict[str, Any]:
    return {"sqlite_where": where, "postgresql_where": where}


# Each of the next three answers one question of a claim with one lookup: the first job of an
# account on a route in a priority; whether an account has a job that is due; the jobs for a number.
Index(
    "ix_jobs_claim",
    jobs.c.account_id,
    jobs.c.route,
    jobs.c.priority,
    jobs.c.due_at,
    jobs.c.id,
    **_of(CLAIMABLE),
)
Index("ix_jobs_account_due", jobs.c.account_id, jobs.c.due_at, **_of(CLAIMABLE))
Index("ix_jobs_number", jobs.c.dial_number, jobs.c.due_at, **_of(CLAIMABLE))
Index("ix_jobs_due", jobs.c.due_at, **_of(CLAIMABLE))
Index("ix_jobs_unprepared", jobs.c.due_at, **_of(UNPREPARED))
Index(
    "ix_jobs_blocked",
    jobs.c.dial_number,
    jobs.c.priority.desc(),
    jobs.c.due_at,
    jobs.c.id,
    **_of(BLOCKED),
)
Index("ix_jobs_processing", jobs.c.direction, jobs.c.worker_id, **_of(PROCESSING))
Index("ix_jobs_owned", jobs.c.worker_id, **_of(text("worker_id IS NOT NULL")))
# A list is merged from one part for each direction and state, each of which is a range of one
# of these indexes; so two of them serve every filter.
Index(
    "ix_jobs_list",
    jobs.c.account_id,
    jobs.c.direction,
    jobs.c.state,
    jobs.c.created_at,
    jobs.c.id,
    **_of(LISTED),
)
Index(
    "ix_jobs_list_all",
    jobs.c.direction,
    jobs.c.state,
    jobs.c.created_at,
    jobs.c.id,
    **_of(LISTED),
)
_IN_FAXBOX = text("faxbox_id IS NOT NULL AND removed_at IS NULL")
Index(
    "ix_jobs_faxbox",
    jobs.c.faxbox_id,
    jobs.c.direction,
    jobs.c.state,
    jobs.c.created_at,
    jobs.c.id,
    **_of(_IN_FAXBOX),
)
KEPT = text("faxbox_id IS NOT NULL AND finished_at IS NOT NULL AND NOT documents_expired")
"""Finished faxes of faxboxes whose documents may not be removed yet."""
Index("ix_jobs_kept", jobs.c.faxbox_id, jobs.c.finished_at, **_of(KEPT))
Index(
    "uq_jobs_idempotency",
    jobs.c.account_id,
    jobs.c.idempotency_key,
    unique=True,
    sqlite_where=text("idempotency_key IS NOT NULL"),
    postgresql_where=text("idempotency_key IS NOT NULL"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("account_id", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("counts", Boolean, nullable=False, server_default=true()),
    Column("dial_number", String(64), nullable=False),
    Column("node", Text, nullable=False),
    Column("core", Text, nullable=False),
    Column("gateways", _Json, nullable=False),
    # The line that it holds now, for the limits.
    Column("gateway", Text, nullable=False),
    Column("plan", _Json, nullable=False),
    Column("why", _Json, nullable=False),
    # The last page of the document that was observed to be confirmed, 0 = none.
    Column("page", Integer, nullable=False, server_default="0"),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("outcome", String(24), nullable=False, server_default=""),
    Column("result", _Json),
    UniqueConstraint("job_id", "number", name="uq_attempts_number"),
)

_OPEN = text("ended_at IS NULL")
Index(
    "uq_attempts_open_job",
    attempts.c.job_id,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index(
    "uq_attempts_open_number",
    attempts.c.dial_number,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

job_events = Table(
    # What happened to a job: states, negotiation, pages. A confirmed page survives a crash.
    "job_events",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    # The Unique-ID of the call on which it was observed (an attempt's id is that of its first
    # call); "" for what happened to the job itself.
    Column("call_id", String(64), nullable=False, server_default=""),
    Column("at", Utc, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("data", _Json, nullable=False),
    Index("ix_job_events_job", "job_id", "id"),
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("name", Text, nullable=False, server_default=""),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("pages", Integer, nullable=False, server_default="0"),
    Column("created_at", Utc, nullable=False),
    Column("removed_at", Utc),
)

chunks = Table(
    "chunks",
    metadata,
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

destinations = Table(
    "destinations",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("history", _Json, nullable=False),
    Column("modified_at", Utc, nullable=False),
)

outbox = Table(
    # Notifications, written in the commit that makes them true. The dispatcher expands each of
    # them into deliveries, one per recipient, and marks it as done.
    "outbox",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("data", _Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("done_at", Utc),
)
UNEXPANDED = text("done_at IS NULL")
"""Notifications of which no deliveries were made yet."""
Index("ix_outbox_unexpanded", outbox.c.id, **_of(UNEXPANDED))

deliveries = Table(
    # A notification for one recipient. It is open until it is delivered (done) or given up (dead).
    "deliveries",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("outbox_id", ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("job_id", String(39), nullable=False),
    Column("account_id", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("target", Text, nullable=False),
    # What belongs to the target: the webhook's secret and form, the language.
    Column("data", _Json, nullable=False),
    # Sent to the recipient, the same in every try.
    Column("message_id", String(64), nullable=False, unique=True),
    Column("created_at", Utc, nullable=False),
    # The next try; during a try the time after which another process may try.
    Column("due_at", Utc, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("problem", Text, nullable=False, server_default=""),
    Column("done_at", Utc),
    Column("dead_at", Utc),
    Index("ix_deliveries_list", "account_id", "id"),
)
UNDELIVERED = text("done_at IS NULL AND dead_at IS NULL")
"""Deliveries that are still to be made."""
Index("ix_deliveries_due", deliveries.c.channel, deliveries.c.due_at, **_of(UNDELIVERED))
DEAD = text("dead_at IS NOT NULL")
"""Deliveries that were given up."""
Index("ix_deliveries_dead", deliveries.c.account_id, deliveries.c.id, **_of(DEAD))
# For the question whether an earlier delivery of the same fax to the same recipient is open.
Index(
    "ix_deliveries_order",
    deliveries.c.job_id,
    deliveries.c.channel,
    deliveries.c.target,
    deliveries.c.id,
    **_of(UNDELIVERED),
)

webhooks = Table(
    # Recipients of notifications about every fax of an account.
    "webhooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("secret", String(128), nullable=False),
    Column("form", String(8), nullable=False),
    # Kinds of notifications; empty = all.
    Column("events", _Json, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("created_at", Utc, nullable=False),
    Column("modified_at", Utc, nullable=False),
)
