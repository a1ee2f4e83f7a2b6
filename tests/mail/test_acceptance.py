"""Acceptance, over a real socket: which mails become faxes, which are refused, what is logged."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.tokens import Scope
from fsfax.db.schema import faxboxes
from fsfax.db.states import JobState
from fsfax.errors import InvalidRequest
from fsfax.mail.message import MAX_PARTS
from fsfax.values.preferences import SendPreferences
from tests.mail.conftest import SENDER, MailService
from tests.mail.mails import OFFICE_HEAD, PDF, letter, mail, picture, raw

NewService = Callable[..., MailService]


class TestAccepted:
    def test_a_mail_becomes_a_job_and_an_entry(self, service: MailService) -> None:
        code, words = service.send(letter(Subject="Grüße"), service.to("+353-1-5550100"))
        (job,) = service.jobs()
        assert (code, words) == (250, f"2.0.0 accepted as {job.id} to +35315550100")
        assert job.state is JobState.ATTACHING_FILES
        assert (job.to_number, job.dial_number) == ("+35315550100", "+35315550100")
        assert (job.account_id, job.faxbox_id) == (service.account, service.box.id)
        assert job.fields == {
            "notifications": {"email": {"send_to": [SENDER]}},
            "subject": "Grüße",
            "message_id": "<1@example.com>",
        }
        (document,) = service.store.documents(job.id)
        assert (document.name, document.media_type) == ("letter.pdf", "application/pdf")
        assert b"".join(service.store.read(document)) == PDF

        (entry,) = service.entries()
        assert (entry.from_address, entry.to_address) == (SENDER, service.to("+353-1-5550100"))
        assert (entry.errors, entry.job_ids) == ((), (job.id,))
        assert (entry.account_id, entry.faxbox_id) == (service.account, service.box.id)
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
        assert service.counts == ["accepted"]

    def test_the_job_has_the_settings_of_the_faxbox(self, service: MailService) -> None:
        service.boxes.change(
            service.box.id,
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
                        "email": {"send_to": ["office@example.org", SENDER]},
                        "sms": {"send_to": "+353861234567"},
                    }
                },
            },
        )
        assert service.send()[0] == 250
        (job,) = service.jobs()
        assert (job.from_number, job.from_name, job.retries) == ("+353 1 555 0199", "Clinic", 2)
        assert job.preferences == SendPreferences(
            t38="off", ident="+353 1 5550199", header="CLINIC", timezone="Europe/Dublin"
        )
        assert job.fields["notifications"] == {
            "email": {"send_to": ["office@example.org", SENDER]},
            "sms": {"send_to": ["+353861234567"]},
        }

    def test_the_job_of_a_faxbox_without_settings_has_the_defaults(
        self, service: MailService
    ) -> None:
        service.send()
        (job,) = service.jobs()
        assert (job.retries, job.preferences, job.from_number) == (3, SendPreferences(), "")

    def test_several_recipients_make_several_faxes_and_attachments_one(
        self, service: MailService
    ) -> None:
        other = service.boxes.create(
            Accounts(service.database).create("other").id,
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
        to = (service.to("1001"), "1002@fax.example.org", service.to("1003"))
        code, words = service.send(raw(made), *to)
        jobs = {job.to_number: job for job in service.jobs()}
        assert code == 250
        assert words.splitlines() == [
            f"2.0.0 accepted as {jobs[to].id} to {to}" for to in ("1001", "1002", "1003")
        ]
        for job in jobs.values():
            names = [document.name for document in service.store.documents(job.id)]
            assert names == ["b.pdf", "a.png", "c.tif"]
        assert [each.job_ids for each in service.entries()] == [
            (jobs["1001"].id,),
            (jobs["1003"].id,),
        ]
        assert [each.job_ids for each in service.entries(other.account_id)] == [(jobs["1002"].id,)]

    def test_a_mail_that_is_sent_again_makes_no_second_fax(self, service: MailService) -> None:
        mail = letter()
        first = service.send(mail)
        again = service.send(b"Received: by relay\r\n" + mail)
        assert first == again
        assert len(service.jobs()) == 1
        assert len(service.entries()) == 2  # each attempt is logged
        assert service.send(letter(), service.to("5550101"))[0] == 250
        assert service.send(letter(message_id="<2@example.com>"))[0] == 250
        assert len(service.jobs()) == 3

    def test_a_mail_without_message_id_and_date_is_a_new_one_the_next_day(
        self, service: MailService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nameless = letter(message_id=None)
        assert service.send(nameless) == service.send(nameless)
        now = service.server.acceptance._now
        tomorrow = lambda: now() + timedelta(days=1)  # noqa: E731
        monkeypatch.setattr(service.server.acceptance, "_now", tomorrow)
        service.send(nameless)
        assert len(service.jobs()) == 2

    def test_the_text_is_faxed_if_the_policy_says_so(self, new_service: NewService) -> None:
        service = new_service(text="first")
        service.send()
        (job,) = service.jobs()
        text, pdf = service.store.documents(job.id)
        assert (text.media_type, pdf.media_type) == ("text/plain", "application/pdf")
        assert b"".join(service.store.read(text)).strip() == b"Please fax this."


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
    def test_a_recipient_is_refused_with_the_reason(
        self, service: MailService, to: str, sender: str, answer: str
    ) -> None:
        box = service.box.smtp_email_address
        code, words = service.send(None, to.format(box=box), sender=sender)
        assert f"{code} {words}".startswith(answer.format(box=box))
        (entry,) = service.entries()
        assert entry.errors == (words.partition(" ")[2],)
        assert (entry.from_address, entry.to_address) == (sender or "<>", to.format(box=box))
        assert (entry.account_id, entry.faxbox_id) == (service.account, service.box.id)
        assert entry.job_ids == ()
        assert service.counts == ["refused"]
        assert service.jobs() == []

    def test_an_unknown_domain_is_refused_and_logged_without_an_account(
        self, service: MailService
    ) -> None:
        assert service.send(None, "1@nowhere.example") == (
            550,
            "5.1.2 no faxbox has the domain nowhere.example",
        )
        assert service.entries() == []
        with service.database.read() as connection:
            from fsfax.db.schema import mails

            (row,) = connection.execute(mails.select())
        assert (row.account_id, row.to_address) == (None, "1@nowhere.example")

    def test_an_empty_permission_list_permits_what_the_settings_say(
        self, new_service: NewService
    ) -> None:
        service = new_service()
        service.boxes.change(service.box.id, {"smtp_permission_list": None})
        code, words = service.send()
        assert code == 550
        assert "faxbox permissions is empty and policy doesn't allow it" in words
        generous = new_service(allow_all_when_empty=True)
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
    def test_a_mail_is_refused_with_the_reason(
        self, service: MailService, data: bytes, answer: str
    ) -> None:
        code, words = service.send(data)
        assert f"{code} {words}".startswith(answer)
        (entry,) = service.entries()
        assert entry.errors == (words.partition(" ")[2],)
        assert entry.data["size"] == len(data)
        assert service.counts == ["refused"]
        assert service.jobs() == []

    def test_an_office_document_without_libreoffice_is_refused(
        self, service: MailService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        data = raw(mail(("a.odt", "application/octet-stream", OFFICE_HEAD)))
        code, words = service.send(data)
        assert (code, words) == (
            554,
            "5.6.1 a.odt: Office documents are not accepted here: send PDF",
        )

    def test_an_automatic_mail_where_the_settings_accept_it(self, new_service: NewService) -> None:
        service = new_service(allow_automatic=True)
        assert service.send(letter(Auto_Submitted="auto-generated"))[0] == 250

    def test_an_invalid_stored_caller_id_is_ignored(self, service: MailService) -> None:
        with pytest.raises(InvalidRequest, match=r"caller_id: .*'switchboard' cannot be dialled"):
            service.boxes.change(service.box.id, {"caller_id": "switchboard"})
        with service.database.write() as connection:
            stored = {"caller_id": "switchboard", "smtp_permission_list": [SENDER]}
            connection.execute(update(faxboxes).values(data=stored))
        assert service.send()[0] == 250
        (job,) = service.jobs()
        assert job.from_number == ""

    def test_a_mail_whose_declared_size_is_too_large_is_refused_at_rcpt(
        self, new_service: NewService
    ) -> None:
        service = new_service(max_size=5000)
        data = letter() + b"x" * 5000
        code, words = service.send(data)
        wanted = f"5.3.4 Message too large: {len(data)} bytes, at most 5000 are accepted"
        assert (code, words) == (552, wanted)
        (entry,) = service.entries()
        assert entry.errors == (wanted[6:],)
        assert entry.data["size"] == len(data)

    def test_one_bad_recipient_does_not_affect_the_others(self, service: MailService) -> None:
        with service.client() as client:
            refused = client.sendmail(SENDER, [service.to("x"), service.to("1001")], letter())
        assert refused[service.to("x")][0] == 550
        assert [job.to_number for job in service.jobs()] == ["1001"]
        assert [bool(entry.errors) for entry in service.entries()] == [True, False]

    def test_a_flood_of_refusals_does_not_fill_the_log(self, service: MailService) -> None:
        service.boxes.create(
            service.account, {"name": "b", "custom_smtp_email_address": "b.example"}
        )
        with service.client() as client:
            client.ehlo()
            client.mail("eve@example.com")
            for number in range(300):
                assert client.rcpt(service.to(str(number)))[0] == 550
            for number in range(100):
                assert client.rcpt(f"{number}@nowhere.example")[0] == 550
        assert 200 <= len(service.entries()) < 300
        assert len(service.counts) == 400
        with service.client() as client:
            client.sendmail(SENDER, service.to(), letter())
        assert service.entries()[-1].job_ids  # what is accepted is always logged


class TestLogIn:
    @pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
    def test_a_token_permits_any_sender(self, service: MailService, mechanism: str) -> None:
        with service.client() as client:
            client.ehlo()
            client.user, client.password = "anybody", service.token()
            name = mechanism.removeprefix("auth_").upper()
            assert client.auth(name, getattr(client, mechanism))[0] == 235
            assert client.sendmail("eve@example.com", service.to(), letter()) == {}
        (entry,) = service.entries()
        assert entry.data["token_id"] == service.tokens.list(service.account)[0].id

    def test_a_token_of_another_account_is_refused(self, service: MailService) -> None:
        other = Accounts(service.database).create("other").id
        with service.client() as client:
            client.login("x", service.token(account=other))
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="not of the account"):
                client.sendmail(SENDER, service.to(), letter())

    def test_an_administrators_token_permits_every_faxbox(self, service: MailService) -> None:
        other = Accounts(service.database).create("other").id
        with service.client() as client:
            client.login("x", service.token(Scope.ADMIN, account=other))
            assert client.sendmail("eve@example.com", service.to(), letter()) == {}
