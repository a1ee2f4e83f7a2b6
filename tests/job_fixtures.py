"""A store on each database, a clock that a test moves, and jobs that are ready to be dialled.

`tests/conftest.py` loads this module as a plugin, so its fixtures can be used in every folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.jobs.claims import Claims, NodeCapacity
from fsfax.jobs.leases import Leases
from fsfax.jobs.settle import Settlement
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> JobStore:
    return JobStore(database, clock=clock)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "letter.pdf"
    file.write_bytes(b"%PDF-1.4\n" + b"x" * 3000)
    return file


NODE_CAPACITY = NodeCapacity(node="a", core="core-1", capacity=0, gateways={"gw": 0})

NUMBERS = (f"+35315550{number:03}" for number in itertools.count(100))


class Hand:
    """A worker without a loop: the test calls what the loop would call."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.leases = Leases(database, "test", settings.jobs.lease, clock=clock)
        self.leases.register()
        id = self.leases.worker_id
        self.claims = Claims(database, id, settings, clock=clock)
        self.settlement = Settlement(database, id, settings, clock=clock, chance=lambda: 0.5)


@pytest.fixture
def settings() -> Settings:
    return Settings(jobs=JobsSettings())


@pytest.fixture
def hand(database: Database, settings: Settings, clock: Clock) -> Callable[[], Hand]:
    return lambda: Hand(database, settings, clock)


@pytest.fixture
def ready(store: JobStore, hand: Callable[[], Hand], pdf: Path) -> Callable[..., str]:
    """Accept a fax and make it ready without converting anything; return its id."""

    def make(to: str | None = None, pages: int = 3, **changes: object) -> str:
        new = NewFax(to_number=to or next(NUMBERS), documents=[pdf], **changes)  # type: ignore[arg-type]
        job = store.accept(new)
        helper = hand()
        for preparation in helper.claims.claim_unprepared(100):
            helper.settlement.prepared(preparation, pdf, pages)
        helper.leases.retire()
        return job.id

    return make
