"""Inbound results, accounts with faxboxes, and the settings of a worker on a softswitch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.database import Database
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from fsfax.testing import LiveSoftswitch
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import RxResult, Status
from tests.job_fixtures import Clock
from tests.jobs.model_worker import ModelWorker, Script, delivered
from tests.jobs.switch_model import ModelSwitch


@pytest.fixture
def boxes(database: Database, clock: Clock) -> Faxboxes:
    return Faxboxes(database, clock=clock)


@pytest.fixture
def mine(database: Database, clock: Clock) -> Account:
    return Accounts(database, clock=clock).create("mine")


@pytest.fixture
def incoming(database: Database, clock: Clock) -> InboundFaxes:
    return InboundFaxes(database, clock=clock)


@pytest.fixture
def fax(tmp_path: Path) -> Callable[..., RxResult]:
    """Return a function that makes received faxes, each of another call."""
    calls = 0

    def make(called: str = "35315550100", **changes: Any) -> RxResult:
        nonlocal calls
        calls += 1
        file = tmp_path / f"{calls}.tif"
        file.write_bytes(b"II*\x00" + bytes(4000))
        result = RxResult(
            call_id=f"call-{calls}",
            success=True,
            status=Status.SUCCEEDED,
            outcome=Outcome.DELIVERED,
            error_message="",
            retry=False,
            doubt=Doubt.NONE,
            result_code=0,
            result_text="OK",
            result_cause="NORMAL_CLEARING",
            pages_received=3,
            pages_total=3,
            from_number="+15550199",
            to_number=called,
            file=file,
        )
        return replace(result, **changes)

    return make


@pytest.fixture
def live_store(database_url: str) -> Iterator[JobStore]:
    with JobStore(database_url) as store:
        yield store


@pytest.fixture
def options(database_url: str, fsfax_softswitch: LiveSoftswitch) -> Settings:
    return Settings(
        nodes=(fsfax_softswitch.node_settings(),),
        spool=fsfax_softswitch.root,
        database=SecretStr(database_url),
        jobs=JobsSettings(lease=5.0, poll=0.05),
    )


@pytest.fixture
def model_switch() -> ModelSwitch:
    return ModelSwitch()


@pytest.fixture
def model_worker(
    database: Database, clock: Clock, tmp_path: Path, model_switch: ModelSwitch
) -> Callable[..., ModelWorker]:
    """Return a function that makes workers on one switch; it takes settings of the jobs."""

    def make(script: Script = delivered, **jobs: Any) -> ModelWorker:
        settings = Settings(spool=tmp_path / "spool", jobs=JobsSettings(**jobs))
        return ModelWorker(database, settings, clock, model_switch, script)

    return make
