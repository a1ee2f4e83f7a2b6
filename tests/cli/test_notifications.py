"""``fsfax webhook``, ``outbox``, and what the doctor says of the way out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from standardwebhooks import Webhook as Verifier

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.cli import exits
from fsfax.cli.main import main
from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.engine.doctor import CheckStatus
from fsfax.jobs.store import JobStore
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.doctor import examine_notifications
from fsfax.notify.events import DeliveryChannel
from fsfax.settings import Settings
from tests.notify.mailbox import Mailbox
from tests.notify.receiver import Receiver

Run = Callable[..., "Done"]


class Done(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "fsfax.db"
    with Database(f"sqlite:///{file}") as database:
        database.upgrade()
    return file


@pytest.fixture
def url(tmp_path: Path, template: Path) -> str:
    shutil.copy(template, tmp_path / "fsfax.db")
    return f"sqlite:///{tmp_path}/fsfax.db"


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: a new one takes a second to begin."""
    monkeypatch.setenv("FSFAX_DATABASE", url)
    monkeypatch.setenv("FSFAX_NOTIFY", json.dumps({"webhook": {"allow_private": True}}))

    def run(*words: str, code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["fsfax", *words])
        with pytest.raises(SystemExit) as end:
            main()
        done = Done(*capsys.readouterr())
        assert end.value.code == code, done.stderr
        return done

    return run


@pytest.fixture
def account(run: Run) -> str:
    return run("account", "create", "Clinic", "--no-json").stdout.strip()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def deliveries(url: str, account: str, tmp_path: Path) -> Iterator[Deliveries]:
    """Four mails about a fax that was cancelled, and its webhook: see `cancel`."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(sample_pdf(1))
    with Database(url) as database:
        store = JobStore(database)
        for number in range(4):
            hook = {"outbound": {"callback": {"url": f"https://me:s3cret@a.org/{number}"}}}

            box = Faxboxes(database).create(account, {"name": "Desk", "notifications": hook})
            new = NewFax(to_number="1", documents=[letter], account_id=account, faxbox_id=box.id)
            store.cancel(store.accept(new).id)
        found = Deliveries(database)
        found.expand(50)
        yield found


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


class TestWebhook:
    def test_its_life(self, run: Run, account: str, receiver: Receiver) -> None:
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

    def test_what_does_not_come_through(self, run: Run, account: str, receiver: Receiver) -> None:
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
    def test_what_is_wrong(self, run: Run, words: tuple[str, ...], code: int) -> None:
        run("webhook", *words, code=code)

    def test_no_url(self, run: Run, account: str) -> None:
        run("webhook", "create", account, "file:///etc/passwd", code=exits.USAGE)


class TestOutbox:
    def test_seen_and_repeated(self, run: Run, deliveries: Deliveries, account: str) -> None:
        one, two, three, waiting = deliveries.claim(DeliveryChannel.WEBHOOK, 9)
        deliveries.delivered(one)
        deliveries.give_up(two, "HTTP response 400: \x1b[31mno")
        deliveries.give_up(three, "gone")
        deliveries.postpone(waiting, "not now", 1000)
        assert len(lines(run("notifications", "list"))) == 4
        dead = lines(run("notifications", "list", "--state", "dead", "--account", account))
        assert {row["id"] for row in dead} == {two.id, three.id}
        assert all("s3cret" not in json.dumps(row) for row in dead)
        table = run("notifications", "list", "--no-json").stdout
        assert "s3cret" not in table
        assert "\x1b" not in table
        (mine,) = lines(run("notifications", "list", "--job", one.job_id))
        assert (mine["id"], mine["state"]) == (one.id, "done")
        shown = run("notifications", "show", waiting.id, "--no-json").stdout
        assert "next try" in shown
        assert "1 tries; not now" in shown
        assert "s3cret" not in run("notifications", "show", waiting.id).stdout

        run("notifications", "repeat", waiting.id, two.id)
        assert "1 deliveries are repeated" in run("notifications", "repeat", "--dead").stdout
        assert {each.id for each in deliveries.claim(DeliveryChannel.WEBHOOK, 9)} == {
            two.id, three.id, waiting.id
        }  # fmt: skip
        run("notifications", "repeat", two.id, code=exits.JOB)  # it is under way

    def test_what_is_wrong(self, run: Run) -> None:
        run("notifications", "repeat", code=exits.USAGE)
        run("notifications", "repeat", "x", "--dead", code=exits.USAGE)
        run("notifications", "repeat", "x", code=exits.JOB)
        run("notifications", "show", "x", code=exits.JOB)


class TestDoctor:
    def test_a_relay_that_answers(self, url: str) -> None:
        with Mailbox() as mailbox:
            relay = {"host": "127.0.0.1", "port": mailbox.port}
            checks = {each.name: each for each in examine_notifications(settings(url, relay=relay))}
        assert checks["mail relay"].verdict is CheckStatus.OK
        assert checks["outbox"].verdict is CheckStatus.OK
        assert not mailbox.mails

    def test_one_that_does_not(self, url: str) -> None:
        with Mailbox() as mailbox:
            port = mailbox.port
        relay = {"host": "127.0.0.1", "port": port}
        first, *_ = examine_notifications(settings(url, relay=relay))
        assert first.verdict is CheckStatus.BROKEN
        assert first.remedy

    def test_none_and_dead_letters(self, url: str, deliveries: Deliveries) -> None:
        dead, *_ = deliveries.claim(DeliveryChannel.WEBHOOK, 9)
        deliveries.give_up(dead, "gone")
        checks = {each.name: each for each in examine_notifications(settings(url))}
        assert checks["mail relay"].verdict is CheckStatus.WARNING
        assert checks["outbox"].verdict is CheckStatus.WARNING
        assert checks["outbox"].detail == "1 dead letters; waiting: 3 webhook"

    def test_short_messages_without_a_url(self, url: str) -> None:
        _, sms, *_ = examine_notifications(settings(url, sms={"gateway": "http"}))
        assert sms.verdict is CheckStatus.BROKEN

    def test_no_database_is_the_jobs_own_trouble(self, tmp_path: Path) -> None:
        checks = list(examine_notifications(settings(f"sqlite:///{tmp_path}/none.db")))
        assert {each.name for each in checks} == {"mail relay", "short messages"}
        assert not (tmp_path / "none.db").exists()


def settings(url: str, **notify: Any) -> Settings:
    return Settings(database=url, notify=notify)  # type: ignore[arg-type]
