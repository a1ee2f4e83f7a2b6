"""Durable jobs end to end, on the stand-in and on real FreeSWITCH."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fsfax.db.records import Job, NewFax
from fsfax.db.states import AttemptState, Direction, JobState
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import JobsSettings, Settings
from fsfax.values.preferences import SendPreferences
from tests.e2e.conftest import Inbound
from tests.e2e.rig import Rig

pytestmark = pytest.mark.spandsp

SUPERFINE = SendPreferences(resolution="superfine")
"""Pages that take long enough to do something in the middle of one."""

_PROGRAM = """
import json, sys, fsfax
from fsfax.jobs.worker import Worker
with Worker(fsfax.Settings(**json.loads(sys.stdin.read()))) as worker:
    worker.wait()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(f"sqlite:///{tmp_path}/fsfax.db") as store:
        store.database.upgrade()
        yield store


def settings(rig: Rig, store: JobStore, **jobs: Any) -> Settings:
    return rig.sending(
        database=str(store.database.url),
        jobs=JobsSettings(lease=3.0, poll=0.1, **({"receive": False} | jobs)),
    )


@contextmanager
def worker_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A worker that can be killed without killing the test."""
    values = settings.model_dump(mode="json")
    values["database"] = settings.database.get_secret_value()
    for shown, node in zip(values["nodes"], settings.nodes, strict=True):
        shown["password"] = node.password.get_secret_value()
    child = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, text=True)
    assert child.stdin
    child.stdin.write(json.dumps(values))
    child.stdin.close()
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def until(condition: Callable[[], object], what: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.05)


def over(store: JobStore, job: Job, patience: float) -> Job:
    until(lambda: store.get(job.id).state.is_final, f"{job.id} is over", patience)
    return store.get(job.id)


def test_the_worker_dies_in_the_second_page(
    rig: Rig, inbound: Inbound, store: JobStore, letter: Path
) -> None:
    """SIGKILL; another worker follows the same call to its end: one call, one correct result."""
    ident = "+1 555 0171"
    preferences = SendPreferences(resolution="superfine", ident=ident)
    with worker_process(settings(rig, store)) as first:
        job = store.accept(
            NewFax(
                to_number=rig.numbers["fax"], documents=[letter], preferences=preferences, retries=3
            )
        )
        until(lambda: store.get(job.id).pages_confirmed == 1, "page 1", rig.patience)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert store.get(job.id).state is JobState.PROCESSING
    with worker_process(settings(rig, store)):
        done = over(store, job, rig.patience)
    assert done.state is JobState.COMPLETED, done.result
    (attempt,) = store.attempts(job.id)
    assert attempt.state is AttemptState.SUCCEEDED
    assert done.result is not None
    assert done.result.pages_sent == done.pages_confirmed == 3
    assert (done.result.t38_status, done.result.fax_speed) == ("negotiated", 14400)
    assert done.result.call_id == attempt.id
    fax = inbound.from_station(ident, rig.patience)
    assert fax.success
    assert fax.pages_received == 3
    with pytest.raises(AssertionError, match="no fax of"):
        inbound.from_station(ident, 1.0)  # there was no second call


def test_a_line_that_broke_is_taken_up_at_the_page(
    rig: Rig, inbound: Inbound, store: JobStore, letter: Path
) -> None:
    """The first call breaks off in page 2; the next begins there, to a number that works."""
    job = store.accept(
        NewFax(to_number=rig.numbers["drop_in_page_2"], documents=[letter], retries=0)
    )
    with Worker(settings(rig, store), hub="own"):
        done = over(store, job, rig.patience)
    assert (done.state, done.pages_confirmed) == (JobState.FAILED, 1)
    (attempt,) = store.attempts(job.id)
    assert attempt.result is not None
    assert attempt.result.first_unconfirmed_page == 2


def test_a_live_call_is_cancelled(rig: Rig, store: JobStore, letter: Path) -> None:
    with Worker(settings(rig, store), hub="own"):
        job = store.accept(
            NewFax(to_number=rig.numbers["fax"], documents=[letter], preferences=SUPERFINE)
        )
        until(lambda: store.get(job.id).pages_confirmed >= 1, "page 1", rig.patience)
        store.cancel(job.id)
        done = over(store, job, rig.patience)
    assert done.state is JobState.CANCELLED
    assert done.pages_confirmed < 3
    assert len(store.attempts(job.id)) == 1


def test_a_fax_comes_into_the_inbox(
    rig: Rig, store: JobStore, letter: Path, tmp_path: Path
) -> None:
    """Both ways through jobs: one worker sends, the other one receives."""
    with JobStore(f"sqlite:///{tmp_path}/inbox.db") as inbox:
        inbox.database.upgrade()
        receiving = rig.receiving(tmp_path / "unused").model_copy(
            update={
                "database": settings(rig, inbox).database,
                "jobs": JobsSettings(lease=3.0, poll=0.1),
            }
        )
        with Worker(receiving, hub="own") as receiver, Worker(settings(rig, store), hub="own"):
            receiver.engine.wait_up()
            preferences = SendPreferences(ident="+1 555 0172", resolution="superfine")
            job = store.accept(
                NewFax(to_number=rig.numbers["fax"], documents=[letter], preferences=preferences)
            )
            assert over(store, job, rig.patience).state is JobState.COMPLETED

            def mine() -> list[Job]:
                return [
                    each
                    for each in inbox.list(direction=Direction.IN).jobs
                    if each.result and each.result.fax_sender_id == "+1 555 0172"
                ]

            until(mine, "the fax is in the inbox", rig.patience)
            (fax,) = mine()
        assert (fax.state, fax.pages_confirmed) == (JobState.COMPLETED, 3)
        (document,) = inbox.documents(fax.id)
        assert document.pages == 3
