"""Opening the jobs' database for a command."""

from __future__ import annotations

from fsfax.db.database import Database, sqlite_file
from fsfax.jobs.store import JobStore
from fsfax.settings import Settings


def open_database(settings: Settings) -> Database:
    """Open the database that the settings name; a new SQLite file gets its tables at once.

    A database of several machines is upgraded by a person (`fsfax db upgrade`): the others may
    still be running the version before.

    Raises:
        StoreError: it cannot be used, or has tables of another version.
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
    """Open the store of the jobs; see `open_database`."""
    return JobStore(open_database(settings))
