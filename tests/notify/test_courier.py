"""The dispatcher against real ends: a mail relay, a web server, both databases."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdf
import pytest
import trustme
from sqlalchemy import func, select
from standardwebhooks import Webhook as Verifier

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.api import fax_view
from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import jobs, outbox
from fsfax.db.transitions import locked_row
from fsfax.document import to_pdf
from fsfax.notify.deliveries import Deliveries, Delivery
from fsfax.notify.dispatcher import Dispatcher
from fsfax.notify.events import DeliveryChannel, NotificationKind
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.notify.signature import new_secret
from fsfax.notify.subscriptions import Webhooks
from fsfax.settings import Settings
from tests.api.service import until
from tests.jobs.results import TROUBLE
from tests.notify.mailbox import Mailbox, parts
from tests.notify.receiver import Answer, Call, Receiver

Send = Callable[..., str]
MAIL = {"email": {"send_to": "a@b.org"}}
FAST = {"delay": 0.05, "max_delay": 0.2, "drain": 5.0}


def settings(url: str, mailbox: Mailbox | None = None, **notify: Any) -> Settings:
    relay: dict[str, Any] = {"host": "127.0.0.1", "port": mailbox.port} if mailbox else {}
    relay |= notify.pop("relay", {})
    webhook = {"allow_private": True} | notify.pop("webhook", {})
    return Settings(
        database=url,  # type: ignore[arg-type]
        jobs={"poll": 0.05},  # type: ignore[arg-type]
        notify=FAST | {"relay": relay, "webhook": webhook} | notify,  # type: ignore[arg-type]
    )


@contextmanager
def dispatcher(options: Settings, **more: Any) -> Iterator[Dispatcher]:
    with Dispatcher(options, fax_view.shown, hub="own", **more) as made:
        yield made


def states(deliveries: Deliveries, account: str) -> Counter[str]:
    return Counter(each.state for each in deliveries.list(account, limit=COUNT).deliveries)


@pytest.fixture
def seen(database: Database) -> Deliveries:
    return Deliveries(database)


class TestMail:
    def test_a_fax_that_was_sent(
        self, database_url: str, mailbox: Mailbox, sent: Send, tiff: Path, tmp_path: Path,
        seen: Deliveries, account: str,
    ) -> None:  # fmt: skip
        job_id = sent(notify=MAIL, fields={"notifications": MAIL | {"language": "de"}})
        with dispatcher(settings(database_url, mailbox)):
            (mail,) = mailbox.wait(1)
            until(lambda: states(seen, account) == {"done": 1}, "it is written down")
        assert mailbox.recipients == ["a@b.org"]
        assert mail["subject"].startswith("Fax gesendet an 155501")
        (delivery,) = seen.list(account).deliveries
        assert mail["message-id"] == f"<{delivery.id}@localhost>"
        found = parts(mail)
        assert job_id in found["text/plain"]
        assert found["page1.png"].startswith(b"\x89PNG")
        name = next(name for name in found if name.endswith(".pdf") and "report" not in name)
        mine, theirs = tmp_path / "mine.pdf", tmp_path / "theirs.pdf"
        to_pdf(tiff, mine)
        theirs.write_bytes(found[name])
        assert len(pypdf.PdfReader(theirs, strict=True).pages) == 3
        assert [p.images[0].data for p in pypdf.PdfReader(theirs).pages] == [
            p.images[0].data for p in pypdf.PdfReader(mine).pages
        ], "what went over the line, dot by dot"

    def test_tls_and_a_password(self, database_url: str, sent: Send, tmp_path: Path) -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        with Mailbox(tls=context, login=("fax", "s3cret")) as mailbox:
            relay = {
                "tls": "starttls", "username": "fax", "password": "s3cret",
                "ca_file": tmp_path / "ca.pem", "sender": "fax@clinic.example",
            }  # fmt: skip
            sent(notify=MAIL)
            with dispatcher(settings(database_url, mailbox, relay=relay)):
                (mail,) = mailbox.wait(1)
        assert mail["from"] == "Fax <fax@clinic.example>"

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"ca_file": None}, "certificate"),
            ({"password": "wrong"}, "535"),
            ({"username": ""}, "530"),
            ({"tls": "none"}, "AUTH extension not supported"),
        ],
    )
    def test_a_relay_that_we_are_wrong_about(
        self, sqlite: str, sent: Send, tmp_path: Path, account: str, change: Any, problem: str
    ) -> None:
        """It is tried again: the mail is not to blame."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        with Mailbox(tls=context, login=("fax", "s3cret")) as mailbox, Database(sqlite) as database:
            relay = {
                "tls": "starttls", "username": "fax", "password": "s3cret",
                "ca_file": tmp_path / "ca.pem",
            }  # fmt: skip
            sent(notify=MAIL)
            found = Deliveries(database)
            with dispatcher(settings(sqlite, mailbox, relay=relay | change)):
                until(
                    lambda: any(problem in each.problem for each in found.list(account).deliveries),
                    "the problem is said",
                )
            assert states(found, account) == {"open": 1}
            assert mailbox.mails == []

    def test_who_is_refused_for_good_is_a_dead_letter_at_once(
        self, database_url: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        refusals = {"gone@b.org": "550 no such\r\n user", "full@b.org": "452 mailbox full"}
        told: list[tuple[str, str]] = []
        with Mailbox(answer=refusals.get) as mailbox:
            sent(notify={"email": {"send_to": [*refusals, "a@b.org"]}})
            options = settings(database_url, mailbox, max_tries=3)
            with dispatcher(options, on_attempt=lambda *each: told.append(each)):
                until(lambda: states(seen, account) == {"done": 1, "dead": 2}, "all are settled")
        found = {each.target: each for each in seen.list(account).deliveries}
        gone, full = found["gone@b.org"], found["full@b.org"]
        assert (gone.tries, gone.problem[:11]) == (1, "550 no such")
        assert (full.tries, full.problem) == (3, "452 mailbox full")
        assert Counter(told) == {
            ("mail", "delivered"): 1, ("mail", "dead"): 2, ("mail", "postponed"): 2
        }  # fmt: skip

    def test_a_mail_that_is_refused(self, sqlite: str, sent: Send, account: str) -> None:
        with Mailbox(at_data=lambda _: "554 we take no faxes") as mailbox:
            sent(notify=MAIL)
            with dispatcher(settings(sqlite, mailbox)), Database(sqlite) as database:
                found = Deliveries(database)
                until(lambda: states(found, account) == {"dead": 1}, "it is given up")
                assert found.list(account).deliveries[0].problem == "554 we take no faxes"

    def test_without_a_relay_it_says_so_and_is_sent_later(
        self, sqlite: str, mailbox: Mailbox, sent: Send, account: str
    ) -> None:
        sent(notify=MAIL)
        with Database(sqlite) as database:
            found = Deliveries(database)
            with dispatcher(settings(sqlite)):
                until(lambda: states(found, account) == {"dead": 1}, "it is put aside")
            assert "notify.relay.host" in found.list(account).deliveries[0].problem
            found.repeat_dead(account)
            with dispatcher(settings(sqlite, mailbox)):
                mailbox.wait(1)

    def test_what_is_too_large_or_gone_is_said(
        self, sqlite: str, mailbox: Mailbox, sent: Send, store: Any
    ) -> None:
        job_id = sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox, mail={"max_attachment": 1000})):
            (mail,) = mailbox.wait(1)
        text = parts(mail)["text/plain"]
        assert "is larger than" in text
        assert not [name for name in parts(mail) if name.endswith(".pdf") and "report" not in name]
        store.remove_documents(job_id)
        found = Deliveries(store.database)
        found.repeat(found.list().deliveries[0].id)
        with dispatcher(settings(sqlite, mailbox)):
            _, mail = mailbox.wait(2)
        assert "attached" not in parts(mail)["text/plain"]

    def test_a_document_that_cannot_be_drawn(
        self, sqlite: str, mailbox: Mailbox, sent: Send, tiff: Path, monkeypatch: Any
    ) -> None:
        from fsfax.errors import DocumentDamaged
        from fsfax.notify import mail as module

        def broken(*_: Any) -> None:
            raise DocumentDamaged("it is no TIFF")

        monkeypatch.setattr(module, "to_pdf", broken)
        sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox)):
            (mail,) = mailbox.wait(1)
        assert "its document cannot be read" in parts(mail)["text/plain"]

    def test_the_next_mail_goes_over_the_same_connection(
        self, sqlite: str, mailbox: Mailbox, sent: Send
    ) -> None:
        for _ in range(6):
            sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox, mail={"concurrency": 1})):
            mailbox.wait(6)
        assert len(mailbox.sessions) == 1


