"""Tokens, faxboxes, the log of mails; which faxbox a fax belongs to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_IN_FAXBOX = sa.text("faxbox_id IS NOT NULL AND removed_at IS NULL")


def upgrade() -> None:
    """Bring the tables to this version."""
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
        sa.UniqueConstraint("smtp_address", name="uq_faxboxes_smtp_address"),
        sa.UniqueConstraint("custom_address", name="uq_faxboxes_custom_address"),
    )
    op.create_index("ix_faxboxes_account_id", "faxboxes", ["account_id"])
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
    op.add_column("inbound_numbers", sa.Column("faxbox_id", sa.String(length=32), nullable=True))
    op.add_column("jobs", sa.Column("faxbox_id", sa.String(length=32), nullable=True))
    op.create_index(
        "ix_jobs_faxbox",
        "jobs",
        ["faxbox_id", "direction", "state", "created_at", "id"],
        sqlite_where=_IN_FAXBOX,
        postgresql_where=_IN_FAXBOX,
    )
