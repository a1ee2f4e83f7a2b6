"""Mails and reports: what is in them, and foreign text in them."""

from __future__ import annotations

import email
import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.accounts.faxboxes import Faxbox
from fsfax.db.records import Attempt, Job
from fsfax.db.states import AttemptState, Direction, Hold, JobState
from fsfax.notify.events import BY_MAIL, NotificationKind
from fsfax.notify.mail_message import MessageHead, compose
from fsfax.notify.report_pdf import report_pdf
from fsfax.notify.sms import HttpGateway
from fsfax.notify.template_context import template_context
from fsfax.notify.template_loader import Templates
from fsfax.runtime.timezone import tzinfo_of
from fsfax.settings.notify import SmsSettings
from fsfax.values.outcome import Outcome
from fsfax.values.plan import AttemptPlan
from fsfax.values.preferences import SendPreferences
from tests.jobs.results import DELIVERED, TROUBLE
from tests.notify.mailbox import parts

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEXTS = Templates(None, "en")
DUBLIN = tzinfo_of("Europe/Berlin")


def a_job(**changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": "202611-" + "a" * 32, "account_id": "b" * 32, "direction": Direction.OUT,
        "state": JobState.COMPLETED, "hold": Hold.NO, "created_at": AT, "modified_at": AT,
        "finished_at": AT, "removed_at": None, "revision": 3, "from_number": "15550199",
        "from_name": "Clinic", "to_number": "15550100", "to_name": "", "dial_number": "15550100",
        "retries": 1, "priority": 0, "gateways": (),
        "preferences": SendPreferences(), "source": None, "fields": {},
        "resubmit_of": None, "due_at": AT, "prepared": True, "cancel_asked": False, "attempts": 2,
        "dials": 2, "fetches": 0, "pages_total": 3, "pages_confirmed": 3, "status_text": "",
        "stored_result": {**DELIVERED.as_dict(), "line_seconds": 95, "fax_speed": 14400,
                          "fax_error_correction": True, "t38_status": "negotiated",
                          "fax_receiver_id": "+1 555 0100"},
        "call_id": None, "faxbox_id": None,
    }  # fmt: skip
    return Job(**values | changes)


def an_attempt(number: int, result: Any, **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": "x", "job_id": "y", "number": number, "state": AttemptState.FAILED, "counts": True,
        "dial_number": "15550100", "node": "secret-node", "core": "c", "gateways": (),
        "gateway": "secret-gateway", "plan": AttemptPlan(first_page=2, last_page=3),
        "why": (), "page": 0,
        "started_at": AT, "ended_at": AT, "outcome": result.outcome,
        "stored_result": result.as_dict(),
    }  # fmt: skip
    return Attempt(**values | changes)


