"""Faxboxes: who finds them, changes, numbers and mail domains."""

from __future__ import annotations

from typing import Any

import pytest

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.errors import AccountNotFound, AddressTaken, FaxboxNotFound, InvalidRequest
from tests.job_fixtures import Clock

UNKNOWN_ID = "f" * 32


class TestFaxboxes:
    def test_created_and_found(self, boxes: Faxboxes, mine: Account) -> None:
        data = {"name": "Desk", "numbers": ["101", "500"], "retries": 3, "anything": {"a": [1]}}
        box = boxes.create(mine.id, data)
        assert boxes.get(box.id) == boxes.get(box.id, mine.id) == box
        assert box.numbers == ("101", "500")
        assert box.config.as_dict() == {"retries": 3, "anything": {"a": [1]}}
        assert box.smtp_email_address.endswith(".fax.example.org")
        assert box.given() == data
        assert boxes.by_number("500") == boxes.by_address(box.smtp_email_address.upper()) == box
        assert boxes.by_number("100") is None
        assert boxes.by_address("elsewhere.org") is None

    def test_only_its_account_finds_it(
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
        assert changed.config.as_dict() == {"retries": 0}
        assert changed.numbers == ("101",)
        assert (changed.modified_at, changed.revision) == (clock.now, box.revision + 1)
        replaced = boxes.replace(box.id, {"name": "New"})
        assert (replaced.name, replaced.config.as_dict(), replaced.numbers) == ("New", {}, ())
        assert replaced.smtp_email_address == box.smtp_email_address

    def test_numbers_are_assigned_and_freed(
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

    @pytest.mark.parametrize("name", [None, "", "x" * 129, ["x"]])
    def test_invalid_names(self, boxes: Faxboxes, mine: Account, name: Any) -> None:
        with pytest.raises(InvalidRequest, match="name"):
            boxes.create(mine.id, {"name": name})

    def test_an_unknown_account_and_faxbox(self, boxes: Faxboxes) -> None:
        with pytest.raises(AccountNotFound):
            boxes.create(UNKNOWN_ID, {"name": "x"})
        with pytest.raises(FaxboxNotFound):
            boxes.remove(UNKNOWN_ID)


NUMBER = "+353 1 555 0100"


class TestCalledNumbers:
    def test_one_number_has_one_owner_in_every_spelling(
        self, boxes: Faxboxes, mine: Account, other: Account
    ) -> None:
        boxes.create(mine.id, {"name": "Desk", "numbers": [NUMBER, "0035315550100"]})
        with pytest.raises(AddressTaken, match="35315550100 belongs"):
            boxes.create(other.id, {"name": "Theirs", "numbers": ["35315550100"]})
        with pytest.raises(InvalidRequest, match="no called number"):
            boxes.create(other.id, {"name": "Theirs", "numbers": ["x" * 65]})
        assert boxes.list(other.id) == ()

    def test_forwarding_to_itself_is_refused(self, boxes: Faxboxes, mine: Account) -> None:
        box = boxes.create(
            mine.id, {"name": "Desk", "numbers": [NUMBER], "forward_to": "+1 555 0111"}
        )
        with pytest.raises(InvalidRequest, match="of this faxbox itself"):
            boxes.change(box.id, {"forward_to": "00353 1 5550100"})
        with pytest.raises(InvalidRequest, match="of this faxbox itself"):
            boxes.create(mine.id, {"name": "x", "numbers": ["7"], "forward_to": "7"})
