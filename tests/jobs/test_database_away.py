"""The database goes away in the middle of a call, and comes back: no operator is needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from fsfax.db.records import NewFax
from fsfax.db.states import JobState
from fsfax.errors import StoreFull
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import JobsSettings, Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.disk import fill
from tests.jobs.waiting import over, until
from tests.postgresql import Server

pytestmark = pytest.mark.spandsp


@pytest.fixture
def slow_switch(fsfax_softswitch_factory: SoftswitchFactory) -> LiveSoftswitch:
    """Three pages take some seconds."""
    return fsfax_softswitch_factory(speed=20)


def call_without_database(
    url: str, switch: LiveSoftswitch, document: Path, away: Callable[[], None]
) -> Callable[[Callable[[], None]], None]:
    """Let the database go after the first page; return what brings it back and looks."""
    options = Settings(
        nodes=(switch.node_settings(),),
        spool=switch.root,
        database=SecretStr(url),
        jobs=JobsSettings(lease=3.0, poll=0.05),
    )
    store = JobStore(url)
    worker = Worker(options)
    job = store.accept(NewFax(to_number=switch.number("fax"), documents=[document]))
    later = store.accept(NewFax(to_number=switch.number("fax"), documents=[document]))
    until(lambda: store.get(job.id).pages_confirmed >= 1, "page 1")
    away()
    until(lambda: switch.calls[0].ended is not None, "the call goes on to its end")

    def back_again(back: Callable[[], None]) -> None:
        back()
        done, next_one = over(store, job), over(store, later)
        assert (done.state, done.pages_confirmed) == (JobState.COMPLETED, 3)
        assert done.result
        assert done.result.pages_sent == 3
        assert next_one.state is JobState.COMPLETED
        assert len(switch.calls) == 2, "something was dialled twice"
        worker.stop(drain=0)
        store.close()

    return back_again


def test_postgresql_is_killed(
    postgresql_server: Server, slow_switch: LiveSoftswitch, fsfax_sample_tiff: Path
) -> None:
    url = postgresql_server.database()
    look = call_without_database(url, slow_switch, fsfax_sample_tiff, postgresql_server.kill)
    look(postgresql_server.restart_after_kill)


def test_the_disk_of_sqlite_is_full(
    sqlite_template: Path,
    small_disk: Path,
    slow_switch: LiveSoftswitch,
    fsfax_sample_tiff: Path,
) -> None:
    shutil.copy(sqlite_template, small_disk / "fsfax.db")
    url = f"sqlite:///{small_disk}/fsfax.db"
    ballast = small_disk / "ballast"
    look = call_without_database(url, slow_switch, fsfax_sample_tiff, away=lambda: fill(ballast))
    new = NewFax(to_number="5550199", documents=[fsfax_sample_tiff])
    with pytest.raises(StoreFull, match="make room"), JobStore(url) as store:
        store.accept(new)
    look(ballast.unlink)
