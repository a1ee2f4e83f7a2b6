"""Mails that tell of a fax: read, drawn, composed and handed to the relay."""

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
from fsfax.notify.fax_context import FaxContext, fax_of, read_fax_context, save
from fsfax.notify.mail_message import MessageHead, compose
from fsfax.notify.relay import Relay
from fsfax.notify.send_result import Rejected, Result
from fsfax.notify.template_context import Attachment, template_context
from fsfax.notify.template_loader import Templates
from fsfax.notify.zone import zone_of
from fsfax.settings import Settings

_log = get_logger(__name__)

_PICTURE_WIDTH = 600
"""Pixels of the picture of page one: legible in a mail, and some 30 kB."""

_CODINGS = 4
"""A received TIFF may be coded in MH, which takes so many times of what its PDF will, in MMR."""

InThread = Callable[..., Any]


class MailSender:
    """Carries mails.

    Args:
        settings: ``notify.mail``, ``notify.relay``.
        database: where the faxes are.
        texts: the templates.
        relay: the way out.
        in_thread: where the database is used.
        on_line: runs what talks to the relay: threads that a slow one may hold.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        texts: Templates,
        relay: Relay,
        *,
        in_thread: InThread,
        on_line: InThread,
    ) -> None:
        self._settings = settings
        self._database = database
        self._texts = texts
        self._in_thread = in_thread
        self._relay = relay
        self._on_line = on_line

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Mail one recipient."""
        if not self._relay.settings.host:
            return Rejected("there is no mail relay: set notify.relay.host, then repeat this")
        matter: FaxContext = self._in_thread(read_fax_context, self._database, job)
        with tempfile.TemporaryDirectory(prefix="fsfax-mail-") as folder:
            attachment, fax, picture = self._files(matter, Path(folder))
            mail = self._on_line(self._compose, delivery, matter, attachment, fax, picture)
        result: Result = self._on_line(self._relay.send, delivery.target, mail)
        return result

    def _compose(
        self,
        delivery: Delivery,
        matter: FaxContext,
        attachment: Attachment,
        fax: Path | None,
        picture: Path | None,
    ) -> bytes:
        relay, limits = self._relay.settings, self._settings.notify.mail
        zone = zone_of(
            matter.job.preferences.timezone or "",
            (matter.box.config.fax_timezone or "") if matter.box else "",
            self._settings.fax.timezone,
        )
        known = template_context(
            NotificationKind(delivery.kind),
            matter.job,
            matter.attempts,
            matter.box,
            zone,
            attachment=attachment,
        )
        envelope = MessageHead(
            sender=relay.sender,
            sender_name=relay.sender_name,
            recipient=delivery.target,
            message_id=delivery.id,
            date=delivery.happened_at,
            language=delivery.data.get("language"),
        )
        return compose(
            envelope,
            known | {"limit": limits.max_attachment},
            self._texts,
            fax=fax.read_bytes() if fax else None,
            picture=picture.read_bytes() if picture else None,
            with_report=limits.report,
        )

    def _files(
        self, matter: FaxContext, folder: Path
    ) -> tuple[Attachment, Path | None, Path | None]:
        """The fax as PDF and page one as PNG, as files; what became of the attachment."""
        limits = self._settings.notify.mail
        document = fax_of(matter.documents)
        if document is None or not (limits.attach or limits.picture):
            return "none", None, None
        if document.size > _CODINGS * limits.max_attachment:
            return "too_large", None, None
        try:
            return self._drawn(document, folder)
        except JobNotFound:
            return "none", None, None
        except (DocumentError, InvalidRequest) as error:
            _log.warning("fax_not_attached", job=matter.job.id, error=str(error))
            return "unreadable", None, None

    def _drawn(
        self, document: Document, folder: Path
    ) -> tuple[Attachment, Path | None, Path | None]:
        limits = self._settings.notify.mail
        file: Path = self._in_thread(save, self._database, document, folder)
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
