"""Sends notifications by mail: reads the fax, renders it, composes the mail, calls the relay."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsfax.db.database import Database
from fsfax.db.records import Document, Job
from fsfax.document import to_pdf, to_png
from fsfax.errors import DocumentError, InvalidRequest, JobNotFound
from fsfax.log import get_logger
from fsfax.notify.deliveries import Delivery
from fsfax.notify.events import NotificationKind
from fsfax.notify.fax_context import FaxContext, document_to_attach, read_fax_context, save_document
from fsfax.notify.mail_message import MessageHead, compose
from fsfax.notify.relay import NO_RELAY, Relay
from fsfax.notify.send_result import Result
from fsfax.notify.template_context import Attachment, template_context
from fsfax.notify.template_loader import Templates
from fsfax.runtime.timezone import tzinfo_of
from fsfax.settings import Settings

_log = get_logger(__name__)

_PICTURE_WIDTH = 600
"""Pixels of the picture of page one: legible in a mail, and some 30 kB."""

_TIFF_TO_PDF = 4
"""How many times larger a TIFF in MH may be than its PDF in MMR."""

InThread = Callable[..., Any]


class MailSender:
    """Sends deliveries by mail.

    Args:
        settings: ``notify.mail`` and ``notify.relay``.
        database: the faxes.
        templates: of subject, text, HTML and report.
        relay: the mail relay.
        in_thread: runs a function that uses the database in a thread.
        on_relay: runs a function that uses the relay in a thread of its own, which a slow relay
            may block.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        templates: Templates,
        relay: Relay,
        *,
        in_thread: InThread,
        on_relay: InThread,
    ) -> None:
        self._settings = settings
        self._database = database
        self._templates = templates
        self._in_thread = in_thread
        self._relay = relay
        self._on_relay = on_relay

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Send one delivery."""
        if not self._relay.settings.host:
            return NO_RELAY
        context: FaxContext = self._in_thread(read_fax_context, self._database, job)
        with tempfile.TemporaryDirectory(prefix="fsfax-mail-") as folder:
            attachment, fax, picture = self._files(context, Path(folder))
            mail = self._on_relay(self._compose, delivery, context, attachment, fax, picture)
        result: Result = self._on_relay(self._relay.send, delivery.target, mail)
        return result

    def _compose(
        self,
        delivery: Delivery,
        context: FaxContext,
        attachment: Attachment,
        fax: Path | None,
        picture: Path | None,
    ) -> bytes:
        relay, limits = self._relay.settings, self._settings.notify.mail
        zone = tzinfo_of(
            context.job.preferences.timezone or "",
            (context.box.config.fax_timezone or "") if context.box else "",
            self._settings.fax.timezone,
        )
        values = template_context(
            NotificationKind(delivery.kind),
            context.job,
            context.attempts,
            context.box,
            zone,
            attachment=attachment,
        )
        head = MessageHead(
            sender=relay.sender,
            sender_name=relay.sender_name,
            recipient=delivery.target,
            message_id=delivery.id,
            date=delivery.happened_at,
            language=delivery.data.get("language"),
        )
        return compose(
            head,
            values | {"limit": limits.max_attachment},
            self._templates,
            fax=fax.read_bytes() if fax else None,
            picture=picture.read_bytes() if picture else None,
            with_report=limits.report,
        )

    def _files(
        self, context: FaxContext, folder: Path
    ) -> tuple[Attachment, Path | None, Path | None]:
        """Return what became of the attachment, the fax as PDF, and page one as PNG."""
        limits = self._settings.notify.mail
        document = document_to_attach(context.documents)
        if document is None or not (limits.attach or limits.picture):
            return "none", None, None
        if document.size > _TIFF_TO_PDF * limits.max_attachment:
            return "too_large", None, None
        try:
            return self._render(document, folder)
        except JobNotFound:
            return "none", None, None
        except (DocumentError, InvalidRequest) as error:
            _log.warning("fax_not_attached", job=context.job.id, error=str(error))
            return "unreadable", None, None

    def _render(
        self, document: Document, folder: Path
    ) -> tuple[Attachment, Path | None, Path | None]:
        limits = self._settings.notify.mail
        file: Path = self._in_thread(save_document, self._database, document, folder)
        pdf, picture = file, None
        if document.media_type != "application/pdf":
            pdf = folder / "fax.pdf"
            to_pdf(file, pdf)
            if limits.picture:
                picture = folder / "page1.png"
                to_png(file, 1, picture, width=_PICTURE_WIDTH)
        if not limits.attach:
            return "none", None, picture
        if pdf.stat().st_size > limits.max_attachment:
            return "too_large", None, picture
        return "attached", pdf, picture
