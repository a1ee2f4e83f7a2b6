"""The initial tables, written out: later changes of the schema do not change this revision."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_CLAIMABLE = "state = 'pending' AND hold = '' AND prepared AND NOT blocked AND worker_id IS NULL"
_UNPREPARED = (
    "NOT prepared AND direction = 'out' AND worker_id IS NULL AND hold = ''"
    " AND state IN ('attaching_files', 'pending')"
)
_UNDELIVERED = "done_at IS NULL AND dead_at IS NULL"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("max_calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("windows", _JSON, nullable=False),
        sa.Column("served_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "destinations",
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("history", _JSON, nullable=False),
        sa.Column("modified_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_destinations"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("lease_until", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("worker_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["workers.id"], name="fk_duties_worker_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_duties"),
    )
    op.create_table(
        "faxboxes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("smtp_address", sa.String(length=255), nullable=False),
        sa.Column("custom_address", sa.String(length=255), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("modified_at", _TIME, nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_faxboxes_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_faxboxes"),
        sa.UniqueConstraint("custom_address", name="uq_faxboxes_custom_address"),
        sa.UniqueConstraint("smtp_address", name="uq_faxboxes_smtp_address"),
    )
    op.create_index("ix_faxboxes_account_id", "faxboxes", ["account_id"])
    op.create_table(
        "inbound_numbers",
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("faxbox_id", sa.String(length=32), nullable=True),
        sa.Column("shown", sa.String(length=64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_inbound_numbers_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_inbound_numbers"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=39), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hold", sa.String(length=16), server_default="", nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("modified_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("removed_at", _TIME, nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("from_number", sa.Text(), server_default="", nullable=False),
        sa.Column("from_name", sa.Text(), server_default="", nullable=False),
        sa.Column("to_number", sa.Text(), server_default="", nullable=False),
        sa.Column("to_name", sa.Text(), server_default="", nullable=False),
        sa.Column("dial_number", sa.String(length=64), server_default="", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("route", sa.Text(), server_default="", nullable=False),
        sa.Column("preferences", _JSON, nullable=False),
        sa.Column("source", _JSON, nullable=True),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("resubmit_of", sa.String(length=39), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("prepared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("worker_id", sa.String(length=32), nullable=True),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dials", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fetches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pages_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pages_confirmed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status_text", sa.Text(), server_default="", nullable=False),
        sa.Column("result", _JSON, nullable=True),
        sa.Column("call_id", sa.String(length=64), nullable=True),
        sa.Column("faxbox_id", sa.String(length=32), nullable=True),
        sa.Column("documents_expired", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_jobs_account_id"),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["workers.id"], name="fk_jobs_worker_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("call_id", name="uq_jobs_call_id"),
    )
    op.create_index("ix_jobs_account_due", "jobs", ["account_id", "due_at"], **_where(_CLAIMABLE))
    op.create_index(
        "ix_jobs_blocked",
        "jobs",
        ["dial_number", sa.text("priority DESC"), "due_at", "id"],
        **_where("blocked"),
    )
    op.create_index(
        "ix_jobs_claim",
        "jobs",
        ["account_id", "route", "priority", "due_at", "id"],
        **_where(_CLAIMABLE),
    )
    op.create_index("ix_jobs_due", "jobs", ["due_at"], **_where(_CLAIMABLE))
    op.create_index(
        "ix_jobs_faxbox",
        "jobs",
        ["faxbox_id", "direction", "state", "created_at", "id"],
        **_where("faxbox_id IS NOT NULL AND removed_at IS NULL"),
    )
    op.create_index(
        "ix_jobs_kept",
        "jobs",
        ["faxbox_id", "finished_at"],
        **_where("faxbox_id IS NOT NULL AND finished_at IS NOT NULL AND NOT documents_expired"),
    )
    op.create_index(
        "ix_jobs_list",
        "jobs",
        ["account_id", "direction", "state", "created_at", "id"],
        **_where("removed_at IS NULL"),
    )
    op.create_index(
        "ix_jobs_list_all",
        "jobs",
        ["direction", "state", "created_at", "id"],
        **_where("removed_at IS NULL"),
    )
    op.create_index("ix_jobs_number", "jobs", ["dial_number", "due_at"], **_where(_CLAIMABLE))
    op.create_index("ix_jobs_owned", "jobs", ["worker_id"], **_where("worker_id IS NOT NULL"))
    op.create_index(
        "ix_jobs_processing", "jobs", ["direction", "worker_id"], **_where("state = 'processing'")
    )
    op.create_index("ix_jobs_unprepared", "jobs", ["due_at"], **_where(_UNPREPARED))
    op.create_index(
        "uq_jobs_idempotency",
        "jobs",
        ["account_id", "idempotency_key"],
        unique=True,
        **_where("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=39), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=True),
        sa.Column("faxbox_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("from_address", sa.Text(), nullable=False),
        sa.Column("to_address", sa.Text(), nullable=False),
        sa.Column("errors", _JSON, nullable=False),
        sa.Column("job_ids", _JSON, nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_mails_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    op.create_index("ix_mails_list", "mails", ["account_id", "created_at", "id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_tokens_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_account_id", "tokens", ["account_id"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("events", _JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("modified_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_webhooks_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_account_id", "webhooks", ["account_id"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=39), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("counts", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("dial_number", sa.String(length=64), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("core", sa.Text(), nullable=False),
        sa.Column("gateways", _JSON, nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("plan", _JSON, nullable=False),
        sa.Column("why", _JSON, nullable=False),
        sa.Column("page", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("outcome", sa.String(length=24), server_default="", nullable=False),
        sa.Column("result", _JSON, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_attempts_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("job_id", "number", name="uq_attempts_number"),
    )
    op.create_index("ix_attempts_job_id", "attempts", ["job_id"])
    op.create_index(
        "uq_attempts_open_job", "attempts", ["job_id"], unique=True, **_where("ended_at IS NULL")
    )
    op.create_index(
        "uq_attempts_open_number",
        "attempts",
        ["dial_number"],
        unique=True,
        **_where("ended_at IS NULL"),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=39), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("removed_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_documents_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
    )
    op.create_index("ix_documents_job_id", "documents", ["job_id"])
    op.create_table(
        "job_events",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("job_id", sa.String(length=39), nullable=False),
        sa.Column("call_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_job_events_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_job_events"),
    )
    op.create_index("ix_job_events_job", "job_events", ["job_id", "id"])
    op.create_table(
        "outbox",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("job_id", sa.String(length=39), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("done_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_outbox_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_unexpanded", "outbox", ["id"], **_where("done_at IS NULL"))
    op.create_table(
        "chunks",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_chunks_document_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name="pk_chunks"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("outbox_id", _SERIAL, nullable=False),
        sa.Column("job_id", sa.String(length=39), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("done_at", _TIME, nullable=True),
        sa.Column("dead_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name="fk_deliveries_outbox_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("message_id", name="uq_deliveries_message_id"),
    )
    op.create_index(
        "ix_deliveries_dead", "deliveries", ["account_id", "id"], **_where("dead_at IS NOT NULL")
    )
    op.create_index(
        "ix_deliveries_due", "deliveries", ["channel", "due_at"], **_where(_UNDELIVERED)
    )
    op.create_index("ix_deliveries_list", "deliveries", ["account_id", "id"])
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["job_id", "channel", "target", "id"],
        **_where(_UNDELIVERED),
    )
    op.create_index("ix_deliveries_outbox_id", "deliveries", ["outbox_id"])
    op.create_index("uq_jobs_hex", "jobs", [sa.text("substr(id, 8)")], unique=True)
