"""The mail itself: text, HTML with a picture of page one, the fax and its report as PDF. Pure.

Every header that a stranger had a word in is one line (`fsfax.runtime.sanitize`), and the standard
library encodes it. ``Message-ID`` is the delivery's, the same in every try, so that a mail that
came twice can be known; ``Auto-Submitted`` keeps answering machines from answering (RFC 3834).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from fsfax.notify.report_pdf import report_pdf
from fsfax.notify.template_loader import Templates
from fsfax.runtime.sanitize import file_name_part


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHead:
    """From whom to whom, under which id, when."""

    sender: str
    sender_name: str
    recipient: str
    message_id: str
    date: datetime
    language: str | None


def compose(
    envelope: MessageHead,
    facts: Mapping[str, Any],
    texts: Templates,
    *,
    fax: bytes | None,
    picture: bytes | None,
    with_report: bool,
) -> bytes:
    """Return the mail as it goes over the wire.

    Args:
        envelope: who, when.
        facts: see `fsfax.notify.template_context`.
        texts: the templates.
        fax: the document as PDF. picture: page one as PNG.
        with_report: attach the report as PDF as well.
    """
    facts = {**facts, "picture": picture is not None}
    language = envelope.language
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(envelope.sender_name, addr_spec=envelope.sender)
    message["To"] = Address(addr_spec=envelope.recipient)
    message["Subject"] = texts.subject(language, facts)
    message["Date"] = envelope.date
    message["Message-ID"] = f"<{envelope.message_id}@{envelope.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Fax-Id"] = str(facts["id"])
    # Seven bits in short lines: no relay has a reason to change anything.
    message.set_content(texts.render("mail.txt", language, facts), cte="quoted-printable")
    html = texts.render("mail.html", language, facts)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    if picture is not None:
        related: Any = message.get_payload()[1]  # type: ignore[index]
        related.add_related(
            picture, "image", "png", cid="<page1>", disposition="inline", filename="page1.png"
        )
    if fax is not None:
        message.add_attachment(fax, "application", "pdf", filename=f"{_name(facts)}.pdf")
    if with_report:
        report = report_pdf(texts.render("report.txt", language, facts))
        message.add_attachment(report, "application", "pdf", filename=f"{_name(facts)}-report.pdf")
    return message.as_bytes()


def _name(facts: Mapping[str, Any]) -> str:
    """``fax-20261123-1200-353155501``: of digits and letters alone, whoever chose the number."""
    other = facts["to_number"] if facts["direction"] == "out" else facts["from_number"]
    parts = ["fax", f"{facts['finished']:%Y%m%d-%H%M}", file_name_part(other, 24).strip("+-_")]
    return "-".join(part for part in parts if part)
