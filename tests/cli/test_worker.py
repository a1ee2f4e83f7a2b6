"""``fsfax worker``: a job from shell to shell, and signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.document import inspect
from fsfax.softswitch import number_of
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.cli.commands import job, submit
from tests.forked_command import run_fsfax


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"), speed=100)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,\n\nthis is a fax.\n")
    return path


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
        done = run_fsfax(
            "submit", letter, "--to", number_of("fax"), "--wait", "--json", environment=environment
        )
        assert done.returncode == exits.OK, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events[0]["event"] == "accepted"
        assert events[-1]["event"] == "result"
        assert {"state", "dialling", "negotiated", "page_done"} <= {e["event"] for e in events}
        second = events[-1]["id"]
        busy = run_fsfax(
            *("submit", letter, "--to", number_of("busy"), "--retries", "0", "--wait"),
            environment=environment,
        )
        assert busy.returncode == 10
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    both = {each: job(environment, each) for each in (id, second)}
    assert {found["state"] for found in both.values()} == {"completed"}
    assert both[second]["tries"][0]["state"] == "succeeded"
    listed = run_fsfax(
        "jobs", "--json", "--state", "completed", "--direction", "out", environment=environment
    )
    assert {json.loads(line)["id"] for line in listed.stdout.splitlines()} == {id, second}
    table = run_fsfax("jobs", "--no-json", environment=environment)
    assert id in table.stdout
    saved = run_fsfax(
        "job", second, "--no-json", "--save", tmp_path / "out", environment=environment
    )
    assert "attempt 1" in saved.stdout
    (fax,) = (tmp_path / "out").glob("*-fax-0.tif")
    assert len(inspect(fax).pages) == 1
    history = run_fsfax("destination", number_of("fax"), "--no-json", environment=environment)
    assert "2 delivered" in history.stdout


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
