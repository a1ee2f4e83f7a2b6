"""Waiting for what a worker does in other threads."""

from __future__ import annotations

import time
from collections.abc import Callable

from fsfax.db.records import Job
from fsfax.jobs.store import JobStore
from fsfax.settings import Settings

SOON = 40.0


def until(condition: Callable[[], object], what: str, timeout: float = SOON) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.02)


def quick(settings: Settings, **jobs: object) -> Settings:
    """The settings with other ones of the jobs."""
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update=jobs)})


def over(store: JobStore, job: Job) -> Job:
    until(lambda: store.get(job.id).state.is_final, f"{job.id} is over")
    return store.get(job.id)
