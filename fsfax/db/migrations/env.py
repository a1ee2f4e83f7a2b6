"""Runs the migrations with Alembic, on the connection that `Database.upgrade` opened."""

from alembic import context

from fsfax.db.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
