"""Sessions: one client's conversation, by aiosmtpd, with what it leaves to us.

* A mail goes to a file while it comes in, 64 KiB of it in memory. Its end is CR LF ``.`` CR LF and
  nothing else: with a bare LF or CR before the dot, another server might see the end of one mail
  and the beginning of another (SMTP smuggling, CVE-2023-51764 and its sisters).
* Its size is judged at RCPT, not at MAIL (RFC 1870 leaves both open): only then it is known whose
  log the refusal belongs into.
* The database is asked in threads; the event loop never waits.
* Lines may be longer than RFC 5321 has them: it costs nothing here, and programs write them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, syntax

from fsfax.db.records import Job
from fsfax.errors import FsfaxError
from fsfax.log import get_logger
from fsfax.mail.acceptance import Client, Envelope
from fsfax.mail.address import read_sender
from fsfax.mail.refusal import SmtpRefusal

if TYPE_CHECKING:
    from fsfax.mail.server import MailServer

_log = get_logger(__name__)

_PIECE = 64 * 1024
_END = b".\r\n"

_MOST = {"*": 20_000, "AUTH": 5, "VRFY": 20, "EXPN": 5, "HELP": 20, "STARTTLS": 2}
"""Commands of one session; a relay may send thousands of mails in one."""

_MOST_OVER = 2
"""Times the largest size after which a mail that does not end is cut off."""

_COMMIT = 300.0
"""Seconds in which a mail that has come in is worked on; nobody is cut off meanwhile."""


class Hooks:
    """What aiosmtpd asks for; the answers are those of the session's house."""

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greet, and say how large a mail may be."""
        session.host_name = hostname
        responses.insert(1, f"250-SIZE {server.house.settings.smtp.max_size}")
        responses.insert(2, "250-PIPELINING")
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Begin a mail; whether its sender may send it is said at RCPT."""
        smtp = server.house.settings.smtp
        if smtp.require_auth and server.client.token is None:
            return "530 5.7.0 Authentication required: the password is a token of the API"
        try:
            sender = read_sender(address)
        except SmtpRefusal as refusal:
            return refusal.answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        sizes = [option[5:] for option in options if option.startswith("SIZE=")]
        size = int(sizes[0][:18]) if sizes else 0
        server.begin(sender, size)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or say why not."""
        if len(server.mail.recipients) >= server.house.settings.smtp.max_recipients:
            return "452 4.5.3 too many recipients in one mail: send it again to the others"
        answer: str = await server.add_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_VRFY(  # noqa: N802
        self, _server: Any, _session: Any, _envelope: Any, _address: str
    ) -> str:
        """Tell nobody who is here."""
        return "252 2.5.2 VRFY disabled by policy, just send some mail"

    async def handle_exception(self, error: Exception) -> str:
        """Answer to a fault of our own; its particulars go to the log alone."""
        _log.error("mail_session_failed", error=f"{type(error).__name__}: {error}")
        return "451 4.3.0 internal error: try later"


class Session(SMTP):
    """One client.

    Args:
        house: the server: what it works with, and what it knows of all sessions.
    """

    def __init__(self, house: MailServer) -> None:
        self.house = house
        self.id = uuid.uuid4().hex
        self.busy = False
        self.client = Client()
        self.mail = Envelope(self.client, "", self.id)
        smtp = house.settings.smtp
        super().__init__(
            Hooks(),
            data_size_limit=None,  # judged at RCPT and in DATA
            enable_SMTPUTF8=True,
            hostname=house.hostname,
            ident="fsfax email to fax",
            tls_context=house.tls,
            require_starttls=smtp.require_tls,
            timeout=smtp.idle_timeout,
            command_call_limit=dict(_MOST),
            loop=house.loop,
        )

    # --- connections ------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin, also anew behind STARTTLS (RFC 3207, 4.2)."""
        peer = (transport.get_extra_info("peername") or ("",))[0]
        tls = transport.get_extra_info("sslcontext") is not None
        self.client = Client(str(peer), tls)
        self.mail = Envelope(self.client, "", self.id)
        # A secret in the clear stays within this machine, or it is not asked for.
        self._auth_require_tls = not _is_loopback(str(peer))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self.house.sessions.discard(self)
        super().connection_lost(error)

    def _timeout_cb(self) -> None:
        self.say_goodbye("421 4.4.2 timeout: nothing came for too long")

    def say_goodbye(self, answer: str) -> None:
        """Close the connection with a word."""
        # Behind STARTTLS, a transport that was closed has nothing left to write to.
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(f"{answer}\r\n".encode())
            self.transport.close()

    # --- commands ---------------------------------------------------------------------------

    def begin(self, sender: str, size: int) -> None:
        """Begin a mail."""
        self.mail = Envelope(self.client, sender, self.id, size)

    async def add_recipient(self, address: str) -> str:
        """Take a recipient; return the answer."""
        mail = self.mail
        try:
            found = await self.house.in_thread(self.house.acceptance.recipient, mail, address)
        except SmtpRefusal as refusal:
            return refusal.answer
        mail.recipients = (*mail.recipients, found)
        return "250 2.1.5 Ok"

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()  # type: ignore[no-untyped-call]
        self.mail = Envelope(self.client, "", self.id)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Take a mail in, and on."""
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
        if self.house.stopping:
            self.say_goodbye("421 4.3.2 the server stops: come again")

    async def _data(self, mail: Envelope) -> None:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        smtp = self.house.settings.smtp
        # Without a buffer: what does not fit on the disk is known at once, not when it is closed.
        # It is closed by whoever takes it over.
        stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        try:
            async with asyncio.timeout(smtp.body_timeout):
                size, problem = await self._read_mail(stream)
        except TimeoutError:
            stream.close()
            self.say_goodbye(f"421 4.4.2 timeout: more than {smtp.body_timeout:.0f} s for a mail")
            return
        except BaseException:
            stream.close()
            raise
        self._reset_timeout(_COMMIT)
        answer = await self._taken(mail, stream, size, problem)
        if size > _MOST_OVER * smtp.max_size:
            self.say_goodbye(answer)  # its end has not come
        else:
            await self.push(answer)

    async def _read_mail(self, stream: BinaryIO) -> tuple[int, Exception | None]:
        """Write what comes to a file, up to the end of the mail; return its size.

        What is too large, or finds no room, is read all the same, though not for ever: an answer
        before its end would not be read.
        """
        most = self.house.settings.smtp.max_size
        size, unmarked, problem = 0, 0, None
        piece = bytearray()
        begins = True  # a line, that is
        while True:
            try:
                line: bytes = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                line = await self._reader.read(error.consumed)
            if begins:
                if line == _END:
                    break
                if line.startswith(b"."):
                    line = line[1:]  # dot-stuffing, RFC 5321 4.5.2
            begins = line.endswith(b"\r\n")
            size += len(line)
            unmarked += len(line)
            if unmarked >= _PIECE:
                unmarked = 0
                self._reset_timeout()
            if size > most or problem:
                if size > _MOST_OVER * most:
                    break
                continue
            piece += line
            if len(piece) >= _PIECE:
                problem = _written(stream, piece)
                piece.clear()
        if size <= most and not problem:
            problem = _written(stream, piece)
        return size, problem

    async def _taken(
        self, mail: Envelope, stream: BinaryIO, size: int, problem: Exception | None
    ) -> str:
        """Take a mail on; return the answer. The file is closed in any case."""
        acceptance = self.house.acceptance

        def work() -> list[Job]:
            with stream:
                seen = {"size": size}
                if problem:
                    refusal = SmtpRefusal(452, "4.3.1", "there is no room for the mail: try later")
                elif size > self.house.settings.smtp.max_size:
                    refusal = acceptance.too_large(size)
                else:
                    stream.seek(0)
                    return acceptance.take(mail, stream, size)
                acceptance.refused(refusal, mail, seen)
                raise refusal

        try:
            jobs = await self.house.in_turn(work, size, stream.close)
        except SmtpRefusal as refusal:
            return refusal.answer
        except FsfaxError as error:
            _log.error("mail_not_taken", error=str(error))
            return "451 4.3.0 internal error: try later"
        return _accepted(jobs)

    # --- AUTH -------------------------------------------------------------------------------

    def _authenticate(self, mechanism: str, auth_data: LoginPassword) -> AuthResult:  # noqa: ARG002
        # aiosmtpd would decide here, in the event loop: what it has read is carried out instead.
        return AuthResult(success=False, handled=False, auth_data=auth_data)

    async def auth_PLAIN(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Log in (RFC 4616): the password is a token, the name is anybody's."""
        return await self._log_in(await super().auth_PLAIN(server, args))

    async def auth_LOGIN(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Log in, as Outlook does."""
        return await self._log_in(await super().auth_LOGIN(server, args))

    async def _log_in(self, read: AuthResult) -> AuthResult:
        if not isinstance(read.auth_data, LoginPassword):
            return read
        secret = read.auth_data.password.decode(errors="surrogateescape")
        try:
            token = await self.house.in_thread(self.house.acceptance.log_in, secret)
        except SmtpRefusal as refusal:
            return AuthResult(success=False, handled=False, message=refusal.answer)
        self.client = Client(self.client.peer, self.client.tls, token)
        self._set_post_data_state()
        return AuthResult(success=True)


class RejectedConnection(asyncio.Protocol):
    """A client too many."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        """Send it away."""
        transport.write(f"{self._answer}\r\n".encode())
        transport.close()


def _written(stream: BinaryIO, piece: bytes | bytearray) -> OSError | None:
    written = 0
    try:
        while written < len(piece):
            written += stream.write(piece[written:])
    except OSError as error:
        _log.error("mail_not_stored", error=str(error))
        return error
    return None


def _accepted(jobs: Sequence[Job]) -> str:
    """One line for each fax: several ids would not fit into one (RFC 5321, 4.5.3.1.5)."""
    lines = [f"2.0.0 accepted as {job.id} to {job.to_number}" for job in jobs]
    last = lines.pop()
    return "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}"


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
