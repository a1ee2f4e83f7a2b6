"""Deliveries of news, one for each who is told, and who is told of everything."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNTOLD = sa.text("done_at IS NULL")
_DEAD = sa.text("dead_at IS NOT NULL")
_UNDELIVERED = sa.text("done_at IS NULL AND dead_at IS NULL")


def upgrade() -> None:
    """Bring the tables to this version."""
    op.drop_index("ix_outbox_due", "outbox")
    for column in ("due_at", "tries", "problem"):
        op.drop_column("outbox", column)
    op.create_index(
        "ix_outbox_untold", "outbox", ["id"], sqlite_where=_UNTOLD, postgresql_where=_UNTOLD
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("news_id", _SERIAL, nullable=False),
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
            ["news_id"], ["outbox.id"], name="fk_deliveries_news_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("message_id", name="uq_deliveries_message_id"),
    )
    op.create_index("ix_deliveries_news_id", "deliveries", ["news_id"])
    op.create_index("ix_deliveries_list", "deliveries", ["account_id", "id"])
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["channel", "due_at"],
        sqlite_where=_UNDELIVERED,
        postgresql_where=_UNDELIVERED,
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["account_id", "id"],
        sqlite_where=_DEAD,
        postgresql_where=_DEAD,
    )
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["job_id", "channel", "target", "id"],
        sqlite_where=_UNDELIVERED,
        postgresql_where=_UNDELIVERED,
    )
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
