"""A mail relay on loopback that stores its mails: aiosmtpd, in a thread of its own."""

from __future__ import annotations

import email
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.api.service import SOON

Answer = Callable[[str], str | None]


class _Controller(Controller):
    """A controller that listens on any free port."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


class Mailbox:
    """A relay; ``mails`` are those that it accepted.

    answer: returns the answer to a recipient, None for "250 OK"; at_data: that to a mail.
    slow: seconds that each mail takes.
    """

    def __init__(
        self,
        *,
        answer: Answer = lambda _: None,
        at_data: Answer = lambda _: None,
        slow: float = 0.0,
        tls: Any = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.sessions: set[int] = set()
        self.at_once = self.most_at_once = 0
        self._answer = answer
        self._at_data = at_data
        self._slow = slow
        self._changed = threading.Condition()
        options: dict[str, Any] = {}
        if tls:
            options |= {"tls_context": tls, "require_starttls": True}
        if login:
            options |= {"authenticator": self._check(login), "auth_required": True}
        self._controller = _Controller(self, hostname="127.0.0.1", port=0, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @staticmethod
    def _check(login: tuple[str, str]) -> Callable[..., AuthResult]:
        def check(
            _server: SMTP, _session: object, _envelope: object, _mechanism: str, data: Any
        ) -> AuthResult:
            given = isinstance(data, LoginPassword) and (data.login, data.password)
            good = given == tuple(word.encode() for word in login)
            return AuthResult(success=good, handled=False)

        return check

    # aiosmtpd calls these.

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if refusal := self._answer(address):
            return refusal
        self.sessions.add(id(session))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        import asyncio

        if refusal := self._at_data(envelope.rcpt_tos[0]):
            return refusal
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self._slow:
            await asyncio.sleep(self._slow)
        self.at_once -= 1
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        with self._changed:
            self.mails.append(mail)
            self.recipients += envelope.rcpt_tos
            self._changed.notify_all()
        return "250 accepted"

    def wait(self, count: int, timeout: float = SOON) -> list[EmailMessage]:
        """Wait until at least ``count`` mails were accepted; return them."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(self.mails) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(self.mails)} of {count} mails"
                self._changed.wait(left)
            return list(self.mails)


def parts(mail: EmailMessage) -> dict[str, Any]:
    """Return the parts of a mail: texts by type, attachments by name."""
    found: dict[str, Any] = {}
    for part in mail.walk():
        if part.is_multipart():
            continue
        found[part.get_filename() or part.get_content_type()] = part.get_content()  # type: ignore[attr-defined]
    return found
