"""Acceptance: checks recipients, turns mails into jobs, and logs both acceptance and refusal.

All of this blocks, and is called in threads beside the server's event loop:

    recipient ── address, faxbox, sender ────────────► Recipient, or a SmtpRefusal that was logged
    accept ───── parts; jobs and log in one commit ──► jobs, or a SmtpRefusal that was logged

A mail that is sent a second time (because the client did not receive the 250) is recognised by its
Message-ID, its body and its recipient: it makes no second fax.
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
from fsfax.mail.message import Mail, parse_mail
from fsfax.mail.part_selection import PartSelection, choose
from fsfax.mail.refusal import SmtpRefusal
from fsfax.runtime.clock import Clock, utc_now
from fsfax.runtime.rate_limit import RateLimiter
from fsfax.runtime.sanitize import one_line
from fsfax.settings import Settings

_log = get_logger(__name__)

_KNOWN_BURST, _KNOWN_RATE = 200, 1.0
_UNKNOWN_BURST, _UNKNOWN_RATE = 50, 0.1
"""Refused mails that are logged, at once and per second: for each account, and for all addresses
without a faxbox together. Anyone can send such mails, and must not be able to fill the database."""

_NO_ACCOUNT = ""

_EMPTY = b"\r\n"
"""A mail without even a header: the line break before the end of data (RFC 5321, 4.1.1.4)."""


@dataclass(frozen=True, slots=True)
class Client:
    """A connected client: its address, whether it uses TLS, and the token of its AUTH."""

    peer: str = ""
    tls: bool = False
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient that was accepted; ``given``: the address as the client wrote it."""

    given: str
    address: FaxAddress
    box: Faxbox


@dataclass(slots=True)
class Envelope:
    """A mail that is being received. ``size``: what the client declared, 0 = nothing."""

    client: Client
    sender: str
    session: str
    size: int = 0
    recipients: tuple[Recipient, ...] = ()


