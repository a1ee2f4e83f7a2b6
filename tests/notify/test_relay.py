"""The mail relay: TLS, logins, refusals, connections that are reused."""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trustme

from fsfax.db.database import Database
from fsfax.errors import ConfigurationError
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.relay import NO_RELAY, Relay
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.settings.notify import RelaySettings
from tests.api.service import until
from tests.notify.dispatchers import MAIL, Send, dispatcher, settings, states
from tests.notify.mailbox import Mailbox


class TestDispatched:
    def test_a_mail_is_sent_over_starttls_with_a_login(
        self, database_url: str, sent: Send, tmp_path: Path
    ) -> None:
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
    def test_wrong_settings_of_the_relay_postpone_the_mail(
        self, sqlite: str, sent: Send, tmp_path: Path, account: str, change: Any, problem: str
    ) -> None:
        """The mail is tried again: the settings are wrong, not the mail."""
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
                    "the problem is stored",
                )
            assert states(found, account) == {"open": 1}
            assert mailbox.mails == []

    def test_a_recipient_that_is_refused_permanently_is_a_dead_letter_at_once(
        self, database_url: str, sent: Send, seen: Deliveries, account: str
    ) -> None:
        refusals = {"gone@b.org": "550 no such\r\n user", "full@b.org": "452 mailbox full"}
        attempts: list[tuple[str, str]] = []
        with Mailbox(answer=refusals.get) as mailbox:
            sent(notify={"email": {"send_to": [*refusals, "a@b.org"]}})
            options = settings(database_url, mailbox, max_tries=3)
            with dispatcher(options, on_attempt=lambda *each: attempts.append(each)):
                until(lambda: states(seen, account) == {"done": 1, "dead": 2}, "all are settled")
        found = {each.target: each for each in seen.list(account).deliveries}
        gone, full = found["gone@b.org"], found["full@b.org"]
        assert (gone.tries, gone.problem[:11]) == (1, "550 no such")
        assert (full.tries, full.problem) == (3, "452 mailbox full")
        assert Counter(attempts) == {
            ("mail", "delivered"): 1, ("mail", "dead"): 2, ("mail", "postponed"): 2
        }  # fmt: skip

    def test_a_mail_that_the_relay_refuses_is_a_dead_letter(
        self, sqlite: str, sent: Send, account: str
    ) -> None:
        with Mailbox(at_data=lambda _: "554 we take no faxes") as mailbox:
            sent(notify=MAIL)
            with dispatcher(settings(sqlite, mailbox)), Database(sqlite) as database:
                found = Deliveries(database)
                until(lambda: states(found, account) == {"dead": 1}, "it is given up")
                assert found.list(account).deliveries[0].problem == "554 we take no faxes"

    def test_a_mail_without_a_relay_is_a_dead_letter_and_can_be_repeated(
        self, sqlite: str, mailbox: Mailbox, sent: Send, account: str
    ) -> None:
        sent(notify=MAIL)
        with Database(sqlite) as database:
            found = Deliveries(database)
            with dispatcher(settings(sqlite)):
                until(lambda: states(found, account) == {"dead": 1}, "it is a dead letter")
            assert "notify.relay.host" in found.list(account).deliveries[0].problem
            found.repeat_dead(account)
            with dispatcher(settings(sqlite, mailbox)):
                mailbox.wait(1)

    def test_the_next_mail_goes_over_the_same_connection(
        self, sqlite: str, mailbox: Mailbox, sent: Send
    ) -> None:
        for _ in range(6):
            sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox, mail={"concurrency": 1})):
            mailbox.wait(6)
        assert len(mailbox.sessions) == 1


def relay_of(mailbox: Mailbox, **changes: Any) -> Relay:
    return Relay(RelaySettings(**{"host": "127.0.0.1", "port": mailbox.port, **changes}))


LETTER = b"Subject: a fax\r\n\r\nhello\r\n"


def test_a_mail_is_sent_and_the_connection_is_reused(mailbox: Mailbox) -> None:
    relay = relay_of(mailbox)
    assert relay.send("a@b.org", LETTER) == Delivered()
    assert relay.send("c@d.org", LETTER) == Delivered()
    assert mailbox.recipients == ["a@b.org", "c@d.org"]
    assert len(mailbox.sessions) == 1
    relay.close()
    assert relay.send("e@f.org", LETTER) == Delivered()
    assert relay._idle == [], "a closed relay stores no connection"


def test_a_connection_that_the_relay_closed_is_replaced(mailbox: Mailbox) -> None:
    relay = relay_of(mailbox)
    assert relay.send("a@b.org", LETTER) == Delivered()
    relay._idle[0].break_off()
    assert relay.send("a@b.org", LETTER) == Delivered()
    assert len(mailbox.sessions) == 2
    relay.close()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("550 5.1.1 no such user", Rejected("550 5.1.1 no such user")),
        ("452 4.2.2 mailbox full", RetryLater("452 4.2.2 mailbox full")),
    ],
)
@pytest.mark.parametrize("at", ["answer", "at_data"])
def test_a_refusal_is_permanent_from_500_on(at: str, answer: str, result: Result) -> None:
    with Mailbox(**{at: lambda _: answer}) as mailbox:  # type: ignore[arg-type]
        relay = relay_of(mailbox)
        assert relay.send("a@b.org", LETTER) == result
        assert relay._idle == [], "a connection is not reused after a refusal"
        relay.close()


def test_the_name_of_the_relay_is_returned(mailbox: Mailbox) -> None:
    assert relay_of(mailbox).greet() == socket.getfqdn()
    assert mailbox.mails == []


def test_without_a_host_mails_are_rejected() -> None:
    assert Relay(RelaySettings()).send("a@b.org", LETTER) is NO_RELAY


def test_a_relay_that_cannot_be_reached_is_tried_again() -> None:
    with Mailbox() as mailbox:
        relay = relay_of(mailbox)
    result = relay.send("a@b.org", LETTER)
    assert isinstance(result, RetryLater)
    assert result.problem.startswith("no connection to the mail relay: ")
    with pytest.raises(OSError, match="refused"):
        relay.greet()


def test_a_file_without_authorities_is_named(mailbox: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        relay = relay_of(mailbox, tls="tls", ca_file=tmp_path / name)
        with pytest.raises(ConfigurationError, match=rf"notify\.relay\.ca_file .*{name}"):
            relay.greet()
        result = relay.send("a@b.org", LETTER)
        assert isinstance(result, RetryLater)
        assert name in result.problem
