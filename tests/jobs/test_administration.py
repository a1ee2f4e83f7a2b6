"""Accounts, tokens, faxboxes and the log of mails, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.accounts.tokens import Scope, Tokens
from fsfax.db.database import Database
from fsfax.db.schema import tokens as token_table
from fsfax.errors import (
    AccountNotFound,
    AddressTaken,
    FaxboxNotFound,
    InvalidRequest,
    JobNotFound,
    TokenExpired,
    TokenUnknown,
)
from fsfax.mail.smtplog import SmtpLog
from tests.jobs.conftest import Clock

NOBODY = "f" * 32

often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


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
def tokens(database: Database, clock: Clock) -> Tokens:
    return Tokens(database, clock=clock)


@pytest.fixture
def boxes(database: Database, clock: Clock) -> Faxboxes:
    return Faxboxes(database, clock=clock, domain="fax.example.org")


class TestAccounts:
    def test_made_and_found(self, accounts: Accounts, mine: Account, clock: Clock) -> None:
        assert accounts.get(mine.id) == mine
        assert mine.numbers == ("100", "101")
        assert mine.created_at == clock.now
        clock.move(1)
        later = accounts.create("later", account_id="0" * 32, max_calls=3)
        assert [account.name for account in accounts.list()] == ["mine", "later"]
        assert (later.id, later.max_calls) == ("0" * 32, 3)

    @pytest.mark.parametrize("id", ["", "x" * 32, "A" * 32, "0" * 31, "0" * 32 + "\n", "0" * 33])
    def test_ids(self, accounts: Accounts, id: str) -> None:
        if not id:
            assert len(accounts.create("any", account_id=id).id) == 32
            return
        with pytest.raises(InvalidRequest, match="32 hex digits"):
            accounts.create("x", account_id=id)

    def test_an_id_twice(self, accounts: Accounts, mine: Account) -> None:
        with pytest.raises(InvalidRequest, match="already"):
            accounts.create("again", account_id=mine.id)
        assert accounts.get(mine.id).name == "mine"

    def test_a_number_is_one_accounts(
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
            accounts.change(NOBODY, name="x")


class TestTokens:
    def test_it_opens_its_account(self, tokens: Tokens, mine: Account) -> None:
        token, secret = tokens.create(mine.id, name="shell")
        assert tokens.check(secret) == token
        assert token.scopes == {Scope.READ, Scope.WRITE}
        assert tokens.list(mine.id) == (token,)

    def test_the_database_has_no_secret(
        self, database: Database, tokens: Tokens, mine: Account
    ) -> None:
        _, secret = tokens.create(mine.id)
        with database.read() as connection:
            (row,) = connection.execute(select(token_table)).all()
        assert secret.split("_", 2)[2] not in repr(row)

    def test_time(self, tokens: Tokens, mine: Account, clock: Clock) -> None:
        _, secret = tokens.create(mine.id, expires_at=clock.now + timedelta(seconds=10))
        clock.move(9)
        tokens.check(secret)
        clock.move(1)
        with pytest.raises(TokenExpired):
            tokens.check(secret)

    def test_revoked(self, tokens: Tokens, mine: Account, other: Account, clock: Clock) -> None:
        token, secret = tokens.create(mine.id)
        kept = tokens.create(mine.id)[1]
        with pytest.raises(TokenUnknown):
            tokens.revoke(token.id, other.id)
        tokens.check(secret)
        at = tokens.revoke(token.id, mine.id).revoked_at
        clock.move(5)
        assert tokens.revoke(token.id).revoked_at == at == clock.now - timedelta(seconds=5)
        with pytest.raises(TokenExpired):
            tokens.check(secret)
        tokens.check(kept)

    def test_invalid_requests(self, tokens: Tokens, mine: Account, clock: Clock) -> None:
        with pytest.raises(AccountNotFound):
            tokens.create(NOBODY)
        with pytest.raises(InvalidRequest, match="scope"):
            tokens.create(mine.id, scopes=())
        with pytest.raises(InvalidRequest, match="time zone"):
            tokens.create(mine.id, expires_at=clock.now.replace(tzinfo=None))
        with pytest.raises(TokenUnknown):
            tokens.revoke("0" * 16)
        assert tokens.list() == ()

    @often
    @given(
        place=st.integers(0, 65), sign=st.characters(), way=st.sampled_from(["put", "cut", "add"])
    )
    def test_no_other_secret_opens(
        self, tokens: Tokens, accounts: Accounts, place: int, sign: str, way: str
    ) -> None:
        _, secret = tokens.create(accounts.create("x").id)
        keep = place if way == "add" else place + 1
        mangled = secret[:place] + (sign if way != "cut" else "") + secret[keep:]
        if mangled == secret:
            tokens.check(mangled)
        else:
            with pytest.raises(TokenUnknown):
                tokens.check(mangled)

    @often
    @given(st.text())
    def test_no_text_opens(self, tokens: Tokens, text: str) -> None:
        with pytest.raises(TokenUnknown):
            tokens.check(text)

    def test_another_tokens_id(self, tokens: Tokens, mine: Account, other: Account) -> None:
        a, b = tokens.create(mine.id)[1], tokens.create(other.id)[1]
        mixed = b[: len("fsfax_") + 17] + a[len("fsfax_") + 17 :]
        assert mixed not in (a, b)
        with pytest.raises(TokenUnknown):
            tokens.check(mixed)


class TestFaxboxes:
    def test_made_and_found(self, boxes: Faxboxes, mine: Account) -> None:
        data = {"name": "Desk", "numbers": ["101", "500"], "retries": 3, "anything": {"a": [1]}}
        box = boxes.create(mine.id, data)
        assert boxes.get(box.id) == boxes.get(box.id, mine.id) == box
        assert box.numbers == ("101", "500")
        assert box.data == {"retries": 3, "anything": {"a": [1]}}
        assert box.smtp_email_address.endswith(".fax.example.org")
        assert box.given() == data
        assert boxes.by_number("500") == boxes.by_address(box.smtp_email_address.upper()) == box
        assert boxes.by_number("100") is None
        assert boxes.by_address("elsewhere.org") is None

    def test_only_its_account_knows_it(
        self, boxes: Faxboxes, mine: Account, other: Account
    ) -> None:
        box = boxes.create(mine.id, {"name": "Desk"})
        for forbidden in (
            lambda: boxes.get(box.id, other.id),
            lambda: boxes.replace(box.id, {"name": "x"}, other.id),
            lambda: boxes.change(box.id, {"name": "x"}, other.id),
            lambda: boxes.remove(box.id, other.id),
        ):
            with pytest.raises(FaxboxNotFound):
                forbidden()
        assert boxes.list(other.id) == ()
        assert boxes.list(mine.id) == (box,)

    def test_changes(self, boxes: Faxboxes, mine: Account, clock: Clock) -> None:
        box = boxes.create(mine.id, {"name": "Desk", "numbers": ["101"], "retries": 3, "x": 1})
        clock.move(60)
        changed = boxes.change(box.id, {"retries": 0, "x": None})
        assert changed.data == {"retries": 0}
        assert changed.numbers == ("101",)
        assert (changed.modified_at, changed.revision) == (clock.now, box.revision + 1)
        replaced = boxes.replace(box.id, {"name": "New"})
        assert (replaced.name, replaced.data, replaced.numbers) == ("New", {}, ())
        assert replaced.smtp_email_address == box.smtp_email_address

    def test_numbers_come_and_go(
        self, accounts: Accounts, boxes: Faxboxes, mine: Account, other: Account
    ) -> None:
        desk = boxes.create(mine.id, {"name": "Desk", "numbers": ["101"]})
        for wanted in ("101", "200"):  # of another faxbox; of another account
            with pytest.raises(AddressTaken):
                boxes.create(mine.id, {"name": "Second", "numbers": [wanted]})
            with pytest.raises(AddressTaken):
                boxes.create(other.id, {"name": "Second", "numbers": ["101"]})
        assert boxes.list() == (desk,)
        assert accounts.change(mine.id, numbers=[]).numbers == ("101",), "a faxbox's number stays"
        boxes.remove(desk.id)
        assert accounts.get(mine.id).numbers == ("101",), "it is the account's again"
        boxes.create(mine.id, {"name": "Second", "numbers": ["101"]})

    def test_addresses_are_unique(self, boxes: Faxboxes, mine: Account, other: Account) -> None:
        chosen = "Fax.Clinic.example"
        box = boxes.create(mine.id, {"name": "a", "custom_smtp_email_address": chosen})
        assert boxes.by_address("fax.clinic.EXAMPLE") == box
        with pytest.raises(AddressTaken, match="unique"):
            boxes.create(other.id, {"name": "b", "custom_smtp_email_address": chosen.upper()})
        second = boxes.create(other.id, {"name": "b"})
        with pytest.raises(AddressTaken):
            boxes.change(second.id, {"custom_smtp_email_address": chosen})
        assert boxes.get(second.id) == second

    @pytest.mark.parametrize("name", [None, "", "x" * 129, 7])
    def test_names(self, boxes: Faxboxes, mine: Account, name: Any) -> None:
        with pytest.raises(InvalidRequest, match="name"):
            boxes.create(mine.id, {"name": name})

    def test_an_unknown_account(self, boxes: Faxboxes) -> None:
        with pytest.raises(AccountNotFound):
            boxes.create(NOBODY, {"name": "x"})
        with pytest.raises(FaxboxNotFound):
            boxes.remove(NOBODY)


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
    def test_no_places(self, database: Database, mine: Account, start: str) -> None:
        log = SmtpLog(database)
        if start == "2026-01-01":
            assert log.list(mine.id, start=start) == ((), None)
            return
        with pytest.raises(InvalidRequest, match="next_start"):
            log.list(mine.id, start=start)
