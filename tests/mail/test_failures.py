"""No mail is lost or faxed twice if the database, the disk or the process fails."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disk import fill
from tests.mail import killed_server
from tests.mail.conftest import SENDER, MailService, until
from tests.mail.mails import LETTER, PDF, mail, raw
from tests.mail.wire import Wire
from tests.postgresql import Server

NewService = Callable[..., MailService]


ROOT = Path(__file__).parents[2]


def test_mails_are_refused_temporarily_while_postgresql_is_down(
    postgresql_server: Server, new_service: NewService
) -> None:
    service = new_service(postgresql_server.database())
    login = base64.b64encode(f"\0x\0{service.token()}".encode()).decode()
    with Wire(service.server.port) as client:
        client.begin(SENDER, [service.to()])
        postgresql_server.kill()
        client.write(LETTER + b".\r\n")
        away = "451 4.3.0 the database cannot be used: try again later"
        assert client.answer() == away
        # The same session goes on, and so does the server.
        assert client.say(f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{service.to()}>")[1] == away
        with service.client() as other:
            other.ehlo()
            code, _ = other.docmd("AUTH", f"PLAIN {login}")
            assert code == 454
    postgresql_server.restart_after_kill()
    code, words = service.send(LETTER)
    assert code == 250, words
    assert service.send(LETTER) == (code, words)
    (job,) = service.jobs()
    (document,) = service.store.documents(job.id)
    assert b"".join(service.store.read(document)) == PDF
    assert set(service.counts) == {"failed", "accepted"}


def test_a_full_disk_of_sqlite_refuses_mails_temporarily(
    sqlite_template: Path, small_disk: Path, new_service: NewService
) -> None:
    shutil.copy(sqlite_template, small_disk / "fsfax.db")
    service = new_service(f"sqlite:///{small_disk}/fsfax.db")
    ballast = small_disk / "ballast"
    large = raw(mail(("letter.pdf", "application/pdf", PDF + b"%" + bytes(300_000))))
    fill(ballast)
    assert service.send(large) == (452, "4.3.1 the disk is full: try again later")
    ballast.unlink()
    assert service.send(large)[0] == 250
    assert len(service.jobs()) == 1


def test_a_full_disk_for_mails_refuses_them_temporarily(
    small_disk: Path, service: MailService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    large = raw(mail(("letter.pdf", "application/pdf", PDF + bytes(3_000_000))))
    assert service.send(large) == (452, "4.3.1 the disk is full: try again later")
    (entry,) = service.entries()
    assert entry.errors == ("the disk is full: try again later",)
    assert service.send(LETTER)[0] == 250
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("point", killed_server.POINTS)
def test_a_mail_is_faxed_once_if_the_server_is_killed(new_service: NewService, point: str) -> None:
    service = new_service()
    url = service.settings.database.get_secret_value()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mail.killed_server", url, point],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    with Wire(int(process.stdout.readline())) as client:
        client.begin(SENDER, [service.to("1001"), service.to("1002")])
        client.write(LETTER + b".\r\n")
        assert client.answer() == ""
    assert process.wait(30) == -9
    process.stdout.close()
    before = {job.to_number: job.id for job in service.jobs()}
    assert set(before) == (set() if point == killed_server.POINTS[0] else {"1001", "1002"})
    # The sender has no answer, and sends it again.
    code, words = service.send(LETTER, service.to("1001"), service.to("1002"))
    assert code == 250
    after = {job.to_number: job.id for job in service.jobs()}
    assert set(after) == {"1001", "1002"}
    assert after == (before or after)
    assert all(id in words for id in after.values())
    assert len(service.jobs()) == 2


def test_the_answer_waits_for_the_commit(new_service: NewService) -> None:
    service = new_service()
    with service.database.write() as connection:  # a second transaction waits
        client = Wire(service.server.port)
        client.begin(SENDER, [service.to()])
        client.write(LETTER + b".\r\n")
        until(lambda: service.server._budget._used, "the mail is being stored")
        client._socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client._socket.recv(1)
        connection.rollback()
    client._socket.settimeout(60)
    assert client._socket.recv(1000).startswith(b"250 2.0.0 accepted as")
    client.close()
    assert len(service.jobs()) == 1


def test_without_a_database_the_client_retries(service: MailService, tmp_path: Path) -> None:
    (file,) = tmp_path.glob("*.db")
    with service.client() as client:
        client.ehlo()
        client.mail(SENDER)
        assert client.rcpt(service.to())[0] == 250
        away = file.rename(tmp_path / "away")
        for more in tmp_path.glob(f"{file.name}-*"):
            more.rename(away.with_name(more.name.replace(file.name, "away")))
        file.mkdir()
        service.server.acceptance._database.engine.dispose()
        code, words = client.data(LETTER)
        assert (code, words[:5]) == (451, b"4.3.0")
    file.rmdir()
    for back in tmp_path.glob("away*"):
        back.rename(back.with_name(back.name.replace("away", file.name)))
    assert service.jobs() == []
    assert service.send(LETTER)[0] == 250
    assert service.send(LETTER)[0] == 250
    assert len(service.jobs()) == 1
