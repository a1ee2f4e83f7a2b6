"""``fsfax webhook``: create, show, change, test and remove webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook as Verifier

from fsfax.cli import exits
from tests.cli.commands import Run, lines
from tests.notify.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class TestWebhook:
    def test_created_tested_changed_and_removed(
        self, run: Run, account: str, receiver: Receiver
    ) -> None:
        made = run("webhook", "create", account, receiver.url(), "--no-json")
        id = made.stdout.strip()
        assert len(id) == 32, "the id alone is printed, for scripts"
        secret = made.stderr.split()[-1]
        assert run("webhook", "test", id).stdout.strip() == "delivered"
        (call,) = receiver.wait(1)
        assert Verifier(secret).verify(call.body, call.headers)["type"] == "webhook.test"

        (row,) = lines(run("webhook", "list"))
        assert (row["id"], row["events"], row["enabled"]) == (id, [], True)
        assert "secret" not in row
        assert secret in run("webhook", "show", id, "--no-json").stdout
        table = run("webhook", "list", "--account", account, "--no-json").stdout
        assert receiver.url() in table
        assert secret not in table

        words = ("--event", "fax.in.failed", "--form", "form", "--disable", "--new-secret")
        (changed,) = lines(run("webhook", "change", id, *words))
        assert (changed["events"], changed["form"]) == (["fax.in.failed"], "form")
        assert not changed["enabled"]
        assert changed["secret"] != secret
        (changed,) = lines(run("webhook", "change", id, "--all-events", "--enable"))
        assert (changed["events"], changed["enabled"]) == ([], True)
        run("webhook", "remove", id)
        assert run("webhook", "list").stdout == ""
        run("webhook", "remove", id, code=exits.JOB)

    def test_a_receiver_that_refuses(self, run: Run, account: str, receiver: Receiver) -> None:
        receiver.down = True
        id = run("webhook", "create", account, receiver.url(), "--no-json").stdout.strip()
        assert "HTTP response 503" in run("webhook", "test", id, code=exits.JOB).stderr

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("create", "0" * 32, "https://a.org"), exits.JOB),
            (("show", "0" * 32), exits.JOB),
            (("change", "0" * 32, "--disable"), exits.JOB),
            (("test", "0" * 32), exits.JOB),
        ],
    )
    def test_unknown_ids(self, run: Run, words: tuple[str, ...], code: int) -> None:
        run("webhook", *words, code=code)

    def test_a_url_that_is_refused(self, run: Run, account: str) -> None:
        run("webhook", "create", account, "file:///etc/passwd", code=exits.USAGE)
