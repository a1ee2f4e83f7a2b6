"""``fsfax db``: create and upgrade the tables of the database."""

from __future__ import annotations

import click

from fsfax.cli.main import Common
from fsfax.db.database import Database, newest_version, sqlite_file


@click.group()
def command() -> None:
    """Create or upgrade the tables of the database."""


@command.command()
@click.pass_obj
def upgrade(common: Common) -> int:
    """Create missing tables and upgrade existing ones.

    Stored data are kept. Where several workers share a database, stop those of an older version
    first.
    """
    database = _database(common)
    before = _version(database)
    database.upgrade()
    click.echo(f"{before or 'no tables'} → {database.version()}")
    return 0


@command.command()
@click.pass_obj
def version(common: Common) -> int:
    """Show the version of the tables and the one that is needed."""
    database = _database(common)
    click.echo(f"{_version(database) or 'no tables'}, needed: {newest_version()}")
    return 0


def _database(common: Common) -> Database:
    return Database(common.load().settings.database.get_secret_value())


def _version(database: Database) -> str:
    """Return the version of the tables, "" if there are none.

    A missing SQLite file is not opened: that would create it.
    """
    file = sqlite_file(database.url.render_as_string(hide_password=False))
    return "" if file is not None and not file.exists() else database.version()
