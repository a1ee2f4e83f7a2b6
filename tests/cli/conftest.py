"""Commands in the test's own process, and commands in processes with the stand-in softswitch."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.cli.main import main
from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.jobs.store import JobStore
from fsfax.notify.deliveries import Deliveries
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.cli.commands import Done, Run

# --- in the test's process: a new one takes longer to begin than most commands run ----------


@pytest.fixture
def url(tmp_path: Path, sqlite_template: Path) -> str:
    """URL of an empty database with all tables."""
    shutil.copy(sqlite_template, tmp_path / "fsfax.db")
    return f"sqlite:///{tmp_path}/fsfax.db"


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the database of `url`, and checks its exit code."""
    monkeypatch.setenv("FSFAX_DATABASE", url)
    monkeypatch.setenv("FSFAX_NOTIFY", json.dumps({"webhook": {"allow_private": True}}))

    def run(*words: str, code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["fsfax", *words])
        with pytest.raises(SystemExit) as end:
            main()
        done = Done(*capsys.readouterr())
        assert end.value.code == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def account(run: Run) -> str:
    """The id of an account."""
    return run("account", "create", "Clinic", "--no-json").stdout.strip()


@pytest.fixture
def deliveries(url: str, account: str, tmp_path: Path) -> Iterator[Deliveries]:
    """Four webhook deliveries about faxes that were cancelled."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(sample_pdf(1))
    with Database(url) as database:
        store = JobStore(database)
        for number in range(4):
            hook = {"outbound": {"callback": {"url": f"https://me:s3cret@a.org/{number}"}}}
            box = Faxboxes(database).create(account, {"name": "Desk", "notifications": hook})
            new = NewFax(to_number="1", documents=[letter], account_id=account, faxbox_id=box.id)
            store.cancel(store.accept(new).id)
        found = Deliveries(database)
        found.expand(50)
        yield found


# --- in processes ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"))


@pytest.fixture
def environment(switch: LiveSoftswitch, tmp_path: Path) -> dict[str, str]:
    """Environment of a command: the stand-in softswitch, and a database that does not exist yet."""
    node = switch.node_settings()
    described = {
        "name": node.name,
        "port": node.port,
        "password": node.password.get_secret_value(),
        "gateways": [{"name": gateway.name} for gateway in node.gateways],
    }
    return {
        **os.environ,
        "FSFAX_NODES": json.dumps([described]),
        "FSFAX_SPOOL": str(switch.root),
        "FSFAX_INBOX": str(tmp_path / "inbox"),
        "FSFAX_DATABASE": f"sqlite:///{tmp_path}/data/fsfax.db",
        "FSFAX_JOBS__POLL": "0.1",
    }


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A PDF of two pages."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(sample_pdf(2))
    return path
