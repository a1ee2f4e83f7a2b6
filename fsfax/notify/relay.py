"""Sends mails to the mail relay, over connections that are reused.

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
"""Seconds after which an idle connection is not used again: relays close them."""

_MAILS = 100
"""Mails over one connection; relays have a limit."""

NO_RELAY = Rejected(
    "there is no mail relay: set notify.relay.host, then `fsfax notifications repeat --dead`"
)

_OK = 250
_PERMANENT = 500
_MAX_REASON = 200


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
        """Shut the connection down while another thread uses it."""
        sock = self.smtp.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Relay:
    """A mail relay; threads may send at once, each over a connection of its own."""

    def __init__(self, settings: RelaySettings) -> None:
        self.settings = settings
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def send(self, recipient: str, mail: bytes) -> Result:
        """Send a mail to one recipient.

        A recipient or a mail that the relay refuses permanently (5xx) is rejected. Errors of the
        connection, TLS, the login or the sender's address concern the settings, not the mail: it
        is tried again later.
        """
        if not self.settings.host:
            return NO_RELAY
        try:
            connection = self._acquire()
        except (OSError, smtplib.SMTPException, ConfigurationError) as error:
            return RetryLater(f"no connection to the mail relay: {_reason(error)}")
        sent = False
        try:
            connection.smtp.sendmail(self.settings.sender, [recipient], mail)
            sent = True
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(*error.recipients[recipient])
        except smtplib.SMTPSenderRefused as error:
            return RetryLater(f"the relay refuses {self.settings.sender}: {_reason(error)}")
        except smtplib.SMTPDataError as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return RetryLater(f"the mail relay: {_reason(error)}")
        finally:
            # Not reused after a refusal: a late or second answer would be read as the answer to
            # the next mail.
            self._return(connection, reuse=sent)
        return Delivered()

    def greet(self) -> str:
        """Connect, log in, and return the relay's name from its EHLO answer; for a check.

        Raises:
            OSError, smtplib.SMTPException, ConfigurationError: it fails.
        """
        connection = self._connect()
        try:
            connection.smtp.noop()
            return one_line((connection.smtp.ehlo_resp or b"").split(b"\n")[0].decode("latin-1"))
        finally:
            connection.close()

    def close(self) -> None:
        """Close idle connections and shut down those in use."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                connection.break_off()
        for connection in idle:
            connection.close()

    def _acquire(self) -> _Connection:
        while (connection := self._idle_one()) is not None:
            with suppress(OSError, smtplib.SMTPException):
                # The relay may have closed it, which only a command shows.
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

    def _return(self, connection: _Connection, *, reuse: bool) -> None:
        connection.mails += 1
        connection.used = time.monotonic()
        with self._lock:
            self._busy.discard(connection)
            if reuse and not self._closed and connection.is_good:
                self._idle.append(connection)
                return
        if reuse:
            connection.close()
        else:
            connection.smtp.close()  # without QUIT: a silent relay would be waited for again

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
    problem = one_line(f"{code} {_text(said)}", _MAX_REASON)
    return Rejected(problem) if code >= _PERMANENT else RetryLater(problem)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return one_line(f"{error.smtp_code} {_text(error.smtp_error)}", _MAX_REASON)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({one_line(error.verify_message)})"
    return one_line(error, _MAX_REASON) or type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
