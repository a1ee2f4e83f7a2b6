"""The server on a real socket: what is taken, what is refused, and what is written down."""

from __future__ import annotations

import hashlib
import smtplib
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.tokens import Scope
from fsfax.db.states import JobState
from fsfax.mail.message import MAX_PARTS
from fsfax.values.preferences import SendPreferences
from tests.mail.conftest import SENDER, House
from tests.mail.mails import OFFICE_HEAD, PDF, mail, picture, raw

NewHouse = Callable[..., House]


def letter(**more: Any) -> bytes:
    return raw(mail(("letter.pdf", "application/pdf", PDF), **more))


class TestTaken:
    def test_a_mail_becomes_a_job_and_an_entry(self, house: House) -> None:
        code, words = house.send(letter(Subject="Grüße"), house.to("+353-1-5550100"))
        (job,) = house.jobs()
        assert (code, words) == (250, f"2.0.0 accepted as {job.id} to +35315550100")
        assert job.state is JobState.ATTACHING_FILES
        assert (job.to_number, job.dial_number) == ("+35315550100", "+35315550100")
        assert (job.account_id, job.faxbox_id) == (house.account, house.box.id)
        assert job.fields == {
            "notifications": {"email": {"send_to": [SENDER]}},
            "subject": "Grüße",
            "message_id": "<1@example.com>",
        }
        (document,) = house.store.documents(job.id)
        assert (document.name, document.media_type) == ("letter.pdf", "application/pdf")
        assert b"".join(house.store.read(document)) == PDF

        (entry,) = house.entries()
        assert (entry.from_address, entry.to_address) == (SENDER, house.to("+353-1-5550100"))
        assert (entry.errors, entry.job_ids) == ((), (job.id,))
        assert (entry.account_id, entry.faxbox_id) == (house.account, house.box.id)
        assert entry.data["size"] == len(letter(Subject="Grüße"))
        assert entry.data["original_number"] == "+353-1-5550100"
        assert entry.data["attachments"] == [
            {
                "name": "",
                "type": "text/plain",
                "size": entry.data["attachments"][0]["size"],
                "faxed": False,
                "why": "the text of a mail is not faxed",
            },
            {"name": "letter.pdf", "type": "application/pdf", "size": len(PDF), "faxed": True},
        ]
        assert house.counts == ["accepted"]

    def test_what_the_faxbox_says_holds(self, house: House) -> None:
        house.boxes.change(
            house.box.id,
            {
                "caller_id": "+353 1 555 0199",
                "caller_name": "Clinic",
                "fax_header": "CLINIC",
                "fax_identity": "+353 1 5550199",
                "fax_timezone": "Europe/Dublin",
                "retries": 2,
                "media": {"fax_option": False},
                "notifications": {
                    "outbound": {
                        "email": {"send_to": ["desk@example.org", SENDER]},
                        "sms": {"send_to": "+353861234567"},
                    }
                },
            },
        )
        assert house.send()[0] == 250
        (job,) = house.jobs()
        assert (job.from_number, job.from_name, job.retries) == ("+353 1 555 0199", "Clinic", 2)
        assert job.preferences == SendPreferences(
            t38="off", ident="+353 1 5550199", header="CLINIC", timezone="Europe/Dublin"
        )
        assert job.fields["notifications"] == {
            "email": {"send_to": ["desk@example.org", SENDER]},
            "sms": {"send_to": ["+353861234567"]},
        }

    def test_a_faxbox_that_says_nothing(self, house: House) -> None:
        house.send()
        (job,) = house.jobs()
        assert (job.retries, job.preferences, job.from_number) == (3, SendPreferences(), "")

    def test_several_recipients_make_several_faxes_and_attachments_one(self, house: House) -> None:
        other = house.boxes.create(
            Accounts(house.database).create("other").id,
            {
                "name": "x",
                "smtp_permission_list": [SENDER],
                "custom_smtp_email_address": "Fax.Example.ORG",
            },
        )
        made = mail(
            ("b.pdf", "application/pdf", PDF),
            ("a.png", "image/png", picture(800, 100)),
            ("c.tif", "image/tiff", picture(800, 100, "TIFF")),
        )
        to = (house.to("1001"), "1002@fax.example.org", house.to("1003"))
        code, words = house.send(raw(made), *to)
        jobs = {job.to_number: job for job in house.jobs()}
        assert code == 250
        assert words.splitlines() == [
            f"2.0.0 accepted as {jobs[to].id} to {to}" for to in ("1001", "1002", "1003")
        ]
        for job in jobs.values():
            names = [document.name for document in house.store.documents(job.id)]
            assert names == ["b.pdf", "a.png", "c.tif"]
        assert [each.job_ids for each in house.entries()] == [
            (jobs["1001"].id,),
            (jobs["1003"].id,),
        ]
        assert [each.job_ids for each in house.entries(other.account_id)] == [(jobs["1002"].id,)]

    def test_sent_again_it_makes_no_second_fax(self, house: House) -> None:
        mail = letter()
        first = house.send(mail)
        again = house.send(b"Received: by relay\r\n" + mail)
        assert first == again
        assert len(house.jobs()) == 1
        assert len(house.entries()) == 2  # each attempt is written down
        assert house.send(letter(), house.to("5550101"))[0] == 250
        assert house.send(letter(message_id="<2@example.com>"))[0] == 250
        assert len(house.jobs()) == 3

    def test_a_mail_without_any_name_is_another_one_tomorrow(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nameless = letter(message_id=None)
        assert house.send(nameless) == house.send(nameless)
        now = house.server.acceptance._now
        tomorrow = lambda: now() + timedelta(days=1)  # noqa: E731
        monkeypatch.setattr(house.server.acceptance, "_now", tomorrow)
        house.send(nameless)
        assert len(house.jobs()) == 2

    def test_the_text_by_policy(self, new_house: NewHouse) -> None:
        house = new_house(text="first")
        house.send()
        (job,) = house.jobs()
        text, pdf = house.store.documents(job.id)
        assert (text.media_type, pdf.media_type) == ("text/plain", "application/pdf")
        assert b"".join(house.store.read(text)).strip() == b"Please fax this."

    def test_long_lines_and_eight_bits(self, house: House) -> None:
        head = b"Message-ID: <x@y>\r\nContent-Type: application/pdf\r\n"
        head += b"Content-Transfer-Encoding: binary\r\n\r\n"
        body = PDF + b"%" + b"\xff" * 100_000 + b"\r\n"
        assert house.send(head + body)[0] == 250
        (job,) = house.jobs()
        (document,) = house.store.documents(job.id)
        # smtplib writes every line break as CR LF; a line as long as this one arrives whole.
        assert b"\xff" * 100_000 in b"".join(house.store.read(document))

    def test_dots_arrive_as_they_were(self, house: House) -> None:
        text = b"." * 5 + b"\r\n.\r\n..x\r\n" * 3
        head = b'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n'
        assert house.send(head + b"\r\n" + text)[0] == 250
        (job,) = house.jobs()
        (document,) = house.store.documents(job.id)
        wanted = hashlib.sha256(text).hexdigest()
        assert document.sha256 == wanted


class TestRefused:
    @pytest.mark.parametrize(
        ("to", "sender", "answer"),
        [
            ("abc@{box}", SENDER, "550 5.1.3 fax number 'abc' is invalid: write NUMBER@{box}"),
            ("+@{box}", SENDER, "550 5.1.3 fax number '+' is empty: write NUMBER@{box}"),
            ("1@{box}", "eve@example.com", "550 5.7.1 address eve@example.com is not allowed on"),
            ("1@{box}", "", "550 5.7.1 mails without a sender (bounces) are not faxed"),
        ],
    )
    def test_recipients(self, house: House, to: str, sender: str, answer: str) -> None:
        box = house.box.smtp_email_address
        code, words = house.send(None, to.format(box=box), sender=sender)
        assert f"{code} {words}".startswith(answer.format(box=box))
        (entry,) = house.entries()
        assert entry.errors == (words.partition(" ")[2],)
        assert (entry.from_address, entry.to_address) == (sender or "<>", to.format(box=box))
        assert (entry.account_id, entry.faxbox_id) == (house.account, house.box.id)
        assert entry.job_ids == ()
        assert house.counts == ["refused"]
        assert house.jobs() == []

    def test_an_unknown_domain_is_nobodys(self, house: House) -> None:
        assert house.send(None, "1@nowhere.example") == (
            550,
            "5.1.2 no faxbox has the domain nowhere.example",
        )
        assert house.entries() == []
        with house.database.read() as connection:
            from fsfax.db.schema import mails

            (row,) = connection.execute(mails.select())
        assert (row.account_id, row.to_address) == (None, "1@nowhere.example")

    def test_an_empty_list(self, new_house: NewHouse) -> None:
        house = new_house()
        house.boxes.change(house.box.id, {"smtp_permission_list": None})
        code, words = house.send()
        assert code == 550
        assert "faxbox permissions is empty and policy doesn't allow it" in words
        generous = new_house(allow_all_when_empty=True)
        generous.boxes.change(generous.box.id, {"smtp_permission_list": []})
        assert generous.send()[0] == 250

    @pytest.mark.parametrize(
        ("data", "answer"),
        [
            (raw(mail()), "554 5.6.1 no valid attachment: attach a PDF"),
            (
                raw(mail(("a.zip", "application/zip", b"PK\x03\x04zip"))),
                "554 5.6.1 no valid attachment: a.zip: this seems to be a ZIP archive",
            ),
            (letter(Auto_Submitted="auto-replied"), "554 5.7.1 automatic mails are not faxed"),
            (letter(Auto_Submitted="auto-generated"), "554 5.7.1 automatic mails are not faxed"),
            (letter(List_Id="<l.example>"), "554 5.7.1 mails of mailing lists are not faxed"),
            (
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * MAX_PARTS,
                "554 5.6.0 the mail has more than 100 parts",
            ),
            (b"\r\n", "554 5.6.0 Message too small: it is empty"),
        ],
    )
    def test_mails(self, house: House, data: bytes, answer: str) -> None:
        code, words = house.send(data)
        assert f"{code} {words}".startswith(answer)
        (entry,) = house.entries()
        assert entry.errors == (words.partition(" ")[2],)
        assert entry.data["size"] == len(data)
        assert house.counts == ["refused"]
        assert house.jobs() == []

    def test_an_office_document_without_an_office(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        data = raw(mail(("a.odt", "application/octet-stream", OFFICE_HEAD)))
        code, words = house.send(data)
        assert (code, words) == (
            554,
            "5.6.1 a.odt: Office documents are not accepted here: send PDF",
        )

    def test_a_programs_mail_where_the_settings_let_it_in(self, new_house: NewHouse) -> None:
        house = new_house(allow_automatic=True)
        assert house.send(letter(Auto_Submitted="auto-generated"))[0] == 250

    def test_a_faxbox_that_cannot_be_dialled_from(self, house: House) -> None:
        house.boxes.change(house.box.id, {"caller_id": "nobody"})
        code, words = house.send()
        assert (code, words[:5]) == (554, "5.3.5")
        assert "'nobody' cannot be dialled" in words

    def test_too_large_as_declared(self, new_house: NewHouse) -> None:
        house = new_house(max_size=5000)
        data = letter() + b"x" * 5000
        code, words = house.send(data)
        wanted = f"5.3.4 Message too large: {len(data)} bytes, at most 5000 are accepted"
        assert (code, words) == (552, wanted)
        (entry,) = house.entries()
        assert entry.errors == (wanted[6:],)
        assert entry.data["size"] == len(data)

    @pytest.mark.parametrize("size", [5001, 9999, 100_000])
    def test_too_large_in_fact(self, new_house: NewHouse, size: int) -> None:
        house = new_house(max_size=5000)
        with house.client() as client:
            client.ehlo()
            client.mail(SENDER)
            client.rcpt(house.to())
            try:
                code, words = client.data(b"x" * (size - 2) + b"\r\n")
            except (smtplib.SMTPServerDisconnected, OSError):
                # What does not end at twice the size is cut off; the answer may be lost then.
                assert size == 100_000
            else:
                assert (code, words[:5]) == (552, b"5.3.4")
                if size < 10_000:
                    assert client.noop()[0] == 250
        (entry,) = house.entries()
        assert entry.errors[0].startswith("Message too large: ")
        assert house.jobs() == []

    def test_too_many_recipients_are_told_to_come_again(self, new_house: NewHouse) -> None:
        house = new_house(max_recipients=2)
        with house.client() as client:
            refused = client.sendmail(SENDER, [house.to(str(n)) for n in range(100, 103)], letter())
        assert refused[house.to("102")][0] == 452
        assert sorted(job.to_number for job in house.jobs()) == ["100", "101"]

    def test_one_bad_recipient_spoils_nothing(self, house: House) -> None:
        with house.client() as client:
            refused = client.sendmail(SENDER, [house.to("x"), house.to("1001")], letter())
        assert refused[house.to("x")][0] == 550
        assert [job.to_number for job in house.jobs()] == ["1001"]
        assert [bool(entry.errors) for entry in house.entries()] == [True, False]

    def test_a_flood_of_refusals_does_not_fill_the_log(self, house: House) -> None:
        house.boxes.create(house.account, {"name": "b", "custom_smtp_email_address": "b.example"})
        with house.client() as client:
            client.ehlo()
            client.mail("eve@example.com")
            for number in range(300):
                assert client.rcpt(house.to(str(number)))[0] == 550
            for number in range(100):
                assert client.rcpt(f"{number}@nowhere.example")[0] == 550
        assert 200 <= len(house.entries()) < 300
        assert len(house.counts) == 400
        with house.client() as client:
            client.sendmail(SENDER, house.to(), letter())
        assert house.entries()[-1].job_ids  # what is accepted is always written down


class TestLogIn:
    @pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
    def test_a_token_is_permission(self, house: House, mechanism: str) -> None:
        with house.client() as client:
            client.ehlo()
            client.user, client.password = "anybody", house.token()
            name = mechanism.removeprefix("auth_").upper()
            assert client.auth(name, getattr(client, mechanism))[0] == 235
            assert client.sendmail("eve@example.com", house.to(), letter()) == {}
        (entry,) = house.entries()
        assert entry.data["token_id"] == house.tokens.list(house.account)[0].id

    def test_another_accounts_token_is_none(self, house: House) -> None:
        other = Accounts(house.database).create("other").id
        with house.client() as client:
            client.login("x", house.token(account=other))
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="not of the account"):
                client.sendmail(SENDER, house.to(), letter())

    def test_an_administrators_token_opens_every_faxbox(self, house: House) -> None:
        other = Accounts(house.database).create("other").id
        with house.client() as client:
            client.login("x", house.token(Scope.ADMIN, account=other))
            assert client.sendmail("eve@example.com", house.to(), letter()) == {}

    def test_what_opens_nothing(self, house: House) -> None:
        for secret in ("wrong", house.token(Scope.READ), "\x00"):
            with house.client() as client, pytest.raises(smtplib.SMTPException):
                client.login("x", secret)
        with house.client() as client:
            client.ehlo()
            client.docmd("AUTH", f"PLAIN {b64encode(f'{chr(0)}x{chr(0)}üü'.encode()).decode()}")
            for _ in range(4):
                client.docmd("AUTH", "PLAIN AHgAeA==")
            assert client.docmd("AUTH", "PLAIN AHgAeA==")[0] == 421

    def test_where_it_is_required(self, new_house: NewHouse) -> None:
        house = new_house(require_auth=True)
        assert house.send()[0] == 530
        with house.client() as client:
            client.login("x", house.token())
            assert client.sendmail(SENDER, house.to(), letter()) == {}
