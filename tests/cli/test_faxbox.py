"""``fsfax faxbox``: create, show, change, list and remove faxboxes."""

from __future__ import annotations

import pytest

from fsfax.cli import exits
from tests.cli.commands import Run, lines


class TestFaxboxes:
    def test_created_shown_changed_and_removed(self, run: Run, account: str) -> None:
        box = run(
            "faxbox", "create", account, "Desk", "--number", "100", "--set", "retries=3",
            "--set", "caller_id=0049301", "--set", "fax_header=Dr. Grün",
            "--set", "notifications.inbound.email.send_to=desk@example.org", "--no-json",
        ).stdout.strip()  # fmt: skip
        (shown,) = lines(run("faxbox", "show", box))
        assert shown["data"] == {
            "retries": 3,
            "caller_id": "0049301",
            "fax_header": "Dr. Grün",
            "notifications": {"inbound": {"email": {"send_to": "desk@example.org"}}},
        }
        words = run("faxbox", "show", box, "--no-json").stdout
        assert f"NUMBER@{shown['smtp_email_address']}" in words
        assert "faxes to 100 arrive in it" in words
        (changed,) = lines(
            run("faxbox", "change", box, "--name", "New", "--set", "retries=null", "--number", "5")
        )
        assert (changed["name"], changed["numbers"]) == ("New", ["5"])
        assert "retries" not in changed["data"]
        assert changed["data"]["fax_header"] == "Dr. Grün"
        assert box in run("faxbox", "list", "--account", account, "--no-json").stdout
        run("faxbox", "remove", box)
        assert lines(run("faxbox", "list")) == []

    def test_rules_for_inbound_faxes(self, run: Run, account: str) -> None:
        box = run(
            "faxbox", "create", account, "Desk", "--allow", "+353 1*", "--allow", "Anonymous",
            "--block", "+353 1 555 0666", "--forward-to", "+1 555 0111",
            "--retention-days", "30", "--no-json",
        ).stdout.strip()  # fmt: skip
        (shown,) = lines(run("faxbox", "show", box))
        assert shown["data"] == {
            "callers": {"allow": ["+3531*", "anonymous"], "block": ["+35315550666"]},
            "forward_to": "+1 555 0111",
            "retention_days": 30,
        }
        words = run("faxbox", "show", box, "--no-json").stdout
        for said in (
            "accepts faxes from +3531*, anonymous only",
            "accepts no faxes from +35315550666",
            "forwards complete faxes to +1 555 0111",
            "documents are removed after 30 days",
        ):
            assert said in words
        (changed,) = lines(run("faxbox", "change", box, "--block", "*", "--set", "forward_to=null"))
        assert changed["data"] == {
            "callers": {"allow": ["+3531*", "anonymous"], "block": ["*"]},
            "retention_days": 30,
        }
        (changed,) = lines(run("faxbox", "change", box, "--set", "callers=null"))
        assert changed["data"] == {"retention_days": 30}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--block", "+353*1"), "a * stands at the end"),
            (("--allow", "a b"), "is no caller"),
            (("--forward-to", "nobody"), "cannot be dialled"),
            (("--forward-to", "00353 1 5550100", "--number", "+353 1 555 0100"), "itself"),
            (("--retention-days", "0"), "0 is not in the range"),
            (("--number", "no number"), "is no called number"),
            (("--set", "callers.deny=[]"), "callers.deny"),
            (("--set", "fax_identity=ABCDEFGHIJKLMNOPQRSTU"), "fax_identity"),
            (("--set", "caller_id=Clinic"), "caller_id"),
        ],
    )
    def test_rules_that_are_refused(
        self, run: Run, account: str, words: tuple[str, ...], message: str
    ) -> None:
        assert message in run("faxbox", "create", account, "Desk", *words, code=exits.USAGE).stderr
        assert lines(run("faxbox", "list")) == []

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ("retries=99", "retries"),
            ("retries", "not FIELD=VALUE"),
            ("a..b=1", "not FIELD=VALUE"),
            ("name.first=x", "name has no fields"),
            ("fax_timezone=Nowhere/City", "time zone"),
            ("notifications.inbound.email.send_to=nobody", "send_to"),
        ],
    )
    def test_fields_that_are_refused(
        self, run: Run, account: str, field: str, message: str
    ) -> None:
        done = run("faxbox", "create", account, "Desk", "--set", field, code=exits.USAGE)
        assert message in done.stderr
        assert lines(run("faxbox", "list")) == []

    def test_a_number_of_another_account(self, run: Run, account: str) -> None:
        run("account", "create", "other", "--number", "7")
        done = run("faxbox", "create", account, "Desk", "--number", "7", code=exits.JOB)
        assert "the number 7 belongs to another account" in done.stderr


@pytest.mark.parametrize("words", [("show", "f" * 32), ("create", "f" * 32, "x")])
def test_unknown_ids(run: Run, words: tuple[str, ...]) -> None:
    assert "there is no " in run("faxbox", *words, code=exits.JOB).stderr
