"""The mail server when things are not well: many at once, no database, TLS alone, bad clients."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from tests.mail.conftest import SENDER, House, until
from tests.mail.mails import PDF, mail, raw

NewHouse = Callable[..., House]
MANY = 200


def letter(number: int = 1) -> bytes:
    name = f"<{number}@example.com>"
    return raw(mail(("letter.pdf", "application/pdf", PDF), message_id=name))


def deliver(house: House, data: bytes, to: str) -> int:
    """Send a mail as a mailer does: whoever is too busy is tried again; return how often."""
    for tries in range(1, 1000):
        try:
            with house.client() as client:
                client.sendmail(SENDER, to, data)
                return tries
        except smtplib.SMTPConnectError as error:
            if error.smtp_code != 421:
                raise
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            pass
    raise AssertionError("never taken")


def test_many_mails_at_once(new_house: NewHouse) -> None:
    """More than there are sessions: each becomes one fax, with one entry."""
    house = new_house(sessions=50)
    with ThreadPoolExecutor(MANY) as clients:
        numbers = [str(15550000 + number) for number in range(MANY)]
        list(
            clients.map(
                lambda pair: deliver(house, letter(pair[0]), house.to(pair[1])), enumerate(numbers)
            )
        )
    assert sorted(job.to_number for job in house.jobs()) == numbers
    entries = house.entries()
    assert len(entries) == len({entry.job_ids for entry in entries}) == MANY
    assert not any(entry.errors for entry in entries)


def test_one_session_too_many(new_house: NewHouse) -> None:
    house = new_house(sessions=1)
    with house.client() as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            house.client()
        assert caught.value.smtp_code == 421
        assert b"too busy to accept mail right now" in bytes(caught.value.smtp_error)
    until(lambda: not house.server.sessions, "the session has ended")
    assert house.send()[0] == 250


def test_without_a_database_the_mailer_keeps_the_mail(house: House, tmp_path: Path) -> None:
    data = letter()
    (file,) = tmp_path.glob("*.db")
    with house.client() as client:
        client.ehlo()
        client.mail(SENDER)
        assert client.rcpt(house.to())[0] == 250
        away = file.rename(tmp_path / "away")
        for more in tmp_path.glob(f"{file.name}-*"):
            more.rename(away.with_name(more.name.replace(file.name, "away")))
        file.mkdir()
        house.server.acceptance._database.engine.dispose()
        code, words = client.data(data)
        assert (code, words[:5]) == (451, b"4.3.0")
    file.rmdir()
    for back in tmp_path.glob("away*"):
        back.rename(back.with_name(back.name.replace("away", file.name)))
    assert house.jobs() == []
    assert house.send(data)[0] == 250
    assert house.send(data)[0] == 250
    assert len(house.jobs()) == 1


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def guarded(self, new_house: NewHouse, authority: trustme.CA, tmp_path: Path) -> House:
        file = tmp_path / "server.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(file))
        return new_house(certificate=file, require_tls=True)

    def test_behind_starttls(self, guarded: House, authority: trustme.CA) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with guarded.client() as client:
            client.starttls(context=context)
            assert client.sendmail(SENDER, guarded.to(), letter()) == {}
        assert len(guarded.jobs()) == 1
        until(lambda: not guarded.server.sessions, "the session has ended")

    def test_a_stop_says_goodbye_behind_it(self, guarded: House) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client = guarded.client()
        client.starttls(context=context)
        client.ehlo()
        guarded.server.stop()
        assert client.getreply()[0] == 421

    def test_nothing_before_it(self, guarded: House) -> None:
        code, words = guarded.send(letter())
        assert code == 530, words
        assert guarded.jobs() == []

    def test_what_was_said_before_it_is_forgotten(self, guarded: House) -> None:
        """Commands behind STARTTLS in one packet would be a stranger's (CVE-2021-38371)."""
        with socket.create_connection(("127.0.0.1", guarded.server.port), timeout=30) as raw_socket:
            stream = raw_socket.makefile("rb")
            stream.readline()
            raw_socket.sendall(b"EHLO x\r\n")
            while stream.readline()[3:4] == b"-":
                pass
            raw_socket.sendall(b"STARTTLS\r\nEHLO eve\r\nMAIL FROM:<eve@example.com>\r\n")
            assert stream.readline().startswith(b"220")
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                with context.wrap_socket(raw_socket) as tls:
                    tls.sendall(b"NOOP\r\n")
                    assert not tls.makefile("rb").readline().startswith(b"250-")
            except (ssl.SSLError, ConnectionError):
                pass  # the handshake met commands in its place
        assert guarded.jobs() == []


class TestBadClients:
    def talk(self, house: House) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", house.server.port), timeout=30)
        stream = made.makefile("rb")
        stream.readline()
        for line in ("HELO x", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{house.to()}>", "DATA"):
            made.sendall(f"{line}\r\n".encode())
            assert stream.readline()[:1] in b"23", line
        return made

    @pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r"])
    def test_no_second_mail_is_smuggled_in(self, house: House, end: bytes) -> None:
        """Only CR LF . CR LF ends a mail (RFC 5321, 4.1.1.4); others would let one be two."""
        second = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{house.to('666')}>\r\nDATA\r\n".encode()
        made = self.talk(house)
        made.sendall(letter(1) + end + second + letter(2) + b"\r\n.\r\n")
        answer = made.makefile("rb").readline()
        assert answer[:3] in (b"250", b"554")
        made.close()
        assert {job.to_number for job in house.jobs()} <= {"5550100"}

    def test_gone_in_the_middle(self, house: House) -> None:
        made = self.talk(house)
        made.sendall(letter()[:5000])
        made.close()
        until(lambda: not house.server.sessions, "the session has ended")
        assert house.jobs() == []
        assert house.send(letter())[0] == 250

    def test_silence_is_ended(self, new_house: NewHouse) -> None:
        house = new_house(idle_timeout=0.2)
        made = socket.create_connection(("127.0.0.1", house.server.port), timeout=30)
        said = made.makefile("rb").read()
        assert b"\r\n421 4.4.2 timeout" in said

    def test_a_mail_in_drops_takes_no_longer_than_allowed(self, new_house: NewHouse) -> None:
        house = new_house(body_timeout=0.3)
        made = self.talk(house)
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.02):
                try:
                    made.sendall(b"X-Slow: very\r\n")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert made.makefile("rb").readline().startswith(b"421 4.4.2 timeout: more than")
        over.set()
        dripping.join()
        made.close()
        assert house.jobs() == []
