"""Accounts: ids, called numbers, changes."""

from __future__ import annotations

import pytest

from fsfax.accounts.accounts import Account, Accounts
from fsfax.errors import AccountNotFound, AddressTaken, InvalidRequest
from tests.job_fixtures import Clock

UNKNOWN_ID = "f" * 32


class TestAccounts:
    def test_created_and_found(self, accounts: Accounts, mine: Account, clock: Clock) -> None:
        assert accounts.get(mine.id) == mine
        assert mine.numbers == ("100", "101")
        assert mine.created_at == clock.now
        clock.move(1)
        later = accounts.create("later", account_id="0" * 32, max_calls=3)
        assert [account.name for account in accounts.list()] == ["mine", "later"]
        assert (later.id, later.max_calls) == ("0" * 32, 3)

    @pytest.mark.parametrize("id", ["", "x" * 32, "A" * 32, "0" * 31, "0" * 32 + "\n", "0" * 33])
    def test_valid_and_invalid_ids(self, accounts: Accounts, id: str) -> None:
        if not id:
            assert len(accounts.create("any", account_id=id).id) == 32
            return
        with pytest.raises(InvalidRequest, match="32 hex digits"):
            accounts.create("x", account_id=id)

    def test_an_id_that_is_taken(self, accounts: Accounts, mine: Account) -> None:
        with pytest.raises(InvalidRequest, match="already"):
            accounts.create("again", account_id=mine.id)
        assert accounts.get(mine.id).name == "mine"

    def test_a_number_belongs_to_one_account(
        self, accounts: Accounts, mine: Account, other: Account
    ) -> None:
        with pytest.raises(AddressTaken, match="100"):
            accounts.create("third", numbers=["300", "100"])
        assert len(accounts.list()) == 2, "nothing is left of it"
        with pytest.raises(AddressTaken, match="100"):
            accounts.change(other.id, name="renamed", numbers=["100"])
        assert accounts.get(other.id) == other, "all of it or nothing"
        accounts.change(mine.id, numbers=["101"])
        assert accounts.change(other.id, numbers=["100", "200"]).numbers == ("100", "200")

    def test_changes(self, accounts: Accounts, mine: Account) -> None:
        window = {"days": ["mon"], "from": "08:00", "to": "18:00"}
        changed = accounts.change(mine.id, name="new", max_calls=2, windows=[window])
        assert (changed.name, changed.max_calls, changed.windows) == ("new", 2, (window,))
        assert changed.numbers == mine.numbers
        assert accounts.change(mine.id) == changed
        with pytest.raises(InvalidRequest):
            accounts.change(mine.id, windows=[{"from": "25:00", "to": "26:00"}])
        with pytest.raises(AccountNotFound):
            accounts.change(UNKNOWN_ID, name="x")
