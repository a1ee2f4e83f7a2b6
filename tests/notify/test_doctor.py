"""The checks of notifications in `fsfax doctor`: relay, short messages, outbox."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from fsfax.db.database import Database
from fsfax.engine.doctor import Check, CheckStatus
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.doctor import examine_notifications
from fsfax.notify.events import DeliveryChannel
from fsfax.settings import Settings
from tests.notify.dispatchers import MAIL, Send
from tests.notify.mailbox import Mailbox


@pytest.fixture
def empty(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a database without rows."""
    shutil.copy(sqlite_template, tmp_path / "empty.db")
    return f"sqlite:///{tmp_path}/empty.db"


def checks(url: str, **notify: Any) -> dict[str, Check]:
    settings = Settings(database=url, notify=notify)  # type: ignore[arg-type]
    return {check.name: check for check in examine_notifications(settings)}


def test_without_a_relay_there_is_a_warning(empty: str) -> None:
    found = checks(empty)
    assert found["mail relay"].verdict is CheckStatus.WARNING
    assert "set notify.relay.host" in found["mail relay"].remedy
    assert found["short messages"].verdict is CheckStatus.OK
    assert "only written into the log" in found["short messages"].detail
    assert found["outbox"] == Check("outbox", CheckStatus.OK, "waiting: none")


def test_a_relay_that_answers_is_named(empty: str) -> None:
    with Mailbox() as mailbox:
        found = checks(empty, relay={"host": "127.0.0.1", "port": mailbox.port})["mail relay"]
        assert found.verdict is CheckStatus.OK
        assert found.detail.startswith(f"127.0.0.1:{mailbox.port} answers as ")
        assert mailbox.mails == []


def test_a_relay_that_cannot_be_reached_is_broken(empty: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = checks(empty, relay={"host": "127.0.0.1", "port": port})["mail relay"]
    assert found.verdict is CheckStatus.BROKEN
    assert found.detail.startswith(f"127.0.0.1:{port}: ")
    assert "refused" in found.detail


@pytest.mark.parametrize(
    ("sms", "verdict"),
    [
        ({"gateway": "http", "url": "https://sms.example/"}, CheckStatus.OK),
        ({"gateway": "http"}, CheckStatus.BROKEN),
        (
            {"gateway": "http", "url": "https://sms.example/", "body": "{{ to"},
            CheckStatus.BROKEN,
        ),
    ],
)
def test_the_gateway_of_short_messages_is_checked(
    empty: str, sms: dict[str, Any], verdict: CheckStatus
) -> None:
    found = checks(empty, sms=sms)["short messages"]
    assert found.verdict is verdict
    assert bool(found.remedy) is (verdict is CheckStatus.BROKEN)


def test_dead_letters_are_a_warning(
    database_url: str, database: Database, sent: Send, seen: Deliveries
) -> None:
    sent(notify=MAIL)
    sent(notify=MAIL)
    while seen.expand(50):
        pass
    assert checks(database_url)["outbox"].detail == "waiting: 2 mail"
    one = seen.claim(DeliveryChannel.MAIL, 1)
    seen.give_up(one[0], "550 no such user")
    found = checks(database_url)["outbox"]
    assert found.verdict is CheckStatus.WARNING
    assert found.detail == "1 dead letters; waiting: 1 mail"


def test_a_database_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    assert "outbox" not in checks(f"sqlite:///{tmp_path}/missing.db")
    assert not (tmp_path / "missing.db").exists()