def mail_of(
    kind: NotificationKind = NotificationKind.OUT_COMPLETED,
    job: Job | None = None,
    *,
    language: str | None = None,
    texts: Templates = TEXTS,
    attempts: tuple[Attempt, ...] = (),
    fax: bytes | None = b"%PDF-1.4 fax",
    picture: bytes | None = b"\x89PNG",
    **more: Any,
) -> EmailMessage:
    known = template_context(kind, job or a_job(), attempts, None, DUBLIN, **more) | {
        "limit": 10 * 2**20
    }
    envelope = MessageHead(
        sender="fax@clinic.example", sender_name="Clinic Fax", recipient="a@b.org",
        message_id="msg_1", date=AT, language=language,
    )  # fmt: skip
    data = compose(envelope, known, texts, fax=fax, picture=picture, with_report=True)
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert data.isascii()
    found = email.message_from_bytes(data, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_mail_about_a_fax_that_was_sent() -> None:
    attempts = (an_attempt(1, TROUBLE), an_attempt(2, DELIVERED))
    mail = mail_of(attempts=attempts, attachment="attached")
    assert mail["subject"] == "Fax sent to 15550100 (3 pages)"
    assert mail["from"] == "Clinic Fax <fax@clinic.example>"
    assert (mail["to"], mail["message-id"]) == ("a@b.org", "<msg_1@clinic.example>")
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["date"].datetime == AT
    found = parts(mail)
    assert found["fax-20261123-1300-15550100.pdf"] == b"%PDF-1.4 fax"
    assert found["page1.png"] == b"\x89PNG"
    text, page = found["text/plain"], found["text/html"]
    for said in (
        "TRANSMISSION REPORT", "Result:     OK", "15550199 (Clinic)", "+1 555 0100",
        "2026-11-23 13:00 CET", "3 of 3", "14400 bit/s, T.38, with error correction", "1 min 35 s",
        "Attempt 1:", "it was line_trouble", "Attempt 2:", "The fax is attached",
    ):  # fmt: skip
        assert said in text, said
    for said in ("15550199 (Clinic)", "3 of 3", "it was line_trouble", 'src="cid:page1"'):
        assert said in page, said
    assert "secret" not in str(mail), "nodes and gateways are internal"
    related = next(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    assert [part.get_content_type() for part in related.iter_parts()] == ["text/html", "image/png"]  # type: ignore[attr-defined]


def test_the_report_as_a_pdf(tmp_path: Path) -> None:
    mail = mail_of(attempts=(an_attempt(1, TROUBLE), an_attempt(2, DELIVERED)))
    file = tmp_path / "report.pdf"
    file.write_bytes(parts(mail)["fax-20261123-1300-15550100-report.pdf"])
    (page,) = pypdf.PdfReader(file, strict=True).pages
    text = page.extract_text()
    assert "TRANSMISSION REPORT" in text
    assert "Attempt 2:" in text
    assert "14400 bit/s" in text


def test_a_long_report_goes_on_on_the_next_page(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(report_pdf("\n".join(f"Zeile {n} äöü€ (\\) {'x' * 100}" for n in range(50))))
    pages = pypdf.PdfReader(file, strict=True).pages
    assert len(pages) == 2
    text = "\n".join(page.extract_text() for page in pages)
    assert all(f"Zeile {n} äöü€ (\\)" in text for n in range(50))


@pytest.mark.parametrize("kind", sorted(BY_MAIL | {NotificationKind.OUT_CANCELLED}))
@pytest.mark.parametrize("language", ["en", "de", "fr", None, "../.."])
@pytest.mark.parametrize("attachment", ["attached", "too_large", "unreadable", "none"])
def test_every_text_can_be_rendered(kind: NotificationKind, language: str, attachment: Any) -> None:
    state = JobState.COMPLETED if "completed" in kind else JobState.FAILED
    direction = Direction.IN if kind.is_inbound else Direction.OUT
    broken = replace(TROUBLE, error_message="It broke.").as_dict()
    for result in (None, TROUBLE.as_dict(), broken, a_job().stored_result):
        job = a_job(state=state, direction=direction, stored_result=result, pages_confirmed=1)
        mail = mail_of(kind, job, language=language, attachment=attachment)
        assert mail["subject"]
        assert "None" not in parts(mail)["text/plain"]


def test_german() -> None:
    job = a_job(state=JobState.FAILED, stored_result=TROUBLE.as_dict())
    mail = mail_of(NotificationKind.OUT_FAILED, job, language="de", attachment="too_large")
    assert mail["subject"] == "Fax NICHT gesendet an 15550100 (3 Seiten)"
    text = parts(mail)["text/plain"]
    for said in (
        "SENDEBERICHT",
        "Die Verbindung brach ab.",
        "größer als 10.0 MB",
        "23.11.2026 13:00",
    ):
        assert said in text, said
    for outcome in Outcome:
        assert (
            outcome.value
            in TEXTS._environment("de", "x", own=False).get_template("words.txt").module.outcomes
        )  # type: ignore[attr-defined]


def test_templates_of_the_user_replace_those_of_fsfax(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "mail.subject").write_text("Fax von {{ from_number }}, {{ pages }} S.")
    (tmp_path / "de" / "mail.html").write_text("<p>{{ station }}{% if broken %}")
    (tmp_path / "de" / "sms.txt").write_text("{{ ''.__class__.__mro__ }}")
    texts = Templates(tmp_path, "de")
    mail = mail_of(texts=texts)
    assert mail["subject"] == "Fax von 15550199, 3 S."
    found = parts(mail)
    assert "SENDEBERICHT" in found["text/plain"]
    assert "Ergebnis" in found["text/html"], "a template that is broken does not lose a mail"
    known = template_context(NotificationKind.OUT_COMPLETED, a_job(), (), None, UTC)
    assert "mro" not in texts.render("sms.txt", "de", known)


HOSTILE = [
    "x\r\nBcc: victim@example.org",
    "=?utf-8?q?=0D=0ABcc:_victim=40example.org?=",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnp.exe",
    "{{ 7 * 7 }}{% raw %}",
    "a" * 5000,
    "\x00\x1b]0;x\x07",
    "../../etc/passwd",
    "\ud800",
    "Müller, Söhne <a@b.org>",
]


def check(mail: EmailMessage) -> None:
    assert mail.get_all("bcc") is None
    assert mail["to"] == "a@b.org"
    assert len(mail["subject"]) <= 160
    assert "\u202e" not in mail["subject"]
    for part in mail.walk():
        if name := part.get_filename():
            assert re.fullmatch(r"[A-Za-z0-9+_-]{1,60}\.(pdf|png)", name), name
    page = parts(mail)["text/html"]
    tags = set(re.findall(r"<(/?[a-zA-Z]\w*)", page))
    allowed = {"html", "head", "meta", "title", "body", "h2", "h3", "p", "img"}
    allowed |= {"table", "tr", "th", "td"}
    assert {tag.strip("/") for tag in tags} <= allowed
    assert page.count("<img") == 1
    for text in (parts(mail)["text/plain"], html.unescape(page)):
        assert not set(text) & set("\x00\x1b\u202e\u2028")


def hostile_job(said: str, direction: Direction) -> Job:
    result = TROUBLE.as_dict() | {
        "fax_sender_id": said, "fax_receiver_id": said, "error_message": said,
    }  # fmt: skip
    return a_job(
        direction=direction, from_number=said, from_name=said, to_number=said, to_name=said,
        stored_result=result,
    )  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE)
@pytest.mark.parametrize("direction", Direction)
def test_foreign_text_is_sanitised(said: str, direction: Direction) -> None:
    kind = NotificationKind.IN_FAILED if direction is Direction.IN else NotificationKind.OUT_FAILED
    box = Faxbox(
        id="1", account_id="2", name=said, config=FaxboxConfig(), numbers=(),
        smtp_email_address="x", custom_smtp_email_address=None, created_at=AT, modified_at=AT,
        revision=1,
    )  # fmt: skip
    assert template_context(kind, hostile_job(said, direction), (), box, UTC)[
        "faxbox"
    ].isprintable()
    check(mail_of(kind, hostile_job(said, direction)))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="\r\n<>&\"'{}%=?:;\u202e\x00 ab", max_size=80))
