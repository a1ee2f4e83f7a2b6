"""The SMTP server: an event loop in a real thread, sessions in it, the database in other threads.

Memory is bounded: a session holds 64 KiB of a mail. A mail that is parsed costs about five times
its size, and the mails that are parsed at once have at most ``smtp.max_size`` bytes together
(`ByteBudget`). So the most is about six times ``smtp.max_size``, whatever is sent.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from fsfax.db.database import Database
from fsfax.log import get_logger
from fsfax.mail.acceptance import Acceptance
from fsfax.mail.session import STOPPING, RejectedConnection, Session
from fsfax.runtime.sockets import listening_socket, server_tls, url_host
from fsfax.settings import Settings

_log = get_logger(__name__)

T = TypeVar("T")

_BACKLOG = 256
_DRAIN_INTERVAL = 0.02
"""Seconds between two checks whether a session is still busy, when the server stops."""

_CONNECTIONS = 2
"""Connections to the database beyond one per thread, so that no thread waits for one."""


class ByteBudget:
    """At most so many bytes in use at once; a request for more than all of them waits for all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._queue = asyncio.Lock()
        self._changed = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Wait until ``size`` bytes are free, and use them."""
        # In order of arrival: otherwise small requests could delay a large one for ever.
        async with self._queue, self._changed:
            await self._changed.wait_for(lambda: not self._used or self._used + size <= self._most)
            self._used += size

    async def give(self, size: int) -> None:
        """Return ``size`` bytes."""
        async with self._changed:
            self._used -= size
            self._changed.notify_all()


class MailServer:
    """Accepts mails over SMTP until it is stopped.

    Args:
        settings: the service's; the section is ``smtp``.
        on_mail: called with ``accepted``, ``refused`` or ``failed`` for each recipient of a mail,
            see `fsfax.mail.acceptance.Acceptance`.

    Raises:
        ConfigurationError: the address cannot be listened on, or the certificate cannot be used.
    """

    def __init__(
        self, settings: Settings, *, on_mail: Callable[[str], None] = lambda _: None
    ) -> None:
        smtp = settings.smtp
        self.settings = settings
        self.hostname = smtp.hostname or socket.getfqdn()
        self.tls = server_tls(smtp.certificate, smtp.key) if smtp.certificate else None
        self._listener = listening_socket(smtp.host, smtp.port, section="smtp")
        self.port: int = self._listener.getsockname()[1]
        self.stopping = False
        self.sessions: set[Session] = set()
        url = settings.database.get_secret_value()
        self._database = Database(url, connections=smtp.threads + _CONNECTIONS)
        self.acceptance = Acceptance(self._database, settings, on_mail=on_mail)
        self._threads = ThreadPoolExecutor(smtp.threads, thread_name_prefix="fsfax-mail")
        self.loop = asyncio.new_event_loop()
        self._budget = ByteBudget(smtp.max_size)
        self._stop_requested = asyncio.Event()
        self._drain = smtp.drain
        self._thread = threading.Thread(target=self._run, name="fsfax-smtp", daemon=True)
        library = logging.getLogger("mail.log")
        if library.level == logging.NOTSET:
            library.setLevel(logging.CRITICAL)  # aiosmtpd logs every mistake of every client

    @property
    def address(self) -> str:
        """The address that it listens on: ``host:port``."""
        return f"{url_host(self.settings.smtp.host)}:{self.port}"

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def drain_now(self) -> None:
        """Make a `stop` that is under way wait no longer for mails in transfer."""
        self._drain = 0.0

    def stop(self) -> None:
        """Accept no new mail, wait ``smtp.drain`` seconds for those in transfer, and close.

        From any thread. A mail that is being committed is committed.
        """
        self.stopping = True
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self._stop_requested.set)
            self._thread.join()
        else:
            self._listener.close()
        self._threads.shutdown(wait=True)
        self._database.close()

    # --- for sessions: `fsfax.mail.session.SessionContext` ------------------------------------

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that blocks, in a thread."""
        return await self.loop.run_in_executor(self._threads, function, *args)

    async def in_thread_within_budget(
        self, function: Callable[[], T], size: int, not_begun: Callable[[], object]
    ) -> T:
        """Run a function that needs memory for ``size`` bytes, when that much is free.

        It runs to its end even if the client disconnects; ``not_begun`` is called if the client
        disconnects before it began.
        """
        try:
            await self._budget.take(size)
        except asyncio.CancelledError:
            not_begun()
            raise
        running = self.loop.run_in_executor(self._threads, function)
        given: list[asyncio.Task[None]] = []
        running.add_done_callback(
            lambda _: given.append(self.loop.create_task(self._budget.give(size)))
        )
        return await asyncio.shield(running)

    def session_ended(self, session: Session) -> None:
        """Remove a session whose connection was lost."""
        self.sessions.discard(session)

    # --- the event loop -----------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        server = await self.loop.create_server(
            self._new_session, sock=self._listener, backlog=_BACKLOG
        )
        await self._stop_requested.wait()
        server.close()
        for session in list(self.sessions):
            if not session.busy:
                session.close_with(STOPPING)
        begun = self.loop.time()
        while any(each.busy for each in self.sessions):
            if self.loop.time() - begun > self._drain:
                break
            await asyncio.sleep(_DRAIN_INTERVAL)
        for session in list(self.sessions):
            session.close_with(STOPPING)
        await asyncio.sleep(0)

    def _new_session(self) -> asyncio.Protocol:
        if len(self.sessions) >= self.settings.smtp.sessions:
            _log.warning("mail_too_many_sessions", sessions=len(self.sessions))
            return RejectedConnection(f"421 {self.hostname} is too busy to accept mail right now")
        session = Session(self)
        # Counted here: several connections may be accepted before `connection_made` of the first.
        self.sessions.add(session)
        return session
