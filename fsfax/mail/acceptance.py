"""Acceptance: recipients checked, mails turned into jobs, every attempt written down.

All of this blocks, and is called in threads beside the server's event loop:

    recipient ── address, faxbox, sender ──────► Recipient     or a SmtpRefusal, which is in the log
    take ─────── parts, jobs and log, one commit ──► Taken     or a SmtpRefusal, which is in the log

A mail that comes a second time (its sender never saw our 250) is known by its Message-ID, its body
and its recipient: it makes no second fax.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection

from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.accounts.tokens import Scope, Token, Tokens
from fsfax.db.database import Database
from fsfax.db.records import Job, NewFax
from fsfax.document import office
from fsfax.errors import (
    DocumentError,
    InvalidRequest,
    JobNotFound,
    StoreError,
    StoreFull,
    TokenError,
)
from fsfax.jobs.store import JobStore
from fsfax.log import get_logger
from fsfax.mail import auto_reply, permission, smtplog
from fsfax.mail.address import FaxAddress, read_domains, read_recipient
from fsfax.mail.flood import Flood
from fsfax.mail.message import Mail, take_apart
from fsfax.mail.part_selection import PartSelection, choose
from fsfax.mail.refusal import SmtpRefusal
from fsfax.runtime.clock import Clock, utc_now
from fsfax.runtime.sanitize import one_line
from fsfax.settings import Settings

_log = get_logger(__name__)

_KNOWN_BURST, _KNOWN_RATE = 200, 1.0
_UNKNOWN_BURST, _UNKNOWN_RATE = 50, 0.1
"""Refused mails that are written down, of an account and of nobody: anybody may send them."""

_NOBODY = "nobody"


_EMPTY = b"\r\n"
"""Not even a header: the line break before the end of the data (RFC 5321, 4.1.1.4)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is connected: the address, whether by TLS, and the token of an AUTH."""

    peer: str = ""
    tls: bool = False
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody a mail may be faxed to."""

    given: str
    address: FaxAddress
    box: Faxbox


@dataclass(slots=True)
class Envelope:
    """A mail that is on its way in. ``size``: as the client declared it, 0 = not at all."""

    client: Client
    sender: str
    session: str
    size: int = 0
    recipients: tuple[Recipient, ...] = ()


