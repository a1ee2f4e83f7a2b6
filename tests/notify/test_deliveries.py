"""Deliveries as rows: from the notification to the dead letters, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.db import transitions
from fsfax.db.database import Database
from fsfax.db.schema import deliveries as table
from fsfax.db.schema import outbox
from fsfax.db.transitions import locked_row
from fsfax.errors import DeliveryNotFound, IllegalMove
from fsfax.notify.deliveries import Deliveries, Delivery
from fsfax.notify.events import DeliveryChannel, NotificationKind
from fsfax.notify.subscriptions import Webhooks
from tests.job_fixtures import Clock
from tests.jobs.results import BUSY
from tests.notify.conftest import LEASE
from tests.notify.dispatchers import MAIL, Send


@pytest.fixture(autouse=True)
def now(clock: Clock) -> None:
    """The stores of the faxes have the real time."""
    from datetime import UTC, datetime

    clock.now = datetime.now(UTC)


def expand(deliveries: Deliveries) -> int:
    count = 0
    while done := deliveries.expand(50):
        count += done
    return count


def claim(deliveries: Deliveries, count: int = 10, **more: Any) -> tuple[Delivery, ...]:
    return deliveries.claim(DeliveryChannel.MAIL, count, **more)


def more_notifications(database: Database, job_id: str, *kinds: NotificationKind) -> None:
    with database.write() as connection:
        row = locked_row(connection, job_id)
        for kind in kinds:
            transitions.enqueue_notification(connection, row, kind, row.modified_at)


class TestExpansion:
    def test_a_notification_becomes_one_delivery_for_each_recipient(
        self, deliveries: Deliveries, sent: Send, database: Database, account: str
    ) -> None:
        Webhooks(database).create(account, "https://a.org/x")
        job_id = sent(notify=MAIL | {"sms": {"send_to": ["0155501", "0155502"]}})
        assert deliveries.waiting().unexpanded
        assert expand(deliveries) == 1
        assert not deliveries.waiting().unexpanded
        found = deliveries.list(account).deliveries
        assert sorted((each.channel.value, each.target) for each in found) == [
            ("mail", "a@b.org"),
            ("sms", "0155501"),
            ("sms", "0155502"),
            ("webhook", "https://a.org/x"),
        ]
        assert {each.job_id for each in found} == {job_id}
        assert {each.state for each in found} == {"open"}
        assert len({each.id for each in found}) == 4

    def test_a_second_expansion_makes_no_second_delivery(
        self, deliveries: Deliveries, sent: Send, database: Database
    ) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        (first,) = deliveries.list().deliveries
        with database.write() as connection:  # as if only half of it had been committed
            connection.execute(update(outbox).values(done_at=None))
        assert expand(deliveries) == 1
        assert deliveries.list().deliveries == (first,)

    def test_the_recipients_of_the_faxbox_are_notified(
        self, deliveries: Deliveries, sent: Send, boxes: Faxboxes, account: str
    ) -> None:
        notify = {"notifications": {"outbound": {"email": {"send_to": "box@b.org"}}}}
        box = boxes.create(account, {"name": "Clinic", **notify})
        sent(faxbox_id=box.id)
        sent()
        expand(deliveries)
        assert [each.target for each in deliveries.list().deliveries] == ["box@b.org"]

    def test_disabled_webhooks_and_those_of_other_accounts_get_no_delivery(
        self, deliveries: Deliveries, sent: Send, database: Database, account: str
    ) -> None:
        from fsfax.accounts.accounts import Accounts

        hooks = Webhooks(database)
        hooks.create(Accounts(database).create("Other").id, "https://other.org/x")
        off = hooks.create(account, "https://off.org/x")
        hooks.change(off.id, {"enabled": False})
        hooks.create(account, "https://failed.org/x", events=["fax.out.failed"])
        sent()
        assert expand(deliveries) == 1
        assert deliveries.list().deliveries == ()
        sent(result=BUSY)
        expand(deliveries)
        assert [each.target for each in deliveries.list().deliveries] == ["https://failed.org/x"]

    def test_a_notification_of_a_newer_version_is_skipped(
        self, deliveries: Deliveries, sent: Send, database: Database
    ) -> None:
        job_id = sent(notify=MAIL)
        with database.write() as connection:
            transitions.enqueue_notification(
                connection, locked_row(connection, job_id), "fax_seen", deliveries._now()
            )
        assert expand(deliveries) == 2
        assert len(deliveries.list().deliveries) == 1


class TestClaims:
    def test_a_claimed_delivery_belongs_to_one_dispatcher_until_its_lease_expires(
        self, deliveries: Deliveries, sent: Send, clock: Clock
    ) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        assert deliveries.waiting().channels == (DeliveryChannel.MAIL,)
        (mine,) = claim(deliveries)
        assert mine.tries == 1
        assert claim(deliveries) == ()
        assert deliveries.waiting().channels == ()
        clock.move(LEASE - 1)
        assert claim(deliveries) == ()
        deliveries.extend([mine])
        clock.move(LEASE - 1)
        assert claim(deliveries) == (), "a lease that is extended holds"
        clock.move(2)
        (again,) = claim(deliveries)
        assert (again.id, again.tries) == (mine.id, 2), "the same message, by another dispatcher"
        assert not deliveries.delivered(mine), "a dispatcher that was replaced settles nothing"
        assert deliveries.get(mine.id).state == "open"
        assert deliveries.delivered(again)
        assert deliveries.get(mine.id).state == "done"
        clock.move(LEASE * 10)
        assert claim(deliveries) == ()

    def test_deliveries_are_claimed_in_order_for_each_fax_and_recipient(
        self, deliveries: Deliveries, sent: Send, database: Database, clock: Clock
    ) -> None:
        job_id = sent(notify={"email": {"send_to": ["a@b.org", "c@d.org"]}})
        more_notifications(
            database, job_id, NotificationKind.OUT_UNCERTAIN, NotificationKind.OUT_FAILED
        )
        other = sent(notify=MAIL)
        expand(deliveries)
        first = claim(deliveries)
        assert [(each.job_id, each.target, each.kind) for each in first] == [
            (job_id, "a@b.org", "fax_out_completed"),
            (job_id, "c@d.org", "fax_out_completed"),
            (other, "a@b.org", "fax_out_completed"),
        ]
        assert claim(deliveries) == ()
        deliveries.postpone(first[0], "not now", 100)
        deliveries.delivered(first[1])
        (second,) = claim(deliveries)
        assert (second.target, second.kind) == ("c@d.org", "fax_out_uncertain")
        deliveries.give_up(second, "never")
        (third,) = claim(deliveries)
        assert (third.target, third.kind) == ("c@d.org", "fax_out_failed"), (
            "a dead letter lets the next one be claimed"
        )
        clock.move(101)
        (again,) = [each for each in claim(deliveries) if each.id == first[0].id]
        assert (again.id, again.tries, again.kind) == (first[0].id, 2, "fax_out_completed")

    def test_two_dispatchers_never_claim_the_same_delivery(
        self, deliveries: Deliveries, sent: Send, database_url: str
    ) -> None:
        import threading

        for _ in range(12):
            sent(notify=MAIL)
        expand(deliveries)
        got: list[Delivery] = []

        def work() -> None:
            with Database(database_url) as database:
                mine = Deliveries(database, clock=deliveries._now)
                while each := claim(mine, 2):
                    got.extend(each)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # A claim on PostgreSQL skips rows that another transaction has locked at that moment.
        got += claim(deliveries, 50)
        assert len(got) == len({each.id for each in got}) == 12
        assert {each.tries for each in got} == {1}

    def test_hosts_are_left_out_by_their_prefix(
        self, deliveries: Deliveries, sent: Send, database: Database, account: str
    ) -> None:
        hooks = Webhooks(database)
        for url in ("https://a.org/1", "https://a.org/2", "https://a.org.evil/3", "https://a_org/"):
            hooks.create(account, url)
        sent()
        expand(deliveries)
        got = deliveries.claim(DeliveryChannel.WEBHOOK, 9, without=["https://a.org/"])
        assert {each.target for each in got} == {"https://a.org.evil/3", "https://a_org/"}

    def test_only_deliveries_of_the_channel_are_claimed(
        self, deliveries: Deliveries, sent: Send
    ) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        assert deliveries.claim(DeliveryChannel.SMS, 9) == ()
        assert deliveries.claim(DeliveryChannel.WEBHOOK, 9) == ()

    def test_a_released_delivery_is_due_at_once(self, deliveries: Deliveries, sent: Send) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        deliveries.release(claim(deliveries))
        (again,) = claim(deliveries)
        assert again.tries == 2

    def test_the_time_of_the_next_due_delivery(
        self, deliveries: Deliveries, sent: Send, clock: Clock
    ) -> None:
        before = clock.now - timedelta(seconds=1)
        assert deliveries.next_due(before) is None
        sent(notify=MAIL)
        expand(deliveries)
        assert deliveries.next_due(before) == clock.now
        assert deliveries.next_due(clock.now) is None
        (one,) = claim(deliveries)
        deliveries.postpone(one, "not now", 90)
        assert deliveries.next_due(clock.now) == clock.now + timedelta(seconds=90)

    def test_pending_work_is_found_by_an_index(
        self, deliveries: Deliveries, database: Database
    ) -> None:
        """By an index of what is open, however much was delivered before."""
        if not database.is_sqlite:
            pytest.skip("SQLite prints its plan in one line")
        queries: list[str] = []
        from sqlalchemy import event

        listen = lambda _c, _u, statement, values, *_: queries.append((statement, values))  # noqa: E731
        event.listen(database.engine, "before_cursor_execute", listen)
        deliveries.waiting()
        deliveries.next_due(deliveries._now())
        claim(deliveries)
        event.remove(database.engine, "before_cursor_execute", listen)
        with database.read() as connection:
            for statement, values in queries:
                if not statement.startswith("SELECT"):
                    continue
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                steps = [row[3] for row in plan if row[3].startswith(("SCAN", "SEARCH"))]
                assert all("INDEX ix_" in step for step in steps), (statement, steps)


class TestDeadLetters:
    def test_a_dead_letter_is_repeated_from_the_first_attempt(
        self, deliveries: Deliveries, sent: Send, account: str
    ) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        (mine,) = claim(deliveries)
        deliveries.give_up(mine, "550 no such user")
        dead = deliveries.get(mine.id, account)
        assert (dead.state, dead.problem) == ("dead", "550 no such user")
        assert claim(deliveries) == ()
        again = deliveries.repeat(mine.id, account)
        assert (again.state, again.tries, again.id) == ("open", 0, mine.id)
        (mine,) = claim(deliveries)
        deliveries.delivered(mine)
        assert deliveries.repeat(mine.id).state == "open", "also what was delivered"

    def test_a_postponed_delivery_is_repeated_at_once(
        self, deliveries: Deliveries, sent: Send
    ) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        (mine,) = claim(deliveries)
        with pytest.raises(IllegalMove):
            deliveries.repeat(mine.id)  # it is under way
        deliveries.postpone(mine, "not now", 10_000)
        deliveries.repeat(mine.id)
        (again,) = claim(deliveries)
        assert again.tries == 2

    def test_all_dead_letters_of_an_account_are_repeated(
        self, deliveries: Deliveries, sent: Send, account: str
    ) -> None:
        for _ in range(3):
            sent(notify=MAIL)
        expand(deliveries)
        for each in claim(deliveries):
            deliveries.give_up(each, "never")
        assert deliveries.repeat_dead("0" * 32) == 0
        assert deliveries.repeat_dead(account) == 3
        assert len(claim(deliveries)) == 3

    def test_other_accounts_see_nothing(self, deliveries: Deliveries, sent: Send) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        (one,) = deliveries.list().deliveries
        other = "0" * 32
        assert deliveries.list(other).deliveries == ()
        for ask in (deliveries.get, deliveries.repeat):
            with pytest.raises(DeliveryNotFound):
                ask(one.id, other)
        with pytest.raises(DeliveryNotFound):
            deliveries.list(other, start=one.id)


class TestLists:
    def test_lists_have_pages_and_filters(
        self, deliveries: Deliveries, sent: Send, account: str
    ) -> None:
        ids = [sent(notify=MAIL) for _ in range(5)]
        expand(deliveries)
        one, two, *_ = claim(deliveries)
        deliveries.delivered(one)
        deliveries.give_up(two, "never")
        assert [each.id for each in deliveries.list(account, state="done").deliveries] == [one.id]
        assert [each.id for each in deliveries.list(account, state="dead").deliveries] == [two.id]
        assert len(deliveries.list(account, state="open").deliveries) == 3
        assert len(deliveries.list(account, job_id=ids[4]).deliveries) == 1
        seen: list[str] = []
        start = None
        while True:
            part = deliveries.list(account, start=start, limit=2)
            seen += [each.job_id for each in part.deliveries]
            if (start := part.next_start) is None:
                break
        assert seen == ids[::-1]
        ascending = deliveries.list(account, ascending=True).deliveries
        assert [each.job_id for each in ascending] == ids

    def test_plain_values_have_no_secrets(self, deliveries: Deliveries, sent: Send) -> None:
        sent(notify=MAIL)
        expand(deliveries)
        (one,) = deliveries.list().deliveries
        assert set(one.as_dict()) == {
            "id", "job_id", "account_id", "kind", "channel", "target", "created_at", "due_at",
            "tries", "problem", "done_at", "dead_at", "state",
        }  # fmt: skip

    def test_retention_deletes_delivered_rows_and_keeps_dead_letters(
        self, deliveries: Deliveries, sent: Send, database: Database, clock: Clock
    ) -> None:
        sent()
        for _ in range(2):
            sent(notify=MAIL)
        expand(deliveries)
        one, two = claim(deliveries)
        deliveries.delivered(one)
        deliveries.give_up(two, "never")
        assert deliveries.apply_retention(timedelta(days=1)) == 0
        clock.move(100_000)
        deliveries.apply_retention(timedelta(days=1))
        with database.read() as connection:
            assert list(connection.execute(select(table.c.message_id)).scalars()) == [two.id]
            assert len(connection.execute(select(outbox.c.id)).all()) == 1, "a dead letter stays"
            assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 3
