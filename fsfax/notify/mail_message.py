"""Composes a mail: text, HTML with a picture of page one, the fax and its report as PDF. Pure.

Foreign text in header fields is one line (`fsfax.runtime.sanitize`), and the standard library
encodes it. ``Message-ID`` is made of the delivery's id, the same in every attempt, so that a mail
that is received twice can be recognised; ``Auto-Submitted`` prevents automatic answers (RFC 3834).
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
    """Sender, recipient, id, date and language of a mail."""

    sender: str
    sender_name: str
    recipient: str
    message_id: str
    date: datetime
    language: str | None


def compose(
    head: MessageHead,
    values: Mapping[str, Any],
    templates: Templates,
    *,
    fax: bytes | None,
    picture: bytes | None,
    with_report: bool,
) -> bytes:
    """Return the mail as bytes.

    Args:
        head: sender, recipient, id, date and language.
        values: see `fsfax.notify.template_context`.
        templates: of subject, text, HTML and report.
        fax: the document as PDF. picture: page one as PNG.
        with_report: attach the report as PDF as well.
    """
    values = {**values, "picture": picture is not None}
    language = head.language
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(head.sender_name, addr_spec=head.sender)
    message["To"] = Address(addr_spec=head.recipient)
    message["Subject"] = templates.subject(language, values)
    message["Date"] = head.date
    message["Message-ID"] = f"<{head.message_id}@{head.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Fax-Id"] = str(values["id"])
    # ASCII in short lines: no relay has to convert it.
    message.set_content(templates.render("mail.txt", language, values), cte="quoted-printable")
    html = templates.render("mail.html", language, values)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    if picture is not None:
        related: Any = message.get_payload()[1]  # type: ignore[index]
        related.add_related(
            picture, "image", "png", cid="<page1>", disposition="inline", filename="page1.png"
        )
    if fax is not None:
        message.add_attachment(fax, "application", "pdf", filename=f"{_name(values)}.pdf")
    if with_report:
        report = report_pdf(templates.render("report.txt", language, values))
        message.add_attachment(report, "application", "pdf", filename=f"{_name(values)}-report.pdf")
    return message.as_bytes()


def _name(values: Mapping[str, Any]) -> str:
    """Return ``fax-20261123-1200-353155501``; the number is foreign text."""
    other = values["to_number"] if values["direction"] == "out" else values["from_number"]
    parts = ["fax", f"{values['finished']:%Y%m%d-%H%M}", file_name_part(other, 24).strip("+-_")]
    return "-".join(part for part in parts if part)
