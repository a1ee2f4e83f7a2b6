"""The mail server: many clients at once, its limit of sessions, TLS, the byte budget."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from fsfax.mail.server import ByteBudget, MailServer
from tests.mail.conftest import SENDER, MailService, until
from tests.mail.mails import LETTER, letter

NewService = Callable[..., MailService]
MANY = 200


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


def test_many_mails_at_once_become_one_fax_each(new_service: NewService) -> None:
    """More than there are sessions: each becomes one fax, with one entry."""
    service = new_service(sessions=50)
    numbers = [str(15550000 + number) for number in range(MANY)]

    def send(number: str) -> int:
        return deliver(service, letter(message_id=f"<{number}@example.com>"), service.to(number))

    with ThreadPoolExecutor(MANY) as clients:
        list(clients.map(send, numbers))
    assert sorted(job.to_number for job in service.jobs()) == numbers
    entries = service.entries()
    assert len(entries) == len({entry.job_ids for entry in entries}) == MANY
    assert not any(entry.errors for entry in entries)


def test_a_session_beyond_the_limit_is_refused(new_service: NewService) -> None:
    service = new_service(sessions=1)
    with service.client() as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            service.client()
        assert caught.value.smtp_code == 421
        assert b"too busy to accept mail right now" in bytes(caught.value.smtp_error)
    until(lambda: not service.server.sessions, "the session has ended")
    assert service.send()[0] == 250


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

    def test_a_mail_after_starttls_is_accepted(
        self, guarded: MailService, authority: trustme.CA
    ) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with guarded.client() as client:
            client.starttls(context=context)
            assert client.sendmail(SENDER, guarded.to(), LETTER) == {}
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
        code, words = guarded.send(LETTER)
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


class TestByteBudget:
    def test_a_request_waits_until_enough_bytes_are_returned(self) -> None:
        async def take_three() -> list[str]:
            budget, order = ByteBudget(100), []
            await budget.take(60)

            async def take(size: int, name: str) -> None:
                await budget.take(size)
                order.append(name)

            large = asyncio.create_task(take(50, "large"))
            small = asyncio.create_task(take(1, "small"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            order.append("nothing yet")
            await budget.give(60)
            await asyncio.gather(large, small)
            return order

        # The small request fits at once, but does not overtake the one before it.
        assert asyncio.run(take_three()) == ["nothing yet", "large", "small"]

    def test_a_request_for_more_than_the_budget_waits_for_all_of_it(self) -> None:
        async def take_too_much() -> bool:
            budget = ByteBudget(100)
            await budget.take(1)
            huge = asyncio.create_task(budget.take(1000))
            await asyncio.sleep(0)
            waited = not huge.done()
            await budget.give(1)
            await huge
            return waited

        assert asyncio.run(take_too_much())


def test_the_address_has_the_port_that_was_chosen(service: MailService) -> None:
    assert service.server.port > 0
    assert service.server.address == f"127.0.0.1:{service.server.port}"


def test_a_server_that_never_started_can_be_stopped(service: MailService) -> None:
    server = MailServer(service.settings)
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
