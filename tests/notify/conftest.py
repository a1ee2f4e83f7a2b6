"""Faxes that have ended, on both databases, and their recipients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.document import Converter
from fsfax.jobs.store import JobStore
from fsfax.notify.deliveries import Deliveries
from fsfax.runtime.clock import utc_now
from fsfax.settings import Settings
from tests.job_fixtures import NODE_CAPACITY, Clock, Hand
from tests.jobs.results import DELIVERED
from tests.notify.mailbox import Mailbox
from tests.notify.receiver import Receiver

LEASE = 60.0


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def account(database: Database) -> str:
    return Accounts(database).create("Clinic").id


@pytest.fixture
def boxes(database: Database) -> Faxboxes:
    return Faxboxes(database)


@pytest.fixture
def deliveries(database: Database, clock: Clock) -> Deliveries:
    return Deliveries(database, lease=LEASE, clock=clock)


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letter") / "letter.pdf"
    path.write_bytes(sample_pdf(3))
    return path


@pytest.fixture(scope="session")
def tiff(letter: Path) -> Path:
    target = letter.with_suffix(".tif")
    with Converter() as converter:
        converter.convert(letter, target, resolution="standard")
    return target


@pytest.fixture
def sent(
    database: Database,
    store: JobStore,
    account: str,
    letter: Path,
    tiff: Path,
) -> Iterator[Callable[..., str]]:
    """Create a fax that was sent without a call; return its id. ``result``: how its call ended."""
    hand = Hand(database, Settings(), utc_now)  # type: ignore[arg-type]
    numbers = iter(range(15550100, 15560000))

    def send(*, result: Any = DELIVERED, notify: Any = None, **changes: Any) -> str:
        values: dict[str, Any] = {
            "to_number": str(next(numbers)),
            "documents": [letter],
            "account_id": account,
            "from_number": "15550199",
            "fields": {"notifications": notify} if notify else {},
            "retries": 0,
        }
        job = store.accept(NewFax(**values | changes))
        for preparation in hand.claims.claim_unprepared(10):
            hand.settlement.prepared(preparation, tiff, 3)
        for claim in hand.claims.claim([NODE_CAPACITY], 10):
            hand.settlement.settle(claim, result)
        return job.id

    yield send
    hand.leases.retire()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def seen(database: Database) -> Deliveries:
    """The deliveries, as they are stored."""
    return Deliveries(database)


@pytest.fixture
def sqlite(database_url: str) -> str:
    """The URL of a database on SQLite, for tests of what does not depend on the database."""
    if not database_url.startswith("sqlite"):
        pytest.skip("on SQLite alone")
    return database_url
