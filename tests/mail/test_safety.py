"""Nothing is lost and nothing is doubled, whatever goes away between a mail and its answer."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.conftest import fill
from tests.mail import mortal
from tests.mail.conftest import SENDER, House, until
from tests.mail.mails import PDF, mail, raw
from tests.mail.wire import Wire
from tests.postgresql import Server

NewHouse = Callable[..., House]
LETTER = raw(mail(("letter.pdf", "application/pdf", PDF)))
ROOT = Path(__file__).parents[2]


def test_postgresql_is_killed(postgresql_server: Server, new_house: NewHouse) -> None:
    house = new_house(postgresql_server.database())
    login = base64.b64encode(f"\0x\0{house.token()}".encode()).decode()
    with Wire(house.server.port) as client:
        client.begin(SENDER, [house.to()])
        postgresql_server.kill()
        client.write(LETTER + b".\r\n")
        away = "451 4.3.0 the database cannot be used: try again later"
        assert client.answer() == away
        # The same session goes on, and so does the server.
        assert client.say(f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{house.to()}>")[1] == away
        with house.client() as other:
            other.ehlo()
            code, _ = other.docmd("AUTH", f"PLAIN {login}")
            assert code == 454
    postgresql_server.restart_after_kill()
    code, words = house.send(LETTER)
    assert code == 250, words
    assert house.send(LETTER) == (code, words)
    (job,) = house.jobs()
    (document,) = house.store.documents(job.id)
    assert b"".join(house.store.read(document)) == PDF
    assert set(house.counts) == {"failed", "accepted"}


def test_the_disk_of_sqlite_is_full(
    sqlite_template: Path, small_disk: Path, new_house: NewHouse
) -> None:
    shutil.copy(sqlite_template, small_disk / "fsfax.db")
    house = new_house(f"sqlite:///{small_disk}/fsfax.db")
    ballast = small_disk / "ballast"
    large = raw(mail(("letter.pdf", "application/pdf", PDF + b"%" + bytes(300_000))))
    fill(ballast)
    assert house.send(large) == (452, "4.3.1 the disk is full: try again later")
    ballast.unlink()
    assert house.send(large)[0] == 250
    assert len(house.jobs()) == 1


def test_no_room_for_the_mail_itself(
    small_disk: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    large = raw(mail(("letter.pdf", "application/pdf", PDF + bytes(3_000_000))))
    assert house.send(large) == (452, "4.3.1 the disk is full: try again later")
    (entry,) = house.entries()
    assert entry.errors == ("the disk is full: try again later",)
    assert house.send(LETTER)[0] == 250
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("point", mortal.POINTS)
def test_killed(new_house: NewHouse, point: str) -> None:
    house = new_house()
    url = house.settings.database.get_secret_value()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mail.mortal", url, point],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    with Wire(int(process.stdout.readline())) as client:
        client.begin(SENDER, [house.to("1001"), house.to("1002")])
        client.write(LETTER + b".\r\n")
        assert client.answer() == ""
    assert process.wait(30) == -9
    process.stdout.close()
    before = {job.to_number: job.id for job in house.jobs()}
    assert set(before) == (set() if point == mortal.POINTS[0] else {"1001", "1002"})
    # The sender has no answer, and sends it again.
    code, words = house.send(LETTER, house.to("1001"), house.to("1002"))
    assert code == 250
    after = {job.to_number: job.id for job in house.jobs()}
    assert set(after) == {"1001", "1002"}
    assert after == (before or after)
    assert all(id in words for id in after.values())
    assert len(house.jobs()) == 2


def test_the_answer_waits_for_the_commit(new_house: NewHouse) -> None:
    house = new_house()
    with house.database.write() as connection:  # nobody else can commit now
        client = Wire(house.server.port)
        client.begin(SENDER, [house.to()])
        client.write(LETTER + b".\r\n")
        until(lambda: house.server._budget._used, "the mail is worked on")
        client._socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client._socket.recv(1)
        connection.rollback()
    client._socket.settimeout(60)
    assert client._socket.recv(1000).startswith(b"250 2.0.0 accepted as")
    client.close()
    assert len(house.jobs()) == 1