class Acceptance:
    """Takes mails for the faxboxes of a database.

    Args:
        database: where the faxboxes and jobs are.
        settings: the service's.
        clock: for tests.
        counted: told of each recipient's end: ``accepted``, ``refused`` or ``failed`` (ours).
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        on_mail: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._smtp = settings.smtp
        self._now = clock
        self._on_mail = on_mail
        self._store = JobStore(database, clock=clock)
        self._boxes = Faxboxes(database, clock=clock, domain=settings.smtp.domain)
        self._tokens = Tokens(database, clock=clock)
        self._known = Flood(_KNOWN_BURST, _KNOWN_RATE)
        self._unknown = Flood(_UNKNOWN_BURST, _UNKNOWN_RATE)

    # --- who --------------------------------------------------------------------------------

    def log_in(self, secret: str) -> Token:
        """Return the token that a client's password is.

        Raises:
            SmtpRefusal: 535, it is none that may make faxes; 454, nobody can say.
        """
        try:
            token = self._tokens.check(secret)
        except TokenError as error:
            raise SmtpRefusal(535, "5.7.8", str(error)) from error
        except StoreError as error:
            _log.error("mail_not_authenticated", error=str(error))
            raise SmtpRefusal(454, "4.7.0", "the database cannot be asked: try later") from error
        if not token.scopes & {Scope.WRITE, Scope.ADMIN}:
            raise SmtpRefusal(535, "5.7.8", "the token may not make faxes")
        return token

    def recipient(self, envelope: Envelope, given: str) -> Recipient:
        """Return whom an address means, if this sender may fax there.

        Raises:
            SmtpRefusal: 550 or 552, no; 451, nobody can say.
        """
        box: Faxbox | None = None
        try:
            try:
                # The faxbox first: an address without a number is its account's to know of.
                box = self._box(read_domains(given))
                address = read_recipient(given)
                self._require_allowed(envelope, box)
                self._require_size(envelope.size)
            except StoreError as error:
                raise _away(error) from error
        except SmtpRefusal as refusal:
            self._refused(refusal, envelope, [(given, box)], {})
            raise
        return Recipient(given, address, box)

    def _box(self, domains: Sequence[str]) -> Faxbox:
        for domain in domains:
            if box := self._boxes.by_address(domain):
                return box
        raise SmtpRefusal(550, "5.1.2", f"no faxbox has the domain {domains[0]}")

    def _require_allowed(self, envelope: Envelope, box: Faxbox) -> None:
        token, sender = envelope.client.token, envelope.sender
        if not sender:
            raise SmtpRefusal(550, "5.7.1", "mails without a sender (bounces) are not faxed")
        if token is not None:
            # Whoever may make faxes over HTTP may make them by mail: no list is asked.
            if token.account_id != box.account_id and Scope.ADMIN not in token.scopes:
                raise SmtpRefusal(550, "5.7.1", f"this login is not of the account of {box.name}")
            return
        entries = box.config.smtp_permission_list
        verdict = permission.judge(sender, entries, when_empty=self._smtp.allow_all_when_empty)
        if verdict.broken:
            _log.warning(
                "mail_pattern_broken", faxbox=box.id, patterns=", ".join(verdict.broken)[:200]
            )
        if verdict.allowed:
            return
        name = one_line(box.name, 80)
        if not entries:
            why = f"{name}: faxbox permissions is empty and policy doesn't allow it"
        else:
            why = f"address {one_line(sender, 120)} is not allowed on faxbox {name}"
        raise SmtpRefusal(550, "5.7.1", why)

    def _require_size(self, size: int) -> None:
        if size > self._smtp.max_size:
            raise self.too_large(size)

    def too_large(self, size: int) -> SmtpRefusal:
        """The answer to a mail of that size."""
        return SmtpRefusal(
            552,
            "5.3.4",
            f"Message too large: {size} bytes, at most {self._smtp.max_size} are taken",
        )

    # --- what -------------------------------------------------------------------------------

    def take(self, envelope: Envelope, stream: BinaryIO, size: int) -> list[Job]:
        """Take a mail on: a fax for each recipient, in their order. Then none is lost any more.

        Raises:
            SmtpRefusal: 5xx, nothing of it can be faxed; 4xx, it may be sent again.
        """
        seen: dict[str, Any] = {"size": size}
        try:
            try:
                return self._take(envelope, stream, size, seen)
            except StoreError as error:
                raise _away(error) from error
            except OSError as error:
                _log.error("mail_not_stored", error=str(error))
                raise SmtpRefusal(
                    452, "4.3.1", "there is no room for the mail: try later"
                ) from error
        except SmtpRefusal as refusal:
            self.refused(refusal, envelope, seen)
            raise

    def refused(self, refusal: SmtpRefusal, envelope: Envelope, seen: Mapping[str, Any]) -> None:
        """Write down a mail that was refused after its recipients were taken."""
        given = [(each.given, each.box) for each in envelope.recipients]
        self._refused(refusal, envelope, given, seen)

    def _take(
        self, envelope: Envelope, stream: BinaryIO, size: int, seen: dict[str, Any]
    ) -> list[Job]:
        self._require_size(size)
        if size <= len(_EMPTY):
            raise SmtpRefusal(554, "5.6.0", "Message too small: it is empty")
        folder = Path(tempfile.mkdtemp(prefix="fsfax-mail-"))
        try:
            mail = take_apart(stream, folder)
            seen |= _described(mail, None)
            if why := auto_reply.objection(mail.header, automatic=self._smtp.allow_automatic):
                raise SmtpRefusal(554, "5.7.1", why)
            choice = choose(mail.parts, self._smtp.text, self._is_office)
            seen |= _described(mail, choice)
            return self._accept(envelope, mail, choice, seen)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _is_office(self, head: bytes, name: str) -> bool:
        kind = office.kind_of(head, name)
        if kind is None:
            return False
        if not office.installed(self._settings.document):
            raise SmtpRefusal(
                554, "5.6.1", f"{name or kind.shown}: Office documents are not taken here: send PDF"
            )
        return True

    def _accept(
        self, envelope: Envelope, mail: Mail, choice: PartSelection, seen: Mapping[str, Any]
    ) -> list[Job]:
        files = [mail.file(part) for part in choice.documents]
        faxes = [self._fax(envelope, each, mail, files) for each in envelope.recipients]

        def in_transaction(connection: Connection, job_ids: Sequence[str]) -> None:
            for each, job_id in zip(envelope.recipients, job_ids, strict=True):
                entry = self._entry(envelope, each.given, each.box, seen)
                smtplog.insert_record(connection, self._now(), job_ids=[job_id], **entry)

        try:
            jobs = self._store.accept_all(faxes, in_transaction=in_transaction)
        except (DocumentError, InvalidRequest) as error:
            # A faxbox with a caller id that cannot be dialled, for one: the sender has to know.
            raise SmtpRefusal(554, "5.3.5", one_line(error, 300)) from error
        except JobNotFound as error:
            raise SmtpRefusal(550, "5.1.2", "the account of the faxbox was removed") from error
        for job in jobs:
            self._on_mail("accepted")
            _log.info("mail_accepted", job=job.id, sender=envelope.sender, to=job.to_number)
        return jobs

    def _fax(
        self, envelope: Envelope, recipient: Recipient, mail: Mail, files: Sequence[Path]
    ) -> NewFax:
        box, number = recipient.box, recipient.address.number
        config = box.config
        outbound = config.outbound_notifications()
        addresses = list(dict.fromkeys([*outbound.mail_addresses(), envelope.sender]))
        notifications = {"email": {"send_to": addresses}}
        if numbers := outbound.phone_numbers():
            notifications["sms"] = {"send_to": numbers}
        fields = {
            "notifications": notifications,
            "subject": mail.subject,
            "message_id": mail.message_id,
        }
        return NewFax(
            to_number=number,
            from_number=config.caller_id or "",
            from_name=config.caller_name or "",
            documents=files,
            retries=config.retries,
            preferences=config.send_preferences(),
            account_id=box.account_id,
            faxbox_id=box.id,
            fields={name: value for name, value in fields.items() if value},
            idempotency_key=self._key(mail, recipient),
        )

    def _key(self, mail: Mail, recipient: Recipient) -> str:
        # Without Message-ID and date, the same mail of another day may well be another mail.
        day = "" if mail.named else f"{self._now():%Y-%m-%d}"
        words = "\n".join((mail.identity, day, recipient.box.id, recipient.address.number))
        return f"mail:{hashlib.sha256(words.encode()).hexdigest()}"

    # --- the log ----------------------------------------------------------------------------

    def _refused(
        self,
        refusal: SmtpRefusal,
        envelope: Envelope,
        given: Sequence[tuple[str, Faxbox | None]],
        seen: Mapping[str, Any],
    ) -> None:
        """Count and write down; what floods is counted alone."""
        for to, box in given:
            self._on_mail("failed" if refusal.is_ours else "refused")
            _log.info("mail_refused", sender=envelope.sender, to=to, answer=refusal.answer)
            flood = self._known if box else self._unknown
            if not flood.admits(box.account_id if box else _NOBODY):
                continue
            entry = self._entry(envelope, to, box, seen)
            try:
                with self._database.write() as connection:
                    smtplog.insert_record(connection, self._now(), errors=[refusal.reason], **entry)
            except StoreError as error:
                _log.error("mail_not_logged", to=to, error=str(error))

    def _entry(
        self, envelope: Envelope, given: str, box: Faxbox | None, seen: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An entry of the log of mails, but for its errors and jobs."""
        client = envelope.client
        data: dict[str, Any] = {
            "session": envelope.session,
            "peer": client.peer,
            "tls": client.tls,
            "original_number": one_line(given.rpartition("@")[0], 100),
            "faxbox_domain": one_line(given.rpartition("@")[2], 255),
            **({"token_id": client.token.id} if client.token else {}),
            **({"size": envelope.size} if envelope.size else {}),
            **seen,
        }
        return {
            "from_address": one_line(envelope.sender, 320) or "<>",
            "to_address": one_line(given, 320),
            "account_id": box.account_id if box else None,
            "faxbox_id": box.id if box else None,
            "data": data,
        }


def _away(error: StoreError) -> SmtpRefusal:
    _log.error("mail_not_taken", error=str(error))
    if isinstance(error, StoreFull):
        return SmtpRefusal(452, "4.3.1", "there is no room for the mail: try later")
    return SmtpRefusal(451, "4.3.0", "the database cannot be used: try later")


def _described(mail: Mail, choice: PartSelection | None) -> dict[str, Any]:
    """What is written down of a mail."""
    faxed = {part.number for part in choice.documents} if choice else set()
    reasons = {part.number: why for part, why in choice.left_out} if choice else {}
    attachments = []
    for part in mail.parts:
        shown = {"name": part.name, "type": part.media_type, "size": part.size}
        if choice:
            shown["faxed"] = part.number in faxed
        if part.number in reasons:
            shown["why"] = reasons[part.number]
        attachments.append(shown)
    return {"subject": mail.subject, "message_id": mail.message_id, "attachments": attachments}