@pytest.fixture
def sqlite(database_url: str) -> str:
    """Where the database makes no difference, one is enough."""
    if not database_url.startswith("sqlite"):
        pytest.skip("on SQLite alone")
    return database_url


class TestWebhooks:
    def test_a_signed_message(
        self, database_url: str, receiver: Receiver, sent: Send, database: Database, account: str
    ) -> None:
        hook = Webhooks(database).create(account, receiver.url("/hook?a=b"))
        job_id = sent(fields={"labels": ["x"], "notifications": MAIL})
        with dispatcher(settings(database_url)):
            (call,) = receiver.wait(1)
        assert (call.method, call.path) == ("POST", "/hook?a=b")
        assert call.headers["content-type"] == "application/json"
        body = Verifier(hook.secret).verify(call.body, call.headers)
        assert body["type"] == "fax.out.completed"
        data = body["data"]
        assert (data["account_id"], data["faxbox_id"]) == (account, None)
        assert data["fax"]["id"] == job_id
        assert data["fax"]["tx_result"]["pages_sent"] == 3
        assert data["fax"]["labels"] == ["x"]
        assert "notifications" not in data["fax"]
        place = f"/v2/accounts/{account}/faxes/outbox/{job_id}"
        assert data["links"] == {"fax": place, "attachment": f"{place}/attachment"}
        with database.read() as connection:
            at = connection.execute(select(outbox.c.created_at)).scalar_one()
        assert body["timestamp"] == at.isoformat().replace("+00:00", "Z")

    def test_the_callback_of_a_faxbox_as_a_form(
        self, sqlite: str, receiver: Receiver, sent: Send, boxes: Faxboxes, account: str
    ) -> None:
        secret = new_secret()
        callback = {
            "url": receiver.url(), "method": "put", "type": "www-url-form-encoded", "secret": secret
        }  # fmt: skip
        told = {"notifications": {"outbound": {"callback": callback}}}
        box = boxes.create(account, {"name": "Desk", **told})
        sent(faxbox_id=box.id)
        with dispatcher(settings(sqlite)):
            (call,) = receiver.wait(1)
        assert call.method == "PUT"
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        assert f"data.faxbox_id={box.id}".encode() in call.body
        with pytest.raises(json.JSONDecodeError):  # the signature is good; it is no JSON
            Verifier(secret).verify(call.body, call.headers)

    def test_down_for_a_while(
        self, database_url: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        """Everything is delivered later, in order for each fax, under the same ids."""
        hook = Webhooks(database).create(account, receiver.url())
        receiver.down = True
        ids = [sent() for _ in range(4)]
        kinds = [
            NotificationKind.OUT_COMPLETED,
            NotificationKind.OUT_UNCERTAIN,
            NotificationKind.OUT_FAILED,
        ]
        with database.write() as connection:
            for job_id in ids:
                row = locked_row(connection, job_id)
                for kind in kinds[1:]:
                    transitions.enqueue_notification(connection, row, kind, row.modified_at)
        with dispatcher(settings(database_url)):
            receiver.wait_calls(10)
            assert set(states(seen, account)) == {"open"}
            receiver.down = False
            receiver.wait(12)
            until(lambda: states(seen, account) == {"done": 12}, "all are written down")
        taken = [(Verifier(hook.secret).verify(c.body, c.headers), c) for c in receiver.taken]
        for job_id in ids:
            mine = [body["type"] for body, _ in taken if body["data"]["fax"]["id"] == job_id]
            assert mine == [kind.event for kind in kinds]
        known = {each.id for each in seen.list(account, limit=100).deliveries}
        assert {call.headers["webhook-id"] for call in receiver.calls} == known
        assert len({call.headers["webhook-id"] for call in receiver.taken}) == 12

    def test_who_is_gone_is_not_asked_again(
        self, database_url: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        hook = Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(410, body=b"moved\r\naway")
        sent()
        with dispatcher(settings(database_url)):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
            (dead,) = seen.list(account).deliveries
            assert "410: moved away" in dead.problem
            assert not Webhooks(database).get(hook.id).enabled
            sent()
            until(lambda: not seen.waiting().news, "the next one is nobody's")
            assert len(seen.list(account).deliveries) == 1
            seen.repeat(dead.id)
            until(lambda: seen.get(dead.id).problem == "the webhook is disabled", "it is not told")
        assert len(receiver.calls) == 1

    def test_who_refuses_is_asked_a_few_times(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(400)
        sent()
        with dispatcher(settings(sqlite, webhook={"refusals": 3})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert len(receiver.calls) == 3

    def test_a_redirect_is_not_followed(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(302, {"Location": receiver.url("/other")})
        sent()
        with dispatcher(settings(sqlite, webhook={"refusals": 1})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert [call.path for call in receiver.calls] == ["/hook"]

    def test_retry_after_is_respected(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(429, {"Retry-After": "600"})
        sent()
        with dispatcher(settings(sqlite)):
            until(lambda: [d for d in seen.list(account).deliveries if d.problem], "it waits")
        (one,) = seen.list(account).deliveries
        assert (one.due_at - one.created_at).total_seconds() >= 600
        assert len(receiver.calls) == 1

    def test_private_networks_are_nobodys_to_reach(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        sent()
        with dispatcher(settings(sqlite, webhook={"allow_private": False})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert "notify.webhook.allow_networks" in seen.list(account).deliveries[0].problem
        assert receiver.calls == []

    def test_one_slow_host_holds_up_nobody(
        self, sqlite: str, receiver: Receiver, mailbox: Mailbox, sent: Send, database: Database,
        account: str,
    ) -> None:  # fmt: skip
        """Neither mails nor another host; and so many at once to it, and no more."""
        slow, let_go = Webhooks(database), threading.Event()
        at_once, most, lock = [0], [0], threading.Lock()

        def answer(call: Call) -> Answer:
            if call.path == "/slow":
                with lock:
                    at_once[0] += 1
                    most[0] = max(most[0], at_once[0])
                let_go.wait(30)
                with lock:
                    at_once[0] -= 1
            return Answer()

        receiver.answer = answer
        with Receiver() as other:
            slow.create(account, receiver.url("/slow"))
            slow.create(account, other.url("/fast"))
            for _ in range(12):
                sent(notify=MAIL)
            options = settings(sqlite, mailbox, webhook={"concurrency": 6, "per_host": 3})
            with dispatcher(options):
                other.wait(12)
                mailbox.wait(12)
                assert receiver.taken == []
                let_go.set()
                receiver.wait(12)
        assert most[0] == 3

    def test_what_was_told_of_a_moment(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str
    ) -> None:
        Webhooks(database).create(account, receiver.url(), events=["fax.out.retrying"])
        sent(result=TROUBLE, retries=2)
        with dispatcher(settings(sqlite)):
            (call,) = receiver.wait(1)
        data = json.loads(call.body)["data"]
        assert data["reason"]
        assert data["next_attempt_at"]
        assert data["fax"]["status"] == "pending"
        assert set(data["links"]) == {"fax"}
        assert "/outgoing/" in data["links"]["fax"]


class Recorder:
    """A carrier that only writes down, and can hold what it carries."""

    def __init__(self, answer: Callable[[Delivery], Result] = lambda _: Delivered()) -> None:
        self.carried: list[str] = []
        self.answer = answer
        self.hold = False
        self.holding = threading.Event()

    def send(self, delivery: Delivery, _job: Any) -> Result:
        import gevent

        self.carried.append(delivery.id)
        if self.hold:
            self.holding.set()
            gevent.sleep(1000)
        return self.answer(delivery)


class TestLife:
    def test_cut_off_in_the_middle_is_delivered_again(
        self, database_url: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        sent(notify=MAIL)
        first, second = Recorder(), Recorder()
        first.hold = True
        options = settings(database_url)
        with dispatcher(options, carriers={DeliveryChannel.MAIL: first}) as made:
            assert first.holding.wait(30)
            made.stop(0.0)
        assert states(seen, account) == {"open": 1}
        with dispatcher(options, carriers={DeliveryChannel.MAIL: second}):
            until(lambda: states(seen, account) == {"done": 1}, "the next one does it")
        assert second.carried == first.carried, "the same message id"

    def test_killed_between_sending_and_writing_down(
        self, database_url: str, mailbox: Mailbox, sent: Send, seen: Deliveries, monkeypatch: Any
    ) -> None:
        """At least once: the mail comes twice, and can be known by its Message-ID."""
        sent(notify=MAIL)
        options = settings(database_url, mailbox, lease=0.5)
        with monkeypatch.context() as patch:
            patch.setattr(Dispatcher, "_settle", lambda *_: time.sleep(0))
            with dispatcher(options):
                mailbox.wait(1)
        with dispatcher(options):
            one, two = mailbox.wait(2)
        assert one["message-id"] == two["message-id"]

    def test_two_at_once_deliver_each_once(
        self, database_url: str, mailbox: Mailbox, sent: Send, seen: Deliveries, account: str
    ) -> None:
        for _ in range(10):
            sent(notify={"email": {"send_to": ["a@b.org", "c@d.org"]}})
        options = settings(database_url, mailbox)
        with dispatcher(options), dispatcher(options):
            until(lambda: states(seen, account) == {"done": 20}, "all are delivered")
        ids = [mail["message-id"] for mail in mailbox.mails]
        assert len(ids) == len(set(ids)) == 20

    def test_it_keeps_what_takes_long(
        self, database_url: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        """The lease is extended; another dispatcher does not take it away."""
        sent(notify=MAIL)
        with Mailbox(slow=2.0) as mailbox:
            options = settings(database_url, mailbox, lease=0.6)
            with dispatcher(options), dispatcher(options):
                until(lambda: states(seen, account) == {"done": 1}, "it is delivered")
            assert len(mailbox.mails) == 1

    def test_a_stop_lets_the_mail_under_way_end(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        sent(notify=MAIL)
        with Mailbox(slow=0.5) as mailbox:
            with dispatcher(settings(sqlite, mailbox)) as made:
                until(lambda: mailbox.at_once, "a mail is under way")
                made.stop()
            assert states(seen, account) == {"done": 1}

    def test_a_stop_breaks_off_what_takes_too_long(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        sent(notify=MAIL)
        with Mailbox(slow=1000.0) as mailbox:
            with dispatcher(settings(sqlite, mailbox, relay={"timeout": 600})) as made:
                until(lambda: mailbox.at_once, "a mail is under way")
                made.stop(0.0)
            assert states(seen, account) == {"open": 1}

    def test_a_fault_is_no_loss(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        answers: list[Any] = [ValueError("a fault"), RetryLater("not now"), Delivered()]

        def answer(_: Delivery) -> Result:
            found = answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found  # type: ignore[no-any-return]

        sent(notify=MAIL)
        with dispatcher(settings(sqlite), carriers={DeliveryChannel.MAIL: Recorder(answer)}):
            until(lambda: states(seen, account) == {"done": 1}, "the third try")
        assert seen.list(account).deliveries[0].tries == 3

    def test_the_database_goes_away_and_comes_back(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        """What was delivered is written down when it can be."""
        import sqlite3

        carrier = Recorder()
        blocker = sqlite3.connect(sqlite.removeprefix("sqlite:///"), timeout=0)
        sent(notify=MAIL)
        carrier.answer = lambda _: blocker.execute("BEGIN IMMEDIATE") and Delivered()
        blocker = sqlite3.connect(
            sqlite.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
        )
        with dispatcher(settings(sqlite), carriers={DeliveryChannel.MAIL: carrier}):
            until(lambda: blocker.in_transaction, "it is carried, and the database is away")
            blocker.execute("ROLLBACK")
            until(lambda: states(seen, account) == {"done": 1}, "it is written down")
        assert len(carrier.carried) == 1

    def test_news_of_a_fax_that_was_removed(
        self, sqlite: str, receiver: Receiver, sent: Send, store: Any, database: Database,
        account: str,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        store.remove(sent())
        with dispatcher(settings(sqlite)):
            receiver.wait(1)

    def test_never_is_never(self, sqlite: str, sent: Send, seen: Deliveries, account: str) -> None:
        carrier = Recorder(lambda _: Rejected("no\r\nway " + "x" * 2000))
        sent(notify=MAIL)
        with dispatcher(settings(sqlite), carriers={DeliveryChannel.MAIL: carrier}):
            until(lambda: states(seen, account) == {"dead": 1}, "given up")
        (dead,) = seen.list(account).deliveries
        assert dead.problem.startswith("no way xxx")
        assert len(dead.problem) == 500


COUNT = 300


def test_many_to_a_slow_relay(
    sqlite: str, sent: Send, database: Database, account: str, seen: Deliveries
) -> None:
    """Nothing is lost, and no more is under way than there is room for."""
    job_id = sent()
    many = [f"a{number}@b.org" for number in range(COUNT)]
    notify = {"notifications": {"email": {"send_to": many}}}
    with database.write() as connection:
        connection.execute(jobs.update().values(fields=notify))
        connection.execute(outbox.update().values(done_at=None))
    with Mailbox(slow=0.002) as mailbox:
        options = settings(
            sqlite,
            mailbox,
            recipients=COUNT,
            mail={"attach": False, "picture": False, "report": False},
        )
        most = 0
        with dispatcher(options) as made:
            while len(mailbox.mails) < COUNT:
                most = max(most, made.busy)
                time.sleep(0.002)
            until(lambda: states(seen, account) == {"done": COUNT}, "all are written down")
    assert sorted(mailbox.recipients) == sorted(many)
    assert len(mailbox.mails) == COUNT
    assert mailbox.most_at_once <= most <= 4
    assert job_id in parts(mailbox.mails[0])["text/plain"]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar() == 1
