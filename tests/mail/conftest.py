"""A mail server in this process, with a faxbox, and clients for it."""

from __future__ import annotations

import shutil
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.accounts.tokens import Scope, Tokens
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.jobs.store import JobStore
from fsfax.mail.server import MailServer
from fsfax.mail.smtplog import MailRecord, SmtpLog
from fsfax.settings import Settings, SmtpSettings
from tests.mail.mails import PDF, mail, raw

SENDER = "ann@example.com"
NUMBER = "5550100"


def until(condition: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
    """Wait until ``condition`` returns something true; return that."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.01)
    return value


class MailService:
    """A mail server with its database, a faxbox, and clients."""

    def __init__(self, url: str, **smtp: Any) -> None:
        self.database = Database(url)
        self.database.upgrade()
        self.store = JobStore(self.database)
        self.tokens = Tokens(self.database)
        self.boxes = Faxboxes(self.database, domain="fax.example")
        self.log = SmtpLog(self.database)
        self.account = Accounts(self.database).create("mine").id
        self.box = self.boxes.create(
            self.account, {"name": "box", "smtp_permission_list": [SENDER, "@friends.example"]}
        )
        self.counts: list[str] = []
        self.settings = Settings(
            database=url, smtp=SmtpSettings(**{"port": 0, "hostname": "mx.example", **smtp})
        )
        self.start()

    def start(self) -> None:
        self.server = MailServer(self.settings, on_mail=self.counts.append)
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        self.database.close()

    def to(self, number: str = NUMBER) -> str:
        return f"{number}@{self.box.smtp_email_address}"

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.server.port, timeout=60)

    def send(self, data: bytes | None = None, *to: str, sender: str = SENDER) -> tuple[int, str]:
        """Send a mail; return the last answer, that of DATA or of the last recipient."""
        data = raw(mail(("letter.pdf", "application/pdf", PDF))) if data is None else data
        with self.client() as client:
            client.ehlo()
            code, words = client.mail(sender, [f"size={len(data)}"])
            if code == 250:
                for each in to or (self.to(),):
                    code, words = client.rcpt(each)
            if code == 250:
                code, words = client.data(data)
        return code, words.decode()

    def jobs(self) -> list[Job]:
        return sorted(self.store.list(limit=1000).jobs, key=lambda job: job.created_at)

    def entries(self, account: str | None = None) -> list[MailRecord]:
        found, _ = self.log.list(account or self.account, limit=1000, ascending=True)
        return list(found)

    def token(self, *scopes: Scope, account: str | None = None) -> str:
        return self.tokens.create(account or self.account, scopes=scopes or (Scope.WRITE,))[1]


@pytest.fixture
def new_service(tmp_path: Path, sqlite_template: Path) -> Iterator[Callable[..., MailService]]:
    services: list[MailService] = []

    def make(url: str | None = None, **smtp: Any) -> MailService:
        if url is None:
            file = tmp_path / f"fsfax-{len(services)}.db"
            shutil.copy(sqlite_template, file)
            url = f"sqlite:///{file}"
        services.append(MailService(url, **smtp))
        return services[-1]

    yield make
    for service in services:
        service.stop()


@pytest.fixture
def service(new_service: Callable[..., MailService]) -> MailService:
    return new_service()
