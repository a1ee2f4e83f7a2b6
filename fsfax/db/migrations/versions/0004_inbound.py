"""Called numbers by what their ways of writing have in common; documents kept for a time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEPT = sa.text("faxbox_id IS NOT NULL AND finished_at IS NOT NULL AND NOT emptied")


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column(
        "inbound_numbers", sa.Column("shown", sa.String(64), server_default="", nullable=False)
    )
    _write_keys(op.get_bind())
    op.add_column(
        "jobs", sa.Column("emptied", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index(
        "ix_jobs_kept",
        "jobs",
        ["faxbox_id", "finished_at"],
        sqlite_where=_KEPT,
        postgresql_where=_KEPT,
    )


def _write_keys(connection: sa.Connection) -> None:
    """Of several ways of writing one number the first one keeps it."""
    numbers = sa.table(
        "inbound_numbers",
        sa.column("number", sa.String),
        sa.column("account_id", sa.String),
        sa.column("faxbox_id", sa.String),
        sa.column("shown", sa.String),
    )
    rows = connection.execute(sa.select(numbers).order_by(numbers.c.number)).mappings().all()
    kept: dict[str, dict[str, Any]] = {}
    for row in rows:
        kept.setdefault(_key(row["number"]), {**row, "shown": row["number"]})
    connection.execute(sa.delete(numbers))
    for key, values in kept.items():
        connection.execute(sa.insert(numbers).values({**values, "number": key}))


def _key(number: str) -> str:
    """What `fsfax.accounts.numbers.number_key` made of a number when this was written."""
    plain = "".join(c for c in number if c not in " ().-/\t")
    if not plain.removeprefix("+").isascii() or not plain.removeprefix("+").isdigit():
        return number
    bare = plain.removeprefix("+")
    for prefix, least in (("00", 8), ("011", 10)):
        rest = bare.removeprefix(prefix)
        if rest != bare and least <= len(rest) <= 15 and rest[0] != "0":  # noqa: PLR2004
            return rest
    return bare
