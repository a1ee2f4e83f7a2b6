"""Two accounts with called numbers, and the stores of accounts and faxboxes."""

from __future__ import annotations

import pytest

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db.database import Database
from tests.job_fixtures import Clock


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(database, clock=clock)


@pytest.fixture
def mine(accounts: Accounts) -> Account:
    return accounts.create("mine", numbers=["100", "101"])


@pytest.fixture
def other(accounts: Accounts) -> Account:
    return accounts.create("other", numbers=["200"])


@pytest.fixture
def boxes(database: Database, clock: Clock) -> Faxboxes:
    return Faxboxes(database, clock=clock, domain="fax.example.org")
