"""The server: an event loop in a real thread, sessions in it, the database in threads beside it.

Memory is bounded: a session holds 64 KiB of a mail; being taken apart, a mail costs about five
times its size, and at most as many bytes of mails as one may have are taken apart at once
(`ByteBudget`). So the most is about six times ``smtp.max_size``, whatever comes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from fsfax.db.database import Database
from fsfax.errors import ConfigurationError
from fsfax.log import get_logger
from fsfax.mail.acceptance import Acceptance
from fsfax.mail.session import RejectedConnection, Session
from fsfax.settings import Settings
from fsfax.settings.smtp import SmtpSettings

_log = get_logger(__name__)

T = TypeVar("T")

_BACKLOG = 256
_LOOK = 0.02
_CONNECTIONS = 2
"""Connections to the database beyond one a thread: none waits for another one's end."""


class ByteBudget:
    """So many bytes at once; one that is larger than all goes alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._line = asyncio.Lock()
        self._changed = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Wait until there is room."""
        # The first one in the line waits for room; small ones do not pass by a large one for ever.
        async with self._line, self._changed:
            await self._changed.wait_for(lambda: not self._used or self._used + size <= self._most)
            self._used += size

    async def give(self, size: int) -> None:
        """Make room."""
        async with self._changed:
            self._used -= size
            self._changed.notify_all()


class MailServer:
    """Takes mails until it is stopped.

    Args:
        settings: the service's; the section is ``smtp``.
        counted: see `Acceptance`.

    Raises:
        ConfigurationError: the address cannot be listened on, or the certificate cannot be used.
    """

    def __init__(
        self, settings: Settings, *, on_mail: Callable[[str], None] = lambda _: None
    ) -> None:
        smtp = settings.smtp
        self.settings = settings
        self.hostname = smtp.hostname or socket.getfqdn()
        self.tls = _tls(smtp) if smtp.certificate else None
        self._listener = _listen(smtp.host, smtp.port)
        self.port: int = self._listener.getsockname()[1]
        self.sessions: set[Session] = set()
        self.stopping = False
        url = settings.database.get_secret_value()
        self._database = Database(url, connections=smtp.threads + _CONNECTIONS)
        self.acceptance = Acceptance(self._database, settings, on_mail=on_mail)
        self._threads = ThreadPoolExecutor(smtp.threads, thread_name_prefix="fsfax-mail")
        self.loop = asyncio.new_event_loop()
        self._turns = ByteBudget(smtp.max_size)
        self._over = asyncio.Event()
        self._drain = smtp.drain
        self._thread = threading.Thread(target=self._run, name="fsfax-smtp", daemon=True)
        library = logging.getLogger("mail.log")
        if library.level == logging.NOTSET:
            library.setLevel(logging.CRITICAL)  # aiosmtpd tells of every client's every fault

    @property
    def address(self) -> str:
        """Where it listens: ``host:port``."""
        host = self.settings.smtp.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def start(self) -> None:
        """Begin to take mails."""
        self._thread.start()

    def hurry(self) -> None:
        """Let a stop that is under way wait no longer."""
        self._drain = 0.0

    def stop(self) -> None:
        """Take no new mail, let those on their way come in, and end. From any thread."""
        self.stopping = True
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        else:
            self._listener.close()
        # What is being committed is committed to its end.
        self._threads.shutdown(wait=True)
        self._database.close()

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that blocks."""
        return await self.loop.run_in_executor(self._threads, function, *args)

    async def in_turn(
        self, function: Callable[[], T], size: int, otherwise: Callable[[], object]
    ) -> T:
        """Run a function that needs much memory for so many bytes, when there is room for it.

        It goes on to its end even where the client goes away; ``otherwise`` is called where that
        happens before it began.
        """
        try:
            await self._turns.take(size)
        except asyncio.CancelledError:
            otherwise()
            raise
        running = self.loop.run_in_executor(self._threads, function)
        given: list[asyncio.Task[None]] = []
        running.add_done_callback(
            lambda _: given.append(self.loop.create_task(self._turns.give(size)))
        )
        return await asyncio.shield(running)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        server = await self.loop.create_server(self._client, sock=self._listener, backlog=_BACKLOG)
        await self._over.wait()
        server.close()
        for session in list(self.sessions):
            if not session.busy:
                session.say_goodbye("421 4.3.2 the server stops: come again")
        begun = self.loop.time()
        while any(each.busy for each in self.sessions):
            if self.loop.time() - begun > self._drain:
                break
            await asyncio.sleep(_LOOK)
        for session in list(self.sessions):
            session.say_goodbye("421 4.3.2 the server stops: come again")
        await asyncio.sleep(0)

    def _client(self) -> asyncio.Protocol:
        if len(self.sessions) >= self.settings.smtp.sessions:
            _log.warning("mail_too_many_sessions", sessions=len(self.sessions))
            return RejectedConnection(f"421 {self.hostname} is too busy to accept mail right now")
        session = Session(self)
        # At once: several may come before the first one is told that it is connected.
        self.sessions.add(session)
        return session


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; see smtp.host and smtp.port"
        ) from error
    return listener


def _tls(settings: SmtpSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(str(settings.certificate), settings.key and str(settings.key))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate {settings.certificate} or its key cannot be used: {error}"
        ) from error
    return context
