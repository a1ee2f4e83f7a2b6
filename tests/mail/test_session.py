"""SMTP sessions byte by byte: smuggling, odd bytes, limits, logins, disconnects, silence."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import threading
from base64 import b64encode
from collections.abc import Callable

import pytest

from fsfax.accounts.tokens import Scope
from tests.mail.conftest import SENDER, MailService, until
from tests.mail.mails import LETTER, PDF, letter
from tests.mail.wire import Wire

NewService = Callable[..., MailService]


def wire(service: MailService) -> Wire:
    return Wire(service.server.port)


class TestEndOfMail:
    @pytest.mark.parametrize(
        "end",
        [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r", b"\0.\r\n"],
    )
    def test_a_dot_between_other_line_breaks_ends_nothing(
        self, service: MailService, end: bytes
    ) -> None:
        # A server that sees an end here would take the rest as a second mail (CVE-2023-51764).
        smuggled = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{service.to('666')}>\r\nDATA\r\n".encode()
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client.write(LETTER.rstrip() + end + smuggled + LETTER + b".\r\n")
            assert client.answer().startswith("250 2.0.0 accepted as")
            assert client.say("NOOP")[0].startswith("250")
        assert [job.to_number for job in service.jobs()] == ["5550100"]
        (entry,) = service.entries()
        stuffed = 1 if end.startswith(b"\r\n.") else 0  # RFC 5321, 4.5.2
        assert entry.data["size"] == len(LETTER.rstrip() + end + smuggled + LETTER) - stuffed

    def test_the_end_may_arrive_byte_by_byte(self, service: MailService) -> None:
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client.write(LETTER)
            for byte in (b".", b"\r", b"\n"):
                client.write(byte)
            assert client.answer().startswith("250")

    def test_pipelined_commands_are_answered_in_order(self, service: MailService) -> None:
        # PIPELINING, two mails and the farewell in one write.
        one = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{service.to()}>\r\nDATA\r\n".encode()
        with wire(service) as client:
            client.say("EHLO client")
            client.write((one + LETTER + b".\r\n") * 2 + b"QUIT\r\n")
            codes = [client.answer()[:3] for _ in range(9)]
        assert codes == ["250", "250", "354", "250"] * 2 + ["221"]
        assert len(service.jobs()) == 1  # the same mail

    def test_an_empty_mail_is_refused(self, service: MailService) -> None:
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client.write(b".\r\n")
            assert client.answer() == "554 5.6.0 Message too small: it is empty"


class TestOddBytes:
    @pytest.mark.parametrize(
        "data",
        [
            b"Subject: a\0b\r\nMessage-ID: <\0>\r\n" + LETTER.partition(b"\r\n")[2],
            b"Subject: " + b"x" * 200_000 + b"\r\n" + LETTER,
            b"Subject: =?utf-8?b?" + b"A" * 20_000 + b"?=\r\n" + LETTER,
            b"Subject: \xff\xfe\r\n" + LETTER,
            LETTER + b"\0" * 3000 + b"\r\n",
            LETTER.replace(b"letter.pdf", b"a\0/../b\xff.pdf"),
        ],
    )
    def test_nul_bytes_and_long_lines_are_accepted(self, service: MailService, data: bytes) -> None:
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client.write(data + b".\r\n")
            assert client.answer().startswith("250 2.0.0 accepted as")
        (job,) = service.jobs()
        (entry,) = service.entries()
        (document,) = service.store.documents(job.id)
        assert b"".join(service.store.read(document)) == PDF
        for text in (str(dict(entry.data)), str(job.fields), document.name or ""):
            assert "\\x00" not in text
            assert len(text) < 2000
            assert "/" not in (document.name or "")

    @pytest.mark.parametrize(
        "line",
        [
            b"MAIL FROM:<a\0b@example.com>",
            b"MAIL FROM:<\xff@example.com>",
            b"MAIL FROM:<ann@example.com\r>",
            b"MAIL FROM:<ann@example.com> SIZE=-1",
            b"MAIL FROM:<ann@example.com> SIZE=" + b"9" * 30,
            b"MAIL FROM:" + b"<" * 400,
            b"RCPT TO:<1@fax>",
            b"X" * 100_000,
            b"\xff\xfe",
            b"DATA",
            b"AUTH PLAIN =",
            b"AUTH LOGIN",
            b"STARTTLS",
            b"BDAT 5 LAST",
        ],
    )
    def test_odd_commands_are_answered_and_the_next_one_works(
        self, service: MailService, line: bytes
    ) -> None:
        with wire(service) as client:
            client.say("EHLO client")
            client.write(line + b"\r\n")
            assert client.answer()[:1] in "2345"
            client.say("*")  # ends a question of AUTH's
            assert client.say("RSET")[0].startswith("250")
        assert service.jobs() == []


class TestDisconnects:
    @pytest.mark.parametrize("reset", [False, True])
    @pytest.mark.parametrize("end", [b"", b".", b".\r"])
    def test_a_mail_without_an_end_is_discarded(
        self, service: MailService, end: bytes, reset: bool
    ) -> None:
        client = wire(service)
        client.begin(SENDER, [service.to()])
        client.write(LETTER + end)
        if reset:
            client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: not service.server.sessions, "the session is over")
        assert service.jobs() == []
        assert service.send()[0] == 250

    def test_a_mail_whose_answer_is_not_read_becomes_one_fax(self, service: MailService) -> None:
        client = wire(service)
        client.begin(SENDER, [service.to()])
        client.write(LETTER + b".\r\n")
        client.close()  # without waiting for the answer
        until(service.jobs, "the fax is stored")
        assert service.send(LETTER)[0] == 250
        assert len(service.jobs()) == 1

    def test_many_clients_that_disconnect_leave_no_session(self, service: MailService) -> None:
        for _ in range(5):
            clients = [wire(service) for _ in range(40)]
            for client in clients:
                client.write(b"EHLO x\r\nMAIL FROM:<ann@example.com>\r\n")
            for client in clients:
                client.close()
            until(lambda: not service.server.sessions, "the sessions are over")
        assert service.send()[0] == 250


class TestSlow:
    def test_a_silent_client_gets_421_before_and_within_a_mail(
        self, new_service: NewService
    ) -> None:
        service = new_service(idle_timeout=0.2)
        with wire(service) as client:
            assert client.until_end() == "421 4.4.2 timeout: nothing was received for too long\r\n"
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client.write(LETTER)
            assert client.until_end() == "421 4.4.2 timeout: nothing was received for too long\r\n"
        until(lambda: not service.server.sessions, "the sessions are over")
        assert service.jobs() == []

    def test_a_mail_has_a_time_limit_as_a_whole(self, new_service: NewService) -> None:
        # Bytes come all the time: only the limit for the whole of a mail helps.
        service = new_service(body_timeout=0.3)
        with wire(service) as client:
            client.begin(SENDER, [service.to()])
            client._socket.settimeout(0.01)
            for _ in range(10_000):
                client.write(b"x")
                try:
                    said = client._socket.recv(1000)
                except TimeoutError:
                    continue
                break
            assert said == b"421 4.4.2 timeout: more than 0 s for a mail\r\n"
        assert service.jobs() == []

    def test_a_client_beyond_the_limit_is_refused(self, new_service: NewService) -> None:
        service = new_service(sessions=2)
        first, second = wire(service), wire(service)
        with wire(service) as third:
            wanted = "421 mx.example is too busy to accept mail right now"
            assert third.greeting == wanted
            assert third.answer() == ""
        first.close()
        until(lambda: len(service.server.sessions) == 1, "the first session has ended")
        assert service.send()[0] == 250
        second.close()

    def test_a_stop_waits_for_a_mail_in_transfer(self, service: MailService) -> None:
        idle, busy = wire(service), wire(service)
        busy.begin(SENDER, [service.to()])
        until(
            lambda: any(each.busy for each in service.server.sessions), "a mail is being received"
        )
        stop = threading.Thread(target=service.server.stop)
        stop.start()
        assert idle.answer() == "421 4.3.2 the server is stopping: connect again"
        busy.write(LETTER + b".\r\n")
        assert busy.answer().startswith("250 2.0.0 accepted as")
        assert busy.answer() == "421 4.3.2 the server is stopping: connect again"
        stop.join(30)
        assert not stop.is_alive()
        assert len(service.jobs()) == 1
        service.start()


class TestData:
    def test_long_lines_and_eight_bit_data_are_accepted(self, service: MailService) -> None:
        head = b"Message-ID: <x@y>\r\nContent-Type: application/pdf\r\n"
        head += b"Content-Transfer-Encoding: binary\r\n\r\n"
        body = PDF + b"%" + b"\xff" * 100_000 + b"\r\n"
        assert service.send(head + body)[0] == 250
        (job,) = service.jobs()
        (document,) = service.store.documents(job.id)
        # smtplib writes every line break as CR LF; a line as long as this one arrives whole.
        assert b"\xff" * 100_000 in b"".join(service.store.read(document))

    def test_dot_stuffing_is_removed(self, service: MailService) -> None:
        text = b"." * 5 + b"\r\n.\r\n..x\r\n" * 3
        head = b'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n'
        assert service.send(head + b"\r\n" + text)[0] == 250
        (job,) = service.jobs()
        (document,) = service.store.documents(job.id)
        wanted = hashlib.sha256(text).hexdigest()
        assert document.sha256 == wanted

    @pytest.mark.parametrize("size", [5001, 9999, 100_000])
    def test_a_mail_that_turns_out_too_large_is_refused(
        self, new_service: NewService, size: int
    ) -> None:
        service = new_service(max_size=5000)
        with service.client() as client:
            client.ehlo()
            client.mail(SENDER)
            client.rcpt(service.to())
            try:
                code, words = client.data(b"x" * (size - 2) + b"\r\n")
            except (smtplib.SMTPServerDisconnected, OSError):
                # What does not end at twice the size is cut off; the answer may be lost then.
                assert size == 100_000
            else:
                assert (code, words[:5]) == (552, b"5.3.4")
                if size < 10_000:
                    assert client.noop()[0] == 250
        (entry,) = service.entries()
        assert entry.errors[0].startswith("Message too large: ")
        assert service.jobs() == []

    def test_too_many_recipients_get_a_temporary_refusal(self, new_service: NewService) -> None:
        service = new_service(max_recipients=2)
        with service.client() as client:
            refused = client.sendmail(SENDER, [service.to(str(n)) for n in range(100, 103)], LETTER)
        assert refused[service.to("102")][0] == 452
        assert sorted(job.to_number for job in service.jobs()) == ["100", "101"]


class TestLogIn:
    def test_invalid_logins_are_refused_and_limited(self, service: MailService) -> None:
        for secret in ("wrong", service.token(Scope.READ), "\x00"):
            with service.client() as client, pytest.raises(smtplib.SMTPException):
                client.login("x", secret)
        with service.client() as client:
            client.ehlo()
            client.docmd("AUTH", f"PLAIN {b64encode(f'{chr(0)}x{chr(0)}üü'.encode()).decode()}")
            for _ in range(4):
                client.docmd("AUTH", "PLAIN AHgAeA==")
            assert client.docmd("AUTH", "PLAIN AHgAeA==")[0] == 421

    def test_a_login_is_required_if_the_settings_say_so(self, new_service: NewService) -> None:
        service = new_service(require_auth=True)
        assert service.send()[0] == 530
        with service.client() as client:
            client.login("x", service.token())
            assert client.sendmail(SENDER, service.to(), LETTER) == {}


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
        made.sendall(LETTER + end + second + letter(message_id="<2@example.com>") + b"\r\n.\r\n")
        answer = made.makefile("rb").readline()
        assert answer[:3] in (b"250", b"554")
        made.close()
        assert {job.to_number for job in service.jobs()} <= {"5550100"}

    def test_a_disconnect_within_a_mail_ends_the_session(self, service: MailService) -> None:
        made = self.talk(service)
        made.sendall(LETTER[:5000])
        made.close()
        until(lambda: not service.server.sessions, "the session has ended")
        assert service.jobs() == []
        assert service.send(LETTER)[0] == 250

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
