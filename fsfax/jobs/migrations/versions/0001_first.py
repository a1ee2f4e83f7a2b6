"""The first tables."""

from alembic import op

from fsfax.jobs.schema import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version."""
    metadata.create_all(op.get_bind())
