"""The dispatcher with real receivers, on both databases: order, limits, retries, stops, crashes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from standardwebhooks import Webhook as Verifier

from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import jobs, outbox
from fsfax.db.transitions import locked_row
from fsfax.notify.deliveries import Deliveries, Delivery
from fsfax.notify.dispatcher import Dispatcher
from fsfax.notify.events import DeliveryChannel, NotificationKind
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.notify.subscriptions import Webhooks
from tests.api.service import until
from tests.notify.dispatchers import MAIL, Send, dispatcher, settings, states
from tests.notify.mailbox import Mailbox, parts
from tests.notify.receiver import Answer, Call, Receiver


class TestOrderAndLimits:
    def test_a_receiver_that_was_down_gets_everything_later_in_order(
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
            until(lambda: states(seen, account) == {"done": 12}, "all are stored as delivered")
        taken = [(Verifier(hook.secret).verify(c.body, c.headers), c) for c in receiver.taken]
        for job_id in ids:
            mine = [body["type"] for body, _ in taken if body["data"]["fax"]["id"] == job_id]
            assert mine == [kind.event for kind in kinds]
        known = {each.id for each in seen.list(account, limit=100).deliveries}
        assert {call.headers["webhook-id"] for call in receiver.calls} == known
        assert len({call.headers["webhook-id"] for call in receiver.taken}) == 12

    def test_a_receiver_that_answers_4xx_gets_a_few_requests(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(400)
        sent()
        with dispatcher(settings(sqlite, webhook={"refusals": 3})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert len(receiver.calls) == 3

    def test_retry_after_is_respected(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(429, {"Retry-After": "600"})
        sent()
        with dispatcher(settings(sqlite)):
            until(
                lambda: [d for d in seen.list(account).deliveries if d.problem], "it is postponed"
            )
        (one,) = seen.list(account).deliveries
        assert (one.due_at - one.created_at).total_seconds() >= 600
        assert len(receiver.calls) == 1

    def test_one_slow_host_delays_no_other(
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


class Recorder:
    """A sender that records deliveries, and can block."""

    def __init__(self, answer: Callable[[Delivery], Result] = lambda _: Delivered()) -> None:
        self.sent: list[str] = []
        self.answer = answer
        self.hold = False
        self.holding = threading.Event()

    def send(self, delivery: Delivery, _job: Any) -> Result:
        import gevent

        self.sent.append(delivery.id)
        if self.hold:
            self.holding.set()
            gevent.sleep(1000)
        return self.answer(delivery)


class TestLife:
    def test_a_delivery_that_was_cut_off_is_sent_again_with_the_same_id(
        self, database_url: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        sent(notify=MAIL)
        first, second = Recorder(), Recorder()
        first.hold = True
        options = settings(database_url)
        with dispatcher(options, senders={DeliveryChannel.MAIL: first}) as made:
            assert first.holding.wait(30)
            made.stop(0.0)
        assert states(seen, account) == {"open": 1}
        with dispatcher(options, senders={DeliveryChannel.MAIL: second}):
            until(lambda: states(seen, account) == {"done": 1}, "the next dispatcher delivers it")
        assert second.sent == first.sent, "the same message id"

    def test_a_mail_whose_result_was_not_stored_is_sent_again_with_the_same_id(
        self, database_url: str, mailbox: Mailbox, sent: Send, seen: Deliveries, monkeypatch: Any
    ) -> None:
        """At least once: the mail is sent twice, with the same Message-ID."""
        sent(notify=MAIL)
        options = settings(database_url, mailbox, lease=0.5)
        with monkeypatch.context() as patch:
            patch.setattr(Dispatcher, "_settle", lambda *_: time.sleep(0))
            with dispatcher(options):
                mailbox.wait(1)
        with dispatcher(options):
            one, two = mailbox.wait(2)
        assert one["message-id"] == two["message-id"]

    def test_two_dispatchers_send_each_delivery_once(
        self, database_url: str, mailbox: Mailbox, sent: Send, seen: Deliveries, account: str
    ) -> None:
        for _ in range(10):
            sent(notify={"email": {"send_to": ["a@b.org", "c@d.org"]}})
        options = settings(database_url, mailbox)
        with dispatcher(options), dispatcher(options):
            until(lambda: states(seen, account) == {"done": 20}, "all are delivered")
        ids = [mail["message-id"] for mail in mailbox.mails]
        assert len(ids) == len(set(ids)) == 20

    def test_a_long_delivery_stays_claimed(
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

    def test_an_internal_error_is_retried(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        answers: list[Any] = [ValueError("a fault"), RetryLater("not now"), Delivered()]

        def answer(_: Delivery) -> Result:
            found = answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found  # type: ignore[no-any-return]

        sent(notify=MAIL)
        with dispatcher(settings(sqlite), senders={DeliveryChannel.MAIL: Recorder(answer)}):
            until(lambda: states(seen, account) == {"done": 1}, "the third attempt delivers it")
        assert seen.list(account).deliveries[0].tries == 3

    def test_a_result_is_stored_once_the_database_is_back(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        """A delivery is stored as delivered once the database is back."""
        import sqlite3

        sender = Recorder()
        blocker = sqlite3.connect(sqlite.removeprefix("sqlite:///"), timeout=0)
        sent(notify=MAIL)
        sender.answer = lambda _: blocker.execute("BEGIN IMMEDIATE") and Delivered()
        blocker = sqlite3.connect(
            sqlite.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
        )
        with dispatcher(settings(sqlite), senders={DeliveryChannel.MAIL: sender}):
            until(lambda: blocker.in_transaction, "it is sent, and the database is locked")
            blocker.execute("ROLLBACK")
            until(lambda: states(seen, account) == {"done": 1}, "it is stored as delivered")
        assert len(sender.sent) == 1

    def test_a_removed_fax_is_still_notified(
        self, sqlite: str, receiver: Receiver, sent: Send, store: Any, database: Database,
        account: str,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        store.remove(sent())
        with dispatcher(settings(sqlite)):
            receiver.wait(1)

    def test_rejected_is_not_retried(
        self, sqlite: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        sender = Recorder(lambda _: Rejected("no\r\nway " + "x" * 2000))
        sent(notify=MAIL)
        with dispatcher(settings(sqlite), senders={DeliveryChannel.MAIL: sender}):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        (dead,) = seen.list(account).deliveries
        assert dead.problem.startswith("no way xxx")
        assert len(dead.problem) == 500


COUNT = 300


def test_many_mails_to_a_slow_relay_are_sent_within_the_limit(
    sqlite: str, sent: Send, database: Database, account: str, seen: Deliveries
) -> None:
    """Nothing is lost, and the limit of deliveries at once holds."""
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
            until(lambda: states(seen, account) == {"done": COUNT}, "all are stored as delivered")
    assert sorted(mailbox.recipients) == sorted(many)
    assert len(mailbox.mails) == COUNT
    assert mailbox.most_at_once <= most <= 4
    assert job_id in parts(mailbox.mails[0])["text/plain"]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar() == 1
