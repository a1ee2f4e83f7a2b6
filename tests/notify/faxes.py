"""A fax, its attempts, and the mail about them."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

from fsfax.db.records import Attempt, Job
from fsfax.db.states import AttemptState, Direction, Hold, JobState
from fsfax.notify.events import NotificationKind
from fsfax.notify.mail_message import MessageHead, compose
from fsfax.notify.template_context import template_context
from fsfax.notify.template_loader import Templates
from fsfax.runtime.timezone import tzinfo_of
from fsfax.values.plan import AttemptPlan
from fsfax.values.preferences import SendPreferences
from tests.jobs.results import DELIVERED

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEXTS = Templates(None, "en")
BERLIN = tzinfo_of("Europe/Berlin")


def a_job(**changes: Any) -> Job:
    """A fax of three pages that was sent at `AT`."""
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
    """An attempt at `AT` from the second page on."""
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
    """The mail about a fax, parsed; it is ASCII in lines that SMTP permits."""
    known = template_context(kind, job or a_job(), attempts, None, BERLIN, **more) | {
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
