"""Routing: the owner of a called number, and whether its faxbox accepts a caller."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from fsfax.accounts.accounts import Account
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.accounts.routing import Owner, admission, owner_of, route
from fsfax.db.database import Database
from fsfax.db.schema import accounts as account_table
from fsfax.db.schema import faxboxes as faxbox_table
from fsfax.db.transitions import DEFAULT_ACCOUNT
from fsfax.engine.admission import ACCEPT, REJECT, Admission
from fsfax.settings import InboundSettings
from tests.job_fixtures import Clock

CALLED = "+35315550100"
CALL = "11111111-2222-3333-4444-555555555555"


def owner(database: Database, called: str, **settings: str) -> Owner:
    with database.read() as connection:
        return owner_of(connection, called, InboundSettings(**settings))


class TestOwner:
    @pytest.fixture
    def box(self, boxes: Faxboxes, mine: Account) -> Faxbox:
        return boxes.create(mine.id, {"name": "Ward", "numbers": [CALLED], "retries": 1})

    @pytest.mark.parametrize("called", [CALLED, "0035315550100", "+353 1 555 0100"])
    def test_a_number_of_a_faxbox(
        self, database: Database, box: Faxbox, mine: Account, called: str
    ) -> None:
        found = owner(database, called)
        assert (found.account_id, found.faxbox_id, found.has_number) == (mine.id, box.id, True)
        assert found.config.as_dict() == {"retries": 1}

    def test_a_number_of_an_account(self, database: Database, mine: Account) -> None:
        assert owner(database, "100") == Owner(mine.id)

    def test_a_number_that_is_not_assigned(
        self, database: Database, box: Faxbox, mine: Account, other: Account
    ) -> None:
        unknown = "4930123456"
        assert owner(database, unknown) == Owner(DEFAULT_ACCOUNT, has_number=False)
        assert owner(database, unknown, account=other.id) == Owner(other.id, has_number=False)
        found = owner(database, unknown, account=other.id, faxbox=box.id)
        assert (found.account_id, found.faxbox_id, found.has_number) == (mine.id, box.id, False)
        assert found.config.as_dict() == {"retries": 1}
        # A number that is assigned is not affected by the settings.
        assert owner(database, "200", account=mine.id, faxbox=box.id) == Owner(other.id)

    def test_a_configured_owner_that_was_removed(
        self, database: Database, other: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        found = owner(database, "4930123456", account=other.id, faxbox="f" * 32)
        assert found == Owner(other.id, has_number=False)
        assert "inbound_faxbox_not_found" in caplog.text
        found = owner(database, "4930123456", account="e" * 32)
        assert found == Owner(DEFAULT_ACCOUNT, has_number=False)
        assert "inbound_account_not_found" in caplog.text


class TestRoute:
    def test_the_default_account_is_made_when_it_is_needed(
        self, database: Database, mine: Account, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        accounts = select(account_table.c.id)
        settings = InboundSettings()
        with database.write() as connection:
            found = route(connection, "100", settings, clock.now, CALL)
            assert found == Owner(mine.id)
            assert caplog.text == ""
            assert connection.execute(accounts).scalars().all() == [mine.id]
            found = route(connection, "4930123456", settings, clock.now, CALL)
            assert found.account_id == DEFAULT_ACCOUNT
            assert set(connection.execute(accounts).scalars()) == {mine.id, DEFAULT_ACCOUNT}
        for part in ("called_number_not_assigned", "4930123456", CALL, DEFAULT_ACCOUNT):
            assert part in caplog.text


class TestAdmission:
    @pytest.mark.parametrize(
        ("fields", "caller", "expected"),
        [
            ({}, "+15550111", ACCEPT),
            ({}, "", ACCEPT),
            ({"callers": {"block": ["+1*"]}}, "+15550111", REJECT),
            ({"callers": {"block": ["+1*"]}}, "+4930123456", ACCEPT),
            ({"callers": {"allow": ["+1*"]}}, "", REJECT),
            ({"media": {"fax_option": False}}, "+1", Admission(t38=False)),
            ({"media": {"fax_option": True}}, "+1", ACCEPT),
            ({"fax_identity": "WARD"}, "+1", Admission(ident="WARD")),
            ({"fax_header": "CLINIC"}, "+1", ACCEPT),  # of outbound faxes alone
            (
                {"callers": {"block": ["+2"]}, "fax_identity": "WARD", "media": {"fax_option": 0}},
                "+1",
                Admission(ident="WARD", t38=False),
            ),
        ],
    )
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_callers_and_how_calls_are_answered(
        self,
        database: Database,
        boxes: Faxboxes,
        mine: Account,
        fields: dict[str, Any],
        caller: str,
        expected: Admission,
    ) -> None:
        boxes.create(mine.id, {"name": "Ward", "numbers": [CALLED], **fields})
        with database.read() as connection:
            assert admission(connection, caller, CALLED, InboundSettings()) == expected

    def test_a_number_of_no_faxbox_accepts_every_caller(
        self, database: Database, boxes: Faxboxes, mine: Account
    ) -> None:
        box = boxes.create(mine.id, {"name": "Ward", "callers": {"block": ["*"]}})
        with database.read() as connection:
            for called in ("100", "4930123456"):
                assert admission(connection, "+1", called, InboundSettings()) is ACCEPT
            settings = InboundSettings(faxbox=box.id)
            assert admission(connection, "+1", "100", settings) is ACCEPT
            assert admission(connection, "+1", "4930123456", settings) is REJECT

    def test_a_stored_list_that_is_partly_invalid_still_refuses(
        self, database: Database, boxes: Faxboxes, mine: Account
    ) -> None:
        boxes.create(mine.id, {"name": "Ward", "numbers": [CALLED]})
        stored = {"callers": {"block": ["+1*", None, "no number"], "deny": []}}
        with database.write() as connection:
            connection.execute(update(faxbox_table).values(data=stored))
        with database.read() as connection:
            assert admission(connection, "+15550111", CALLED, InboundSettings()) is REJECT
            assert admission(connection, "+4930123456", CALLED, InboundSettings()) is ACCEPT
