"""The mail server under load, without a database, with TLS required, and with bad clients."""

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

from tests.mail.conftest import SENDER, MailService, until
from tests.mail.mails import PDF, mail, raw

NewService = Callable[..., MailService]
MANY = 200


def letter(number: int = 1) -> bytes:
    name = f"<{number}@example.com>"
    return raw(mail(("letter.pdf", "application/pdf", PDF), message_id=name))


def deliver(service: MailService, data: bytes, to: str) -> int:
    """Send a mail as a mailer does: again after a temporary refusal; return how often."""
    for tries in range(1, 1000):
        try:
            with service.client() as client:
                client.sendmail(SENDER, to, data)
                return tries
        except smtplib.SMTPConnectError as error:
            if error.smtp_code != 421:
                raise
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            pass
    raise AssertionError("never taken")


def test_many_mails_at_once(new_service: NewService) -> None:
    """More than there are sessions: each becomes one fax, with one entry."""
    service = new_service(sessions=50)
    with ThreadPoolExecutor(MANY) as clients:
        numbers = [str(15550000 + number) for number in range(MANY)]
        list(
            clients.map(
                lambda pair: deliver(service, letter(pair[0]), service.to(pair[1])),
                enumerate(numbers),
            )
        )
    assert sorted(job.to_number for job in service.jobs()) == numbers
    entries = service.entries()
    assert len(entries) == len({entry.job_ids for entry in entries}) == MANY
    assert not any(entry.errors for entry in entries)


def test_a_session_beyond_the_limit(new_service: NewService) -> None:
    service = new_service(sessions=1)
    with service.client() as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            service.client()
        assert caught.value.smtp_code == 421
        assert b"too busy to accept mail right now" in bytes(caught.value.smtp_error)
    until(lambda: not service.server.sessions, "the session has ended")
    assert service.send()[0] == 250


def test_without_a_database_the_client_retries(service: MailService, tmp_path: Path) -> None:
    data = letter()
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
        code, words = client.data(data)
        assert (code, words[:5]) == (451, b"4.3.0")
    file.rmdir()
    for back in tmp_path.glob("away*"):
        back.rename(back.with_name(back.name.replace("away", file.name)))
    assert service.jobs() == []
    assert service.send(data)[0] == 250
    assert service.send(data)[0] == 250
    assert len(service.jobs()) == 1


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def guarded(
        self, new_service: NewService, authority: trustme.CA, tmp_path: Path
    ) -> MailService:
        file = tmp_path / "server.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(file))
        return new_service(certificate=file, require_tls=True)

    def test_after_starttls(self, guarded: MailService, authority: trustme.CA) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with guarded.client() as client:
            client.starttls(context=context)
            assert client.sendmail(SENDER, guarded.to(), letter()) == {}
        assert len(guarded.jobs()) == 1
        until(lambda: not guarded.server.sessions, "the session has ended")

    def test_a_stop_is_announced_over_tls(self, guarded: MailService) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client = guarded.client()
        client.starttls(context=context)
        client.ehlo()
        guarded.server.stop()
        assert client.getreply()[0] == 421

    def test_a_mail_before_starttls_is_refused(self, guarded: MailService) -> None:
        code, words = guarded.send(letter())
        assert code == 530, words
        assert guarded.jobs() == []

    def test_commands_before_starttls_are_discarded(self, guarded: MailService) -> None:
        """Commands after STARTTLS in the same packet may be an attacker's (CVE-2021-38371)."""
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
    def talk(self, service: MailService) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", service.server.port), timeout=30)
        stream = made.makefile("rb")
        stream.readline()
        for line in ("HELO x", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{service.to()}>", "DATA"):
            made.sendall(f"{line}\r\n".encode())
            assert stream.readline()[:1] in b"23", line
        return made

    @pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r"])
    def test_no_second_mail_is_smuggled_in(self, service: MailService, end: bytes) -> None:
        """Only CR LF . CR LF ends a mail (RFC 5321, 4.1.1.4); others would let one be two."""
        second = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{service.to('666')}>\r\nDATA\r\n".encode()
        made = self.talk(service)
        made.sendall(letter(1) + end + second + letter(2) + b"\r\n.\r\n")
        answer = made.makefile("rb").readline()
        assert answer[:3] in (b"250", b"554")
        made.close()
        assert {job.to_number for job in service.jobs()} <= {"5550100"}

    def test_a_client_that_disconnects(self, service: MailService) -> None:
        made = self.talk(service)
        made.sendall(letter()[:5000])
        made.close()
        until(lambda: not service.server.sessions, "the session has ended")
        assert service.jobs() == []
        assert service.send(letter())[0] == 250

    def test_a_silent_client_is_disconnected(self, new_service: NewService) -> None:
        service = new_service(idle_timeout=0.2)
        made = socket.create_connection(("127.0.0.1", service.server.port), timeout=30)
        said = made.makefile("rb").read()
        assert b"\r\n421 4.4.2 timeout" in said

    def test_a_slow_mail_is_timed_out(self, new_service: NewService) -> None:
        service = new_service(body_timeout=0.3)
        made = self.talk(service)
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
        assert service.jobs() == []
