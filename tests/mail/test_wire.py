"""What clients do to a server that writes by hand: smuggling, silence, breaking off, odd bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from tests.mail.conftest import SENDER, House, until
from tests.mail.mails import PDF, mail, raw
from tests.mail.wire import Wire

NewHouse = Callable[..., House]
LETTER = raw(mail(("letter.pdf", "application/pdf", PDF)))


def wire(house: House) -> Wire:
    return Wire(house.server.port)


class TestEndOfMail:
    @pytest.mark.parametrize(
        "end",
        [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r", b"\0.\r\n"],
    )
    def test_a_dot_between_other_line_breaks_ends_nothing(self, house: House, end: bytes) -> None:
        # Whoever sees an end here would take the rest as a second mail (CVE-2023-51764).
        smuggled = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{house.to('666')}>\r\nDATA\r\n".encode()
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
            client.write(LETTER.rstrip() + end + smuggled + LETTER + b".\r\n")
            assert client.answer().startswith("250 2.0.0 accepted as")
            assert client.say("NOOP")[0].startswith("250")
        assert [job.to_number for job in house.jobs()] == ["5550100"]
        (entry,) = house.entries()
        stuffed = 1 if end.startswith(b"\r\n.") else 0  # RFC 5321, 4.5.2
        assert entry.data["size"] == len(LETTER.rstrip() + end + smuggled + LETTER) - stuffed

    def test_in_pieces_of_one_byte(self, house: House) -> None:
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
            client.write(LETTER)
            for byte in (b".", b"\r", b"\n"):
                client.write(byte)
            assert client.answer().startswith("250")

    def test_everything_in_one_piece(self, house: House) -> None:
        # PIPELINING, two mails and the farewell in one write.
        one = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{house.to()}>\r\nDATA\r\n".encode()
        with wire(house) as client:
            client.say("EHLO client")
            client.write((one + LETTER + b".\r\n") * 2 + b"QUIT\r\n")
            codes = [client.answer()[:3] for _ in range(9)]
        assert codes == ["250", "250", "354", "250"] * 2 + ["221"]
        assert len(house.jobs()) == 1  # the same mail

    def test_an_empty_mail(self, house: House) -> None:
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
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
    def test_nul_bytes_and_long_lines_come_in(self, house: House, data: bytes) -> None:
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
            client.write(data + b".\r\n")
            assert client.answer().startswith("250 2.0.0 accepted as")
        (job,) = house.jobs()
        (entry,) = house.entries()
        (document,) = house.store.documents(job.id)
        assert b"".join(house.store.read(document)) == PDF
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
    def test_odd_commands_are_answered_and_the_next_one_is_heard(
        self, house: House, line: bytes
    ) -> None:
        with wire(house) as client:
            client.say("EHLO client")
            client.write(line + b"\r\n")
            assert client.answer()[:1] in "2345"
            client.say("*")  # ends a question of AUTH's
            assert client.say("RSET")[0].startswith("250")
        assert house.jobs() == []


class TestBrokenOff:
    @pytest.mark.parametrize("reset", [False, True])
    @pytest.mark.parametrize("end", [b"", b".", b".\r"])
    def test_before_the_end(self, house: House, end: bytes, reset: bool) -> None:
        client = wire(house)
        client.begin(SENDER, [house.to()])
        client.write(LETTER + end)
        if reset:
            client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: not house.server.sessions, "the session is over")
        assert house.jobs() == []
        assert house.send()[0] == 250

    def test_behind_the_end_it_is_a_fax(self, house: House) -> None:
        client = wire(house)
        client.begin(SENDER, [house.to()])
        client.write(LETTER + b".\r\n")
        client.close()  # without waiting for the answer
        until(house.jobs, "the fax is there")
        assert house.send(LETTER)[0] == 250
        assert len(house.jobs()) == 1

    def test_many_at_once_that_all_break_off(self, house: House) -> None:
        for _ in range(5):
            clients = [wire(house) for _ in range(40)]
            for client in clients:
                client.write(b"EHLO x\r\nMAIL FROM:<ann@example.com>\r\n")
            for client in clients:
                client.close()
            until(lambda: not house.server.sessions, "the sessions are over")
        assert house.send()[0] == 250


class TestSlow:
    def test_silence(self, new_house: NewHouse) -> None:
        house = new_house(idle_timeout=0.2)
        with wire(house) as client:
            assert client.until_end() == "421 4.4.2 timeout: nothing was received for too long\r\n"
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
            client.write(LETTER)
            assert client.until_end() == "421 4.4.2 timeout: nothing was received for too long\r\n"
        until(lambda: not house.server.sessions, "the sessions are over")
        assert house.jobs() == []

    def test_a_mail_that_does_not_end(self, new_house: NewHouse) -> None:
        # Bytes come all the time: only the limit for the whole of a mail helps.
        house = new_house(body_timeout=0.3)
        with wire(house) as client:
            client.begin(SENDER, [house.to()])
            client._socket.settimeout(0.01)
            for _ in range(10_000):
                client.write(b"x")
                try:
                    said = client._socket.recv(1000)
                except TimeoutError:
                    continue
                break
            assert said == b"421 4.4.2 timeout: more than 0 s for a mail\r\n"
        assert house.jobs() == []

    def test_a_client_too_many_is_sent_away(self, new_house: NewHouse) -> None:
        house = new_house(sessions=2)
        first, second = wire(house), wire(house)
        with wire(house) as third:
            wanted = "421 mx.example is too busy to accept mail right now"
            assert third.greeting == wanted
            assert third.answer() == ""
        first.close()
        until(lambda: len(house.server.sessions) == 1, "the first one is gone")
        assert house.send()[0] == 250
        second.close()

    def test_a_stop_lets_a_mail_come_in(self, house: House) -> None:
        idle, busy = wire(house), wire(house)
        busy.begin(SENDER, [house.to()])
        until(lambda: any(each.busy for each in house.server.sessions), "a mail is on its way")
        stop = threading.Thread(target=house.server.stop)
        stop.start()
        assert idle.answer() == "421 4.3.2 the server is stopping: connect again"
        busy.write(LETTER + b".\r\n")
        assert busy.answer().startswith("250 2.0.0 accepted as")
        assert busy.answer() == "421 4.3.2 the server is stopping: connect again"
        stop.join(30)
        assert not stop.is_alive()
        assert len(house.jobs()) == 1
        house.start()
