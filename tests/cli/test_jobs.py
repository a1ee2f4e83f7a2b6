"""The commands of the durable jobs, as a shell runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli import exits
from fsfax.db.database import newest_version
from fsfax.document import inspect
from fsfax.errors import JobNotFound, StoreUnavailable
from fsfax.softswitch import number_of
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.forked_command import run_fsfax

_ID = re.compile(r"\d{6}-[0-9a-f]{32}\Z")


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"), speed=100)


@pytest.fixture
def environment(switch: LiveSoftswitch, tmp_path: Path) -> dict[str, str]:
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
        "FSFAX_DATABASE": f"sqlite:///{tmp_path}/data/fsfax.db",
        "FSFAX_JOBS__POLL": "0.1",
    }


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,\n\nthis is a fax.\n")
    return path


def run(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    return run_fsfax(*words, environment=environment)


def submit(environment: dict[str, str], *words: object) -> str:
    done = run(environment, "submit", *words, "--no-json")
    assert done.returncode == 0, done.stderr
    id = done.stdout.strip()
    assert _ID.match(id), "nothing but the id is printed, for scripts"
    return id


def job(environment: dict[str, str], id: str) -> dict[str, Any]:
    done = run(environment, "job", id, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def worker(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "worker", *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.mark.spandsp
def test_a_job_from_shell_to_shell(
    environment: dict[str, str], letter: Path, tmp_path: Path
) -> None:
    id = submit(environment, letter, "--to", number_of("fax"), "--retries", "0")
    assert job(environment, id)["state"] == "attaching_files"
    with worker(environment) as child:
        done = run(environment, "submit", letter, "--to", number_of("fax"), "--wait", "--json")
        assert done.returncode == exits.OK, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events[0]["event"] == "accepted"
        assert events[-1]["event"] == "result"
        assert {"state", "dialling", "negotiated", "page_done"} <= {e["event"] for e in events}
        second = events[-1]["id"]
        busy = run(
            environment,
            *("submit", letter, "--to", number_of("busy"), "--retries", "0", "--wait"),
        )
        assert busy.returncode == 10
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    both = {each: job(environment, each) for each in (id, second)}
    assert {found["state"] for found in both.values()} == {"completed"}
    assert both[second]["tries"][0]["state"] == "succeeded"
    listed = run(environment, "jobs", "--json", "--state", "completed", "--direction", "out")
    assert {json.loads(line)["id"] for line in listed.stdout.splitlines()} == {id, second}
    table = run(environment, "jobs", "--no-json")
    assert id in table.stdout
    saved = run(environment, "job", second, "--no-json", "--save", tmp_path / "out")
    assert "attempt 1" in saved.stdout
    (fax,) = (tmp_path / "out").glob("*-fax-0.tif")
    assert len(inspect(fax).pages) == 1
    told = run(environment, "destination", number_of("fax"), "--no-json")
    assert "2 delivered" in told.stdout


@pytest.mark.spandsp
def test_a_signal_drains_and_a_second_one_does_not_wait(
    environment: dict[str, str], letter: Path
) -> None:
    id = submit(environment, letter, "--to", number_of("stall_in_page_1"))
    with worker(environment, "--drain", "60") as child:
        deadline = time.monotonic() + 20
        while job(environment, id)["status_text"] != "sending the first page":
            assert time.monotonic() < deadline
        child.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(1.0)  # the call is still up
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
    assert job(environment, id)["state"] == "processing"  # handed over, not ended


def test_what_a_person_does_to_a_job(environment: dict[str, str], letter: Path) -> None:
    id = submit(environment, letter, "--to", "5550100", "--key", "once")
    assert submit(environment, letter, "--to", "5550100", "--key", "once") == id
    held = run(environment, "hold", id, "--json")
    assert json.loads(held.stdout)["hold"] == "operator"
    assert run(environment, "release", id).returncode == 0
    assert run(environment, "release", id).returncode == exits.JOB
    cancelled = run(environment, "cancel", id, "--json")
    assert json.loads(cancelled.stdout)["state"] == "cancelled"
    both = run(environment, "cancel", id, "0" * 32)
    assert both.returncode == exits.JOB
    assert len(both.stderr.strip().splitlines()) == 2
    again = json.loads(run(environment, "resubmit", id, "--to", "5550101", "--json").stdout)
    assert (again["resubmit_of"], again["to_number"]) == (id, "5550101")


def test_pins(environment: dict[str, str]) -> None:
    run(environment, "destination", "+35315550100", "--t38", "off", "--ecm", "off")
    told = json.loads(run(environment, "destination", "+35315550100", "--json").stdout)
    assert told["mode"] == {"t38": "off", "ecm": False, "v17": True}
    run(environment, "destination", "+35315550100", "--t38", "any")
    told = json.loads(run(environment, "destination", "+35315550100", "--json").stdout)
    assert told["mode"]["t38"] == "on"
    run(environment, "destination", "+35315550100", "--clear-pins")
    told = json.loads(run(environment, "destination", "+35315550100", "--json").stdout)
    assert told["mode"]["ecm"] is True


def test_the_tables(environment: dict[str, str], tmp_path: Path) -> None:
    assert "no tables" in run(environment, "db", "version").stdout
    newest = newest_version()
    assert f"no tables → {newest}" in run(environment, "db", "upgrade").stdout
    assert f"{newest} → {newest}" in run(environment, "db", "upgrade").stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["submit", "{letter}", "--to", "nobody"], exits.USAGE, "nobody"),
        (["submit", "{letter}", "--to", "1", "--retries", "9"], exits.USAGE, "0 to 4"),
        (["submit", "--to", "1"], exits.USAGE, "needs a document"),
        (["submit", "--to", "1", "--url", "file:///etc/passwd"], exits.USAGE, "http"),
        (["submit", "{letter}", "--to", "1", "--not-before", "soon"], exits.USAGE, "ISO 8601"),
        (["submit", "missing.pdf", "--to", "1"], exits.DOCUMENT, "missing.pdf"),
        (["job", "x"], exits.JOB, "no job x"),
        (["destination", "x"], exits.USAGE, "x"),
    ],
)
def test_bad_input(
    environment: dict[str, str], letter: Path, words: list[str], code: int, says: str
) -> None:
    done = run(environment, *(word.format(letter=letter) for word in words))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_and_its_password(environment: dict[str, str]) -> None:
    away = environment | {"FSFAX_DATABASE": "postgresql://u:s3cret@127.0.0.1:1/x"}
    for words in (["jobs"], ["worker"], ["db", "upgrade"], ["config"]):
        done = run(away, *words)
        assert done.returncode == (0 if words == ["config"] else exits.STORE), done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_errors_have_codes() -> None:
    assert exits.code_of(StoreUnavailable("x")) == exits.STORE
    assert exits.code_of(JobNotFound("x")) == exits.JOB