def test_any_foreign_text(said: str) -> None:
    check(mail_of(NotificationKind.IN_COMPLETED, hostile_job(said, Direction.IN)))


@given(st.text(max_size=60), st.text(max_size=60))
def test_short_messages_are_escaped_for_their_place(to: str, text: str) -> None:
    from urllib.parse import parse_qs, urlsplit

    gateway = HttpGateway(
        SmsSettings(
            url="https://sms.example/{{ to }}?t={{ text }}&k={{ token }}",
            headers={"Authorization": "Bearer {{ token }}", "X-Text": "{{ text }}"},
            token="s3cret/+",  # type: ignore[arg-type]
        )
    )
    request = gateway.request(to, text, "msg_1")
    replaced = text.encode("utf-8", "replace").decode()
    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    assert query["k"] == ["s3cret/+"]
    assert query["t"] == [replaced]
    assert urlsplit(request.url).path.count("/") == 1
    assert set(json.loads(request.body)) == {"to", "from", "text"}
    assert json.loads(request.body)["text"] == text
    assert request.headers["Authorization"] == "Bearer s3cret/+"
    assert request.headers["X-Text"].isprintable()
    assert request.headers["X-Text"].isascii()


@given(st.text(max_size=60))
def test_short_messages_in_a_form(text: str) -> None:
    from urllib.parse import parse_qsl

    gateway = HttpGateway(
        SmsSettings(
            url="https://sms.example/",
            content_type="application/x-www-form-urlencoded",
            body="to={{ to }}&text={{ text }}&end=1",
        )
    )
    body = gateway.request("+1", text, "msg_1").body.decode()
    replaced = text.encode("utf-8", "replace").decode()
    assert parse_qsl(body, keep_blank_values=True) == [
        ("to", "+1"),
        ("text", replaced),
        ("end", "1"),
    ]


@pytest.mark.parametrize(
    ("names", "hour"),
    [
        (("Europe/Berlin",), 13),
        (("", "America/New_York"), 7),
        (("Mars/Olympus", "CET-1CEST,M3.5.0,M10.5.0/3"), 13),
        (("", ""), 12),
        (("../../etc/passwd",), 12),
    ],
)
def test_time_zones(names: tuple[str, ...], hour: int) -> None:
    assert AT.astimezone(tzinfo_of(*names)).hour == hour
