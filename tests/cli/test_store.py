"""Opening the database for a command: new SQLite files get tables, others must be current."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli.store import open_database, open_store
from fsfax.db.database import Database, newest_version
from fsfax.errors import StoreOutdated, StoreUnavailable
from fsfax.settings import Settings


def test_a_new_file_gets_tables(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path}/data/new.db")
    with open_database(settings) as database:
        assert database.version() == newest_version()


def test_an_empty_file_gets_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with open_store(Settings(database=f"sqlite:///{tmp_path}/empty.db")) as store:
        assert store.list().jobs == ()


def test_tables_of_another_version_are_not_changed(url: str) -> None:
    with Database(url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreOutdated):
        open_database(Settings(database=url))
    with Database(url) as database:
        assert database.version() == "9999"


def test_a_server_that_is_not_reachable() -> None:
    settings = Settings(database="postgresql://u:s3cret@127.0.0.1:1/x")
    with pytest.raises(StoreUnavailable) as caught:
        open_database(settings)
    assert "s3cret" not in str(caught.value)
