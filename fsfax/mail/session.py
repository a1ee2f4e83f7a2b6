"""SMTP sessions: aiosmtpd's protocol, with the commands that accept mails replaced.

* A mail is written to a file while it is received, with 64 KiB of it in memory. Its end is CR LF
  ``.`` CR LF and nothing else: with a bare LF or CR before the dot, another server might see the
  end of one mail and the beginning of another (SMTP smuggling, CVE-2023-51764 and similar).
* The declared size is checked at RCPT, not at MAIL (RFC 1870 permits both): only then is it known
  which account's log the refusal belongs to.
* The database is used in threads; the event loop never blocks.
* Lines may be longer than RFC 5321 allows: that costs nothing here, and some programs write them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import tempfile
import uuid
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, syntax

from fsfax.db.records import Job
from fsfax.errors import FsfaxError
from fsfax.log import get_logger
from fsfax.mail.acceptance import Acceptance, Client, Envelope
from fsfax.mail.address import read_sender
from fsfax.mail.refusal import SmtpRefusal
from fsfax.settings import Settings

_log = get_logger(__name__)

T = TypeVar("T")

STOPPING = "421 4.3.2 the server is stopping: connect again"
_IDLE = "421 4.4.2 timeout: nothing was received for too long"
_INTERNAL_ERROR = "451 4.3.0 internal error: try again later"

_CHUNK = 64 * 1024
_END = b".\r\n"

_MOST = {"*": 20_000, "AUTH": 5, "VRFY": 20, "EXPN": 5, "HELP": 20, "STARTTLS": 2}
"""Commands of one session; a relay may send thousands of mails in one."""

_MOST_OVER = 2
"""A mail is read up to so many times the largest size, then its connection is closed."""

_COMMIT = 300.0
"""Seconds for parsing and storing a mail, in which the idle timeout closes no connection."""


class SessionContext(Protocol):
    """What a session needs of its server, `fsfax.mail.server.MailServer`."""

    settings: Settings
    hostname: str
    tls: ssl.SSLContext | None
    acceptance: Acceptance
    loop: asyncio.AbstractEventLoop
    stopping: bool

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that blocks, in a thread."""

    async def in_thread_within_budget(
        self, function: Callable[[], T], size: int, not_begun: Callable[[], object]
    ) -> T:
        """Run a function that needs memory for ``size`` bytes, when that much is free."""

    def session_ended(self, session: Session) -> None:
        """Remove a session whose connection was lost."""


