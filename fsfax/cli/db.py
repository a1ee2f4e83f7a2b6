"""``fsfax db``: the tables of the jobs."""

from __future__ import annotations

import click

from fsfax.cli.main import Common
from fsfax.db.database import Database, newest_version, sqlite_file


@click.group()
def command() -> None:
    """Make or upgrade the tables of the jobs' database."""


@command.command()
@click.pass_obj
def upgrade(common: Common) -> int:
    """Bring the tables up to date; a new database gets all of them. Nothing is lost.

    Stop workers of an older version first where several share a database.
    """
    database = _database(common)
    before = _version(database)
    database.upgrade()
    click.echo(f"{before or 'no tables'} → {database.version()}")
    return 0


@command.command()
@click.pass_obj
def version(common: Common) -> int:
    """Say which version the tables have, and which this fsfax needs."""
    database = _database(common)
    click.echo(f"{_version(database) or 'no tables'}, needed: {newest_version()}")
    return 0


def _database(common: Common) -> Database:
    return Database(common.load().settings.database.get_secret_value())


def _version(database: Database) -> str:
    """The tables' version; asking a SQLite file that is not there would make one."""
    file = sqlite_file(database.url.render_as_string(hide_password=False))
    return "" if file is not None and not file.exists() else database.version()
