"""``fsfax doctor``: what it checks, its output and exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsfax.cli import exits
from fsfax.engine.doctor import CheckStatus
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.doctor import examine_news
from fsfax.notify.events import DeliveryChannel
from fsfax.settings import Settings
from tests.cli.commands import lines
from tests.forked_command import run_fsfax
from tests.notify.mailbox import Mailbox


def test_checks_output_and_exit_codes(environment: dict[str, str], letter: Path) -> None:
    done = run_fsfax("doctor", "--json", environment=environment)
    checks = {check["name"]: check for check in lines(done)}
    assert done.returncode == 0, checks
    assert checks["connection"]["verdict"] == "ok"
    assert {"mod_spandsp", "spool/out", "outcome marks in db", "T.38"} <= set(checks)
    broken = run_fsfax("doctor", "--gateway", "nowhere", "--no-json", environment=environment)
    assert broken.returncode == exits.UNREACHABLE
    assert "→" in broken.stdout
    environment["FSFAX_DATABASE"] = f"sqlite:///{letter}"
    broken = run_fsfax("doctor", "--no-json", environment=environment)
    assert broken.returncode == exits.STORE
    assert "not a database" in broken.stdout


class TestNotifications:
    def test_a_relay_that_answers(self, url: str) -> None:
        with Mailbox() as mailbox:
            relay = {"host": "127.0.0.1", "port": mailbox.port}
            checks = {each.name: each for each in examine_news(settings(url, relay=relay))}
        assert checks["mail relay"].verdict is CheckStatus.OK
        assert checks["outbox"].verdict is CheckStatus.OK
        assert not mailbox.mails

    def test_a_relay_that_does_not(self, url: str) -> None:
        with Mailbox() as mailbox:
            port = mailbox.port
        relay = {"host": "127.0.0.1", "port": port}
        first, *_ = examine_news(settings(url, relay=relay))
        assert first.verdict is CheckStatus.BROKEN
        assert first.remedy

    def test_no_relay_and_dead_letters(self, url: str, deliveries: Deliveries) -> None:
        dead, *_ = deliveries.claim(DeliveryChannel.WEBHOOK, 9)
        deliveries.give_up(dead, "gone")
        checks = {each.name: each for each in examine_news(settings(url))}
        assert checks["mail relay"].verdict is CheckStatus.WARNING
        assert checks["outbox"].verdict is CheckStatus.WARNING
        assert checks["outbox"].detail == "1 dead letters; waiting: 3 webhook"

    def test_short_messages_without_a_url(self, url: str) -> None:
        _, sms, *_ = examine_news(settings(url, sms={"gateway": "http"}))
        assert sms.verdict is CheckStatus.BROKEN

    def test_a_missing_database_is_reported_by_the_check_of_jobs(self, tmp_path: Path) -> None:
        checks = list(examine_news(settings(f"sqlite:///{tmp_path}/none.db")))
        assert {each.name for each in checks} == {"mail relay", "short messages"}
        assert not (tmp_path / "none.db").exists()


def settings(url: str, **notify: Any) -> Settings:
    return Settings(database=url, notify=notify)  # type: ignore[arg-type]
