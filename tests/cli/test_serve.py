"""``fsfax serve``: the first start, and settings that it cannot serve with."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.db.database import Database
from fsfax.testing import LiveSoftswitch
from tests.api.service import Service, until
from tests.cli.commands import Run
from tests.forked_command import run_fsfax

Serve = Callable[..., Service]


@pytest.fixture
def serve(switch: LiveSoftswitch, url: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts a service; it is stopped in the end."""
    with contextlib.ExitStack() as started:

        def start(*words: str) -> Service:
            service = Service(url, switch, tmp_path, *words)
            started.callback(service.stop)
            return service

        yield start


class TestFirstStart:
    def test_it_says_how_to_create_an_account(self, serve: Serve) -> None:
        service = serve("--api-only")
        log = service.log.read_text()
        assert 'fsfax account create "My company"' in log
        assert "fsfax token create" in log
        service.again()
        assert service.log.read_text().count("There is no account yet") == 1

    def test_dev_prints_a_line_that_sends_a_fax(self, serve: Serve, letter: Path) -> None:
        service = serve("--dev", "--api-only")
        (service.folder / "letter.pdf").write_bytes(letter.read_bytes())
        log = until(
            lambda: re.search(r"^    (curl .*?/faxes)$", service.log.read_text(), re.S | re.M),
            "the line is printed",
        )
        done = subprocess.run(
            ["bash", "-c", log[1]], cwd=service.folder, capture_output=True, text=True, check=True
        )
        assert '"status": "success"' in done.stdout, done.stdout
        (job,) = service.store.list().jobs
        assert job.to_number == "15550100"


def test_an_address_that_cannot_be_used(environment: dict[str, str]) -> None:
    done = run_fsfax("serve", "--api-only", "--host", "192.0.2.1", environment=environment)
    assert done.returncode == exits.USAGE
    assert "cannot listen on 192.0.2.1:8000" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version(run: Run, url: str) -> None:
    with Database(url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in run("serve", "--api-only", code=exits.STORE).stderr