class Acceptance:
    """Accepts mails for the faxboxes of a database.

    Args:
        database: the faxboxes and jobs.
        settings: the service's.
        clock: for tests.
        on_mail: called for each recipient of each mail with ``accepted``, ``refused`` (5xx) or
            ``failed`` (4xx: fsfax itself cannot accept it now).
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
        self._jobs = JobStore(database, clock=clock)
        self._boxes = Faxboxes(database, clock=clock, domain=settings.smtp.domain)
        self._tokens = Tokens(database, clock=clock)
        self._known = RateLimiter(_KNOWN_RATE, _KNOWN_BURST)
        self._unknown = RateLimiter(_UNKNOWN_RATE, _UNKNOWN_BURST)

    # --- clients and recipients -------------------------------------------------------------

    def log_in(self, secret: str) -> Token:
        """Return the token that a client sent as its password.

        Raises:
            SmtpRefusal: 535, it is no token that may send faxes; 454, the database is unavailable.
        """
        try:
            token = self._tokens.check(secret)
        except TokenError as error:
            raise SmtpRefusal(535, "5.7.8", str(error)) from error
        except StoreError as error:
            _log.error("mail_not_authenticated", error=str(error))
            raise SmtpRefusal(
                454, "4.7.0", "the database cannot be used: try again later"
            ) from error
        if not token.scopes & {Scope.WRITE, Scope.ADMIN}:
            raise SmtpRefusal(535, "5.7.8", "the token may not send faxes")
        return token

    def recipient(self, envelope: Envelope, given: str) -> Recipient:
        """Return the recipient of an address, if this sender may fax to it.

        Raises:
            SmtpRefusal: 550 or 552, it may not; 451 or 452, the database is unavailable or full.
        """
        box: Faxbox | None = None
        try:
            try:
                # The faxbox first: an invalid number is logged for the faxbox's account.
                box = self._box(read_domains(given))
                address = read_recipient(given)
                self._require_allowed(envelope, box)
                self._require_size(envelope.size)
            except StoreError as error:
                raise _unavailable(error) from error
        except SmtpRefusal as refusal:
            self._record_refusal(refusal, envelope, [(given, box)], {})
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
            # A token that may send faxes over HTTP may send them by mail: no permission list.
            if token.account_id != box.account_id and Scope.ADMIN not in token.scopes:
                raise SmtpRefusal(550, "5.7.1", f"the login is not of the account of {box.name}")
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
        """Return the refusal of a mail of that size."""
        return SmtpRefusal(
            552,
            "5.3.4",
            f"Message too large: {size} bytes, at most {self._smtp.max_size} are accepted",
        )

    @staticmethod
    def no_space() -> SmtpRefusal:
        """Return the refusal of a mail that does not fit on the disk."""
        return SmtpRefusal(452, "4.3.1", "the disk is full: try again later")

    # --- mails ------------------------------------------------------------------------------

    def accept(self, envelope: Envelope, stream: BinaryIO, size: int) -> list[Job]:
        """Store a fax for each recipient and return them, in the order of the recipients.

        When this returns they are committed: answer 250.

        Raises:
            SmtpRefusal: 5xx, it cannot be faxed; 4xx, the client may send it again.
        """
        details: dict[str, Any] = {"size": size}
        try:
            try:
                return self._parse_and_store(envelope, stream, size, details)
            except StoreError as error:
                raise _unavailable(error) from error
            except OSError as error:
                _log.error("mail_not_stored", error=str(error))
                raise self.no_space() from error
        except SmtpRefusal as refusal:
            self.record_refusal(refusal, envelope, details)
            raise

    def record_refusal(
        self, refusal: SmtpRefusal, envelope: Envelope, details: Mapping[str, Any]
    ) -> None:
        """Log a mail that was refused after its recipients had been accepted."""
        given = [(each.given, each.box) for each in envelope.recipients]
        self._record_refusal(refusal, envelope, given, details)

    def _parse_and_store(
        self, envelope: Envelope, stream: BinaryIO, size: int, details: dict[str, Any]
    ) -> list[Job]:
        self._require_size(size)
        if size <= len(_EMPTY):
            raise SmtpRefusal(554, "5.6.0", "Message too small: it is empty")
        folder = Path(tempfile.mkdtemp(prefix="fsfax-mail-"))
        try:
            mail = parse_mail(stream, folder)
            details |= _described(mail, None)
            if why := auto_reply.objection(mail.header, automatic=self._smtp.allow_automatic):
                raise SmtpRefusal(554, "5.7.1", why)
            selection = choose(mail.parts, self._smtp.text, self._is_office)
            details |= _described(mail, selection)
            return self._store_jobs(envelope, mail, selection, details)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _is_office(self, head: bytes, name: str) -> bool:
        kind = office.kind_of(head, name)
        if kind is None:
            return False
        if not office.available(self._settings.document):
            raise SmtpRefusal(
                554,
                "5.6.1",
                f"{name or kind.shown}: Office documents are not accepted here: send PDF",
            )
        return True

    def _store_jobs(
        self, envelope: Envelope, mail: Mail, selection: PartSelection, details: Mapping[str, Any]
    ) -> list[Job]:
        files = [mail.file(part) for part in selection.documents]
        faxes = [self._fax(envelope, each, mail, files) for each in envelope.recipients]

        def in_transaction(connection: Connection, job_ids: Sequence[str]) -> None:
            for each, job_id in zip(envelope.recipients, job_ids, strict=True):
                entry = self._entry(envelope, each.given, each.box, details)
                smtplog.insert_record(connection, self._now(), job_ids=[job_id], **entry)

        try:
            jobs = self._jobs.accept_all(faxes, in_transaction=in_transaction)
        except (DocumentError, InvalidRequest) as error:
            # For example a caller id of the faxbox that cannot be dialled: the sender has to know.
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
        # Without Message-ID and date, an equal mail of another day may well be another mail.
        day = "" if mail.named else f"{self._now():%Y-%m-%d}"
        key = "\n".join((mail.identity, day, recipient.box.id, recipient.address.number))
        return f"mail:{hashlib.sha256(key.encode()).hexdigest()}"

    # --- the log ----------------------------------------------------------------------------

    def _record_refusal(
        self,
        refusal: SmtpRefusal,
        envelope: Envelope,
        given: Sequence[tuple[str, Faxbox | None]],
        details: Mapping[str, Any],
    ) -> None:
        """Count and log a refusal; beyond the rate limit it is counted alone."""
        for to, box in given:
            self._on_mail("failed" if refusal.is_temporary else "refused")
            _log.info("mail_refused", sender=envelope.sender, to=to, answer=refusal.answer)
            limiter = self._known if box else self._unknown
            if limiter.take(box.account_id if box else _NO_ACCOUNT):
                continue
            entry = self._entry(envelope, to, box, details)
            try:
                with self._database.write() as connection:
                    smtplog.insert_record(connection, self._now(), errors=[refusal.reason], **entry)
            except StoreError as error:
                _log.error("mail_not_logged", to=to, error=str(error))

    def _entry(
        self, envelope: Envelope, given: str, box: Faxbox | None, details: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return an entry of the SMTP log without its errors and jobs."""
        client = envelope.client
        data: dict[str, Any] = {
            "session": envelope.session,
            "peer": client.peer,
            "tls": client.tls,
            "original_number": one_line(given.rpartition("@")[0], 100),
            "faxbox_domain": one_line(given.rpartition("@")[2], 255),
            **({"token_id": client.token.id} if client.token else {}),
            **({"size": envelope.size} if envelope.size else {}),
            **details,
        }
        return {
            "from_address": one_line(envelope.sender, 320) or "<>",
            "to_address": one_line(given, 320),
            "account_id": box.account_id if box else None,
            "faxbox_id": box.id if box else None,
            "data": data,
        }


def _unavailable(error: StoreError) -> SmtpRefusal:
    _log.error("mail_not_accepted", error=str(error))
    if isinstance(error, StoreFull):
        return Acceptance.no_space()
    return SmtpRefusal(451, "4.3.0", "the database cannot be used: try again later")


def _described(mail: Mail, selection: PartSelection | None) -> dict[str, Any]:
    """Return what the SMTP log has of a mail's content."""
    faxed = {part.number for part in selection.documents} if selection else set()
    reasons = {part.number: why for part, why in selection.left_out} if selection else {}
    attachments = []
    for part in mail.parts:
        shown = {"name": part.name, "type": part.media_type, "size": part.size}
        if selection:
            shown["faxed"] = part.number in faxed
        if part.number in reasons:
            shown["why"] = reasons[part.number]
        attachments.append(shown)
    return {"subject": mail.subject, "message_id": mail.message_id, "attachments": attachments}