class Hooks:
    """The handler that aiosmtpd calls for commands; ``smtp`` is the `Session`."""

    async def handle_EHLO(  # noqa: N802
        self, smtp: Session, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Return the answer to EHLO, with the largest size of a mail (RFC 1870)."""
        session.host_name = hostname
        responses.insert(1, f"250-SIZE {smtp.context.settings.smtp.max_size}")
        responses.insert(2, "250-PIPELINING")
        return responses

    async def handle_MAIL(  # noqa: N802
        self, smtp: Session, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Begin a mail; whether its sender may fax to a recipient is decided at RCPT."""
        if smtp.context.settings.smtp.require_auth and smtp.client.token is None:
            return "530 5.7.0 Authentication required: the password is a token of the API"
        try:
            sender = read_sender(address)
        except SmtpRefusal as refusal:
            return refusal.answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        sizes = [option[5:] for option in options if option.startswith("SIZE=")]
        size = int(sizes[0][:18]) if sizes else 0
        smtp.begin(sender, size)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, smtp: Session, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Accept or refuse a recipient."""
        if len(smtp.mail.recipients) >= smtp.context.settings.smtp.max_recipients:
            return "452 4.5.3 too many recipients in one mail: send it again to the others"
        answer = await smtp.add_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_VRFY(  # noqa: N802
        self, _smtp: Session, _session: Any, _envelope: Any, _address: str
    ) -> str:
        """Return an answer that does not reveal whether an address exists."""
        return "252 2.5.2 VRFY disabled by policy, just send some mail"

    async def handle_exception(self, error: Exception) -> str:
        """Return the answer to an error of fsfax itself; its details are only logged."""
        _log.error("mail_session_failed", error=f"{type(error).__name__}: {error}")
        return _INTERNAL_ERROR


class Session(SMTP):
    """The session of one client.

    ``busy``: a mail is being received or stored. ``client``: address and login.
    ``mail``: sender and recipients of the mail that has begun.

    Args:
        context: settings, database and threads of the server.
    """

    def __init__(self, context: SessionContext) -> None:
        self.context = context
        self.id = uuid.uuid4().hex
        self.busy = False
        self.client = Client()
        self.mail = Envelope(self.client, "", self.id)
        smtp = context.settings.smtp
        super().__init__(
            Hooks(),
            data_size_limit=None,  # checked at RCPT and in DATA
            enable_SMTPUTF8=True,
            hostname=context.hostname,
            ident="fsfax email to fax",
            tls_context=context.tls,
            require_starttls=smtp.require_tls,
            timeout=smtp.idle_timeout,
            command_call_limit=dict(_MOST),
            loop=context.loop,
        )

    # --- connections ------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin a session; after STARTTLS a new one (RFC 3207, 4.2)."""
        peer = (transport.get_extra_info("peername") or ("",))[0]
        tls = transport.get_extra_info("sslcontext") is not None
        self.client = Client(str(peer), tls)
        self.mail = Envelope(self.client, "", self.id)
        # AUTH without TLS is offered to clients on this machine alone.
        self._auth_require_tls = not _is_loopback(str(peer))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the session."""
        self.context.session_ended(self)
        super().connection_lost(error)

    def _timeout_cb(self) -> None:
        self.close_with(_IDLE)

    def close_with(self, answer: str) -> None:
        """Send an answer and close the connection."""
        # After STARTTLS a transport that was closed has nothing left to write to.
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(f"{answer}\r\n".encode())
            self.transport.close()

    # --- commands ---------------------------------------------------------------------------

    def begin(self, sender: str, size: int) -> None:
        """Begin a mail; ``size`` is what the client declares, 0 = nothing."""
        self.mail = Envelope(self.client, sender, self.id, size)

    async def add_recipient(self, address: str) -> str:
        """Add a recipient to the mail, or refuse it; return the answer."""
        mail, context = self.mail, self.context
        try:
            found = await context.in_thread(context.acceptance.recipient, mail, address)
        except SmtpRefusal as refusal:
            return refusal.answer
        mail.recipients = (*mail.recipients, found)
        return "250 2.1.5 Ok"

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()  # type: ignore[no-untyped-call]
        self.mail = Envelope(self.client, "", self.id)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Receive a mail and accept or refuse it."""
        if await self.check_helo_needed():
            return
        if not self.mail.recipients:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        self.busy = True
        try:
            await self._data(self.mail)
        finally:
            self.busy = False
            self._set_post_data_state()
            if self.transport is not None:
                self._reset_timeout()
        if self.context.stopping:
            self.close_with(STOPPING)

    async def _data(self, mail: Envelope) -> None:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        smtp = self.context.settings.smtp
        # Unbuffered: a full disk is noticed when a chunk is written, not when the file is closed.
        # `_accept` closes it.
        stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        try:
            async with asyncio.timeout(smtp.body_timeout):
                size, problem = await self._read_mail(stream)
        except TimeoutError:
            stream.close()
            self.close_with(f"421 4.4.2 timeout: more than {smtp.body_timeout:.0f} s for a mail")
            return
        except BaseException:
            stream.close()
            raise
        self._reset_timeout(_COMMIT)
        answer = await self._accept(mail, stream, size, problem)
        if size > _MOST_OVER * smtp.max_size:
            self.close_with(answer)  # the rest of the mail was not read
        else:
            await self.push(answer)

    async def _read_mail(self, stream: BinaryIO) -> tuple[int, Exception | None]:
        """Write a mail to a file; return its size and the error of the file, if there was one.

        A mail that is too large, or does not fit on the disk, is read to its end, up to
        `_MOST_OVER` times the largest size: clients read no answer before that.
        """
        most = self.context.settings.smtp.max_size
        size, since_reset, problem = 0, 0, None
        chunk = bytearray()
        at_line_start = True
        while True:
            try:
                line: bytes = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                line = await self._reader.read(error.consumed)
            if at_line_start:
                if line == _END:
                    break
                if line.startswith(b"."):
                    line = line[1:]  # dot-stuffing, RFC 5321 4.5.2
            at_line_start = line.endswith(b"\r\n")
            size += len(line)
            since_reset += len(line)
            if since_reset >= _CHUNK:
                since_reset = 0
                self._reset_timeout()
            if size > most or problem:
                if size > _MOST_OVER * most:
                    break
                continue
            chunk += line
            if len(chunk) >= _CHUNK:
                problem = _write(stream, chunk)
                chunk.clear()
        if size <= most and not problem:
            problem = _write(stream, chunk)
        return size, problem

    async def _accept(
        self, mail: Envelope, stream: BinaryIO, size: int, problem: Exception | None
    ) -> str:
        """Accept or refuse a mail; return the answer. The file is closed in any case."""
        acceptance = self.context.acceptance

        def work() -> list[Job]:
            with stream:
                if problem:
                    refusal = acceptance.no_space()
                elif size > self.context.settings.smtp.max_size:
                    refusal = acceptance.too_large(size)
                else:
                    stream.seek(0)
                    return acceptance.accept(mail, stream, size)
                acceptance.record_refusal(refusal, mail, {"size": size})
                raise refusal

        try:
            jobs = await self.context.in_thread_within_budget(work, size, stream.close)
        except SmtpRefusal as refusal:
            return refusal.answer
        except FsfaxError as error:
            _log.error("mail_not_accepted", error=str(error))
            return _INTERNAL_ERROR
        return _accepted(jobs)

    # --- AUTH -------------------------------------------------------------------------------

    def _authenticate(self, mechanism: str, auth_data: LoginPassword) -> AuthResult:  # noqa: ARG002
        # aiosmtpd would decide here, in the event loop. The credentials are returned instead, and
        # `_log_in` checks them in a thread.
        return AuthResult(success=False, handled=False, auth_data=auth_data)

    async def auth_PLAIN(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Log in (RFC 4616): the password is a token, the user name is ignored."""
        return await self._log_in(await super().auth_PLAIN(server, args))

    async def auth_LOGIN(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Log in, as Outlook does."""
        return await self._log_in(await super().auth_LOGIN(server, args))

    async def _log_in(self, read: AuthResult) -> AuthResult:
        if not isinstance(read.auth_data, LoginPassword):
            return read
        secret = read.auth_data.password.decode(errors="surrogateescape")
        try:
            token = await self.context.in_thread(self.context.acceptance.log_in, secret)
        except SmtpRefusal as refusal:
            return AuthResult(success=False, handled=False, message=refusal.answer)
        self.client = Client(self.client.peer, self.client.tls, token)
        self._set_post_data_state()
        return AuthResult(success=True)


class RejectedConnection(asyncio.Protocol):
    """A connection beyond ``smtp.sessions``: it is answered with 421 and closed."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        """Send the answer and close the connection."""
        transport.write(f"{self._answer}\r\n".encode())
        transport.close()


def _write(stream: BinaryIO, chunk: bytes | bytearray) -> OSError | None:
    """Write a chunk to an unbuffered file; return the error if that fails."""
    written = 0
    try:
        while written < len(chunk):
            written += stream.write(chunk[written:])
    except OSError as error:
        _log.error("mail_not_stored", error=str(error))
        return error
    return None


def _accepted(jobs: Sequence[Job]) -> str:
    """Return one line per fax: several ids do not fit into one line (RFC 5321, 4.5.3.1.5)."""
    lines = [f"2.0.0 accepted as {job.id} to {job.to_number}" for job in jobs]
    last = lines.pop()
    return "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}"


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
