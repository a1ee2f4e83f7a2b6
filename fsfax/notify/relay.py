"""The way to the mail relay: a few connections that are kept for the next mail.

`Relay.send` blocks its thread, which has to be a real one where gevent has not patched sockets.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress

from fsfax.errors import ConfigurationError
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.runtime.sanitize import one_line
from fsfax.settings.notify import RelaySettings

_IDLE = 10.0
"""Seconds after which a connection is not used again: relays close those that say nothing."""

_MAILS = 100
"""Mails over one connection; relays have a limit, too."""

_OK = 250
_PERMANENT = 500
_SAID = 200


class _Connection:
    def __init__(self, smtp: smtplib.SMTP) -> None:
        self.smtp = smtp
        self.mails = 0
        self.used = time.monotonic()

    @property
    def is_good(self) -> bool:
        return self.mails < _MAILS and time.monotonic() - self.used < _IDLE

    def close(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self.smtp.quit()
        self.smtp.close()

    def break_off(self) -> None:
        """End it under the hands of the thread that uses it."""
        sock = self.smtp.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Relay:
    """A mail relay; any number of threads may send at once, each over a connection of its own."""

    def __init__(self, settings: RelaySettings) -> None:
        self.settings = settings
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def send(self, recipient: str, mail: bytes) -> Result:
        """Hand a mail over for one recipient.

        A recipient or a mail that the relay refuses for good (5xx) is never taken. Trouble with
        the relay itself, its TLS, our password or our own address is not the mail's fault: that
        is mended some day, and the mail is tried again.
        """
        if not self.settings.host:
            return Rejected("there is no mail relay: set notify.relay.host, then repeat this")
        try:
            connection = self._take()
        except (OSError, smtplib.SMTPException, ConfigurationError) as error:
            return RetryLater(f"no connection to the mail relay: {_words(error)}")
        taken = False
        try:
            connection.smtp.sendmail(self.settings.sender, [recipient], mail)
            taken = True
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(*error.recipients[recipient])
        except smtplib.SMTPSenderRefused as error:
            return RetryLater(f"the relay refuses {self.settings.sender}: {_words(error)}")
        except smtplib.SMTPDataError as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return RetryLater(f"the mail relay: {_words(error)}")
        finally:
            # After a refusal a new one is made: an answer that came late, or in two, would be
            # taken for the answer about somebody else's mail.
            self._give_back(connection, keep=taken)
        return Delivered()

    def greet(self) -> str:
        """Connect, log in, and return what the relay calls itself; for a check.

        Raises:
            OSError, smtplib.SMTPException, ConfigurationError: that cannot be done.
        """
        connection = self._connect()
        try:
            connection.smtp.noop()
            return one_line((connection.smtp.ehlo_resp or b"").split(b"\n")[0].decode("latin-1"))
        finally:
            connection.close()

    def close(self) -> None:
        """Close what is idle, and break off what is under way."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                connection.break_off()
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection:
        while (connection := self._idle_one()) is not None:
            with suppress(OSError, smtplib.SMTPException):
                # It may have been closed over there, which only asking shows.
                if connection.is_good and connection.smtp.noop()[0] == _OK:
                    break
            connection.close()
        connection = connection or self._connect()
        with self._lock:
            self._busy.add(connection)
        return connection

    def _idle_one(self) -> _Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: _Connection, *, keep: bool) -> None:
        connection.mails += 1
        connection.used = time.monotonic()
        with self._lock:
            self._busy.discard(connection)
            if keep and not self._closed and connection.is_good:
                self._idle.append(connection)
                return
        if keep:
            connection.close()
        else:
            connection.smtp.close()  # not politely: whoever is silent would be waited for again

    def _connect(self) -> _Connection:
        settings = self.settings
        smtp: smtplib.SMTP
        if settings.tls == "tls":
            smtp = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout, context=self._context()
            )
        else:
            smtp = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
        try:
            if settings.tls == "starttls":
                smtp.starttls(context=self._context())
            if settings.username:
                smtp.login(settings.username, settings.password.get_secret_value())
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return _Connection(smtp)

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.settings.ca_file)
        except OSError as error:
            raise ConfigurationError(
                f"notify.relay.ca_file {self.settings.ca_file} cannot be read as PEM"
                f" certificates: {error.strerror}"
            ) from error


def _refused(code: int, said: bytes | str) -> Result:
    problem = one_line(f"{code} {_text(said)}", _SAID)
    return Rejected(problem) if code >= _PERMANENT else RetryLater(problem)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return one_line(f"{error.smtp_code} {_text(error.smtp_error)}", _SAID)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({one_line(error.verify_message)})"
    return one_line(error, _SAID) or type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
