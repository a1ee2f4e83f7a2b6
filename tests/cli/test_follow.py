"""Following a job to its end: events as they are stored, and the exit code of its fax."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli import exits
from fsfax.cli.follow import follow
from fsfax.cli.show import Show
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.engine.observations import Dialling
from fsfax.jobs.claims import Claims, NodeCapacity
from fsfax.jobs.leases import Leases
from fsfax.jobs.settle import Settlement
from fsfax.jobs.store import JobStore
from fsfax.settings import Settings
from fsfax.values.outcome import Outcome
from tests.jobs.results import result

NODE = NodeCapacity(node="a", core="core-1", capacity=0, gateways={"gw": 0})


@pytest.fixture
def store(url: str) -> Iterator[JobStore]:
    with JobStore(Database(url)) as store:
        yield store


@pytest.fixture
def id(store: JobStore, letter: Path) -> str:
    return store.accept(NewFax(to_number="5550100", documents=[letter], retries=0)).id


def settled(url: str, letter: Path, outcome: Outcome, **changes: Any) -> None:
    """Dial the job and settle it with an outcome, without a call."""
    with Database(url) as database:
        leases = Leases(database, "test", 60.0)
        leases.register()
        claims = Claims(database, leases.worker_id, Settings())
        settlement = Settlement(database, leases.worker_id, Settings())
        (preparation,) = claims.claim_unprepared()
        settlement.prepared(preparation, letter, 2)
        (claim,) = claims.claim([NODE])
        dialling = Dialling(at=1.0, node="a", gateway="gw", call_id=claim.attempt.id)
        settlement.observe(claim, dialling)
        settlement.settle(claim, result(outcome, **changes))


@pytest.mark.parametrize(
    ("outcome", "confirmed", "last", "code"),
    [
        (Outcome.DELIVERED, 2, "delivered: 2 page(s), 1 attempt(s)", exits.OK),
        (Outcome.BUSY, 0, "failed: it was busy", 10),
        (Outcome.UNKNOWN, 0, "held: ", 20),
    ],
)
def test_the_end_in_words_and_as_exit_code(
    store: JobStore,
    id: str,
    url: str,
    letter: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
    confirmed: int,
    last: str,
    code: int,
) -> None:
    settled(url, letter, outcome, confirmed=confirmed)
    assert follow(store, id, Show(False)) == code
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == ["  attaching files", "  pending", "  processing"]
    assert "  dialling over gw (a)" in printed
    assert printed[-1].startswith(last)


def test_a_cancelled_job(store: JobStore, id: str, capsys: pytest.CaptureFixture[str]) -> None:
    store.cancel(id)
    assert follow(store, id, Show(False)) == exits.OUTCOMES[Outcome.CANCELLED]
    assert capsys.readouterr().out.splitlines()[-1] == "cancelled: by request"


def test_json_lines(store: JobStore, id: str, capsys: pytest.CaptureFixture[str]) -> None:
    store.hold(id)
    assert follow(store, id, Show(True)) == exits.OUTCOMES[Outcome.UNKNOWN]
    *_, end = capsys.readouterr().out.splitlines()
    assert f'"event": "result", "id": "{id}"' in end
