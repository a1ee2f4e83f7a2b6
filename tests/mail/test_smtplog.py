"""The log of mails: pages, and which account reads it."""

from __future__ import annotations

import pytest

from fsfax.accounts.accounts import Account, Accounts
from fsfax.db.database import Database
from fsfax.errors import InvalidRequest, JobNotFound
from fsfax.mail.smtplog import SmtpLog
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


class TestMails:
    def test_pages(self, database: Database, mine: Account, other: Account, clock: Clock) -> None:
        log = SmtpLog(database, clock=clock)
        log.add(from_address="o", to_address="o", account_id=other.id)
        made = []
        for number in range(25):
            if number % 3:
                clock.move(1)  # some in the same moment
            made.append(
                log.add(
                    from_address=f"{number}@x",
                    to_address="1@y",
                    account_id=mine.id,
                    errors=["no"] if number % 2 else [],
                    job_ids=["a"],
                    data={"size": number},
                ).id
            )
        found, start, pages = [], None, 0
        while pages == 0 or start:
            part, start = log.list(mine.id, start=start, limit=4)
            found += [record.id for record in part]
            pages += 1
        assert pages == 7
        assert sorted(found) == sorted(made)
        up, start = log.list(mine.id, limit=25, ascending=True)
        assert [record.id for record in up] == found[::-1]
        assert start is None
        some, _ = log.list(mine.id, created_from=clock.now, created_to=clock.now)
        assert {record.created_at for record in some} == {clock.now}
        assert log.get(made[3]).data == {"size": 3}

    def test_only_its_account_reads_it(
        self, database: Database, mine: Account, other: Account
    ) -> None:
        log = SmtpLog(database)
        record = log.add(from_address="a", to_address="b", account_id=mine.id)
        assert log.get(record.id, mine.id) == record
        with pytest.raises(JobNotFound):
            log.get(record.id, other.id)
        assert log.list(other.id) == ((), None)

    @pytest.mark.parametrize("start", ["", "x", "2026-01-01", "/", "9/9"])
    def test_an_invalid_start(self, database: Database, mine: Account, start: str) -> None:
        log = SmtpLog(database)
        if start == "2026-01-01":
            assert log.list(mine.id, start=start) == ((), None)
            return
        with pytest.raises(InvalidRequest, match="next_start"):
            log.list(mine.id, start=start)
