"""Composed mails: their parts, and foreign text in them."""

from __future__ import annotations

import html
import re
from datetime import UTC
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.accounts.faxboxes import Faxbox
from fsfax.db.records import Job
from fsfax.db.states import Direction, JobState
from fsfax.notify.events import NotificationKind
from fsfax.notify.template_context import template_context
from fsfax.values.outcome import Outcome
from tests.jobs.results import DELIVERED, TROUBLE
from tests.notify.faxes import AT, TEXTS, a_job, an_attempt, mail_of
from tests.notify.mailbox import parts


def test_the_parts_of_a_mail_about_a_sent_fax() -> None:
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


def test_a_german_mail() -> None:
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
def test_any_foreign_text_is_sanitised(said: str) -> None:
    check(mail_of(NotificationKind.IN_COMPLETED, hostile_job(said, Direction.IN)))
