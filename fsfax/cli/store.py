"""Open the database for a subcommand."""

from __future__ import annotations

from fsfax.db.database import Database, sqlite_file
from fsfax.jobs.store import JobStore
from fsfax.settings import Settings


def open_database(settings: Settings) -> Database:
    """Return the database that the settings name; create the tables of a new SQLite file.

    Any other database is upgraded by `fsfax db upgrade` alone: other machines that share it may
    still run the previous version.

    Raises:
        StoreError: the database cannot be used, or its tables are of another version.
    """
    url = settings.database.get_secret_value()
    database = Database(url)
    file = sqlite_file(url)
    if file is not None and (not file.exists() or not database.version()):
        database.upgrade()
    else:
        database.require_current()
    return database


def open_store(settings: Settings) -> JobStore:
    """Return the job store; see `open_database`."""
    return JobStore(open_database(settings))
