"""What the doctor says of the jobs' database."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text, update

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.database import Database
from fsfax.db.schema import jobs
from fsfax.db.states import Hold
from fsfax.engine.doctor import Check, CheckStatus
from fsfax.jobs.doctor import examine_database
from fsfax.jobs.leases import Leases
from fsfax.settings import InboundSettings
from tests.postgresql import Server

OK, WARNING, BROKEN = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.BROKEN


def found(url: str) -> dict[str, Check]:
    return {check.name: check for check in examine_database(url)}


def verdicts(url: str) -> dict[str, CheckStatus]:
    return {name: check.verdict for name, check in found(url).items()}


def test_a_database_without_problems(database_url: str) -> None:
    good = dict.fromkeys(("tables", "database", "workers", "inbound"), OK)
    assert verdicts(database_url) == good


def test_nothing_is_changed(
    database_url: str, database: Database, ready: Callable[[], str]
) -> None:
    ready()
    with database.read() as connection:
        before = connection.execute(text("SELECT * FROM jobs")).all()
    found(database_url)
    with database.read() as connection:
        assert connection.execute(text("SELECT * FROM jobs")).all() == before


def test_faxes_wait_and_no_worker_runs(
    database_url: str, database: Database, ready: Callable[[], str]
) -> None:
    ready()
    check = found(database_url)["workers"]
    assert check.verdict is WARNING
    assert check.detail == "none, and 1 faxes wait"
    assert "fsfax worker" in check.remedy
    Leases(database, "w", 60.0).register()
    assert found(database_url)["workers"].detail == "1 running"


def test_who_gets_faxes_to_unknown_numbers(database_url: str, database: Database) -> None:
    account = Accounts(database).create("mine").id
    box = Faxboxes(database).create(account, {"name": "Rest"}).id

    def said(**settings: str) -> Check:
        checks = examine_database(database_url, InboundSettings(**settings))
        return next(check for check in checks if check.name == "inbound")

    assert said().detail.endswith(f"go to account {'0' * 32}")
    assert said(account=account).detail.endswith(f"go to account {account}")
    good = said(account="f" * 32, faxbox=box)
    assert (good.verdict, good.detail.endswith(f"go to faxbox {box}")) == (OK, True)
    for settings in ({"faxbox": "f" * 32, "account": account}, {"account": "f" * 32}):
        gone = said(**settings)
        assert gone.verdict is WARNING
        assert f"there is no {'f' * 32}" in gone.detail
        assert "inbound" in gone.remedy


def test_an_operator_has_to_decide(
    database_url: str, database: Database, ready: Callable[[], str]
) -> None:
    ready()
    with database.write() as connection:
        connection.execute(update(jobs).values(hold=Hold.UNCERTAIN))
    check = found(database_url)["held"]
    assert check.verdict is WARNING
    assert "fsfax release" in check.remedy


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    assert verdicts(f"sqlite:///{tmp_path}/new/fsfax.db") == {"database": OK}
    assert list(tmp_path.iterdir()) == []


def test_tables_of_another_version(database_url: str, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    check = found(database_url)["tables"]
    assert check.verdict is BROKEN
    assert "newer" in check.detail


def test_urls_without_a_database(tmp_path: Path, postgresql_server: Server) -> None:
    (tmp_path / "letter.db").write_bytes(b"%PDF-1.7 " * 1000)
    for url in (
        "mysql://nobody@nowhere/x",
        f"sqlite:///{tmp_path}/letter.db",
        postgresql_server.url("no_such_database"),
    ):
        (check,) = found(url).values()
        assert check.verdict is BROKEN
        assert check.remedy


def test_a_read_only_database(sqlite_template: Path, small_disk: Path) -> None:
    (small_disk / "fsfax.db").write_bytes(sqlite_template.read_bytes())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    check = found(f"sqlite:///{small_disk}/fsfax.db")["database"]
    assert check.verdict is BROKEN
    assert "writable" in check.remedy


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    assert verdicts(f"sqlite:///{tmp_path}/fsfax.db") == {"database": BROKEN}
