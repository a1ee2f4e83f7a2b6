"""Every error that fsfax raises on purpose.

The class tells a program what to do; the message says what happened and how to correct it.

    FsfaxError
    ├── ConfigurationError        a setting is wrong: correct the settings
    ├── InvalidRequest            an argument is wrong: correct the call (also a ValueError)
    │   ├── InvalidCommand        … it cannot be sent over ESL safely (line breaks, braces)
    │   └── InvalidNumber         … it is not a number that can be dialled
    ├── DocumentError             the document cannot be faxed as it is; ``code`` says why
    │   ├── DocumentNotFound      … there is no such file, or it cannot be read
    │   ├── DocumentEmpty         … it has no page
    │   ├── DocumentEncrypted     … it needs a password
    │   ├── DocumentDamaged       … it cannot be parsed or drawn
    │   ├── DocumentTooLarge      … too many bytes, pages or pixels
    │   ├── DocumentUnsupported   … its type is not one that fsfax reads
    │   └── ConversionFailed      … the process that converted it crashed or exceeded a limit
    ├── FetchError                the document at a URL could not be fetched; ``temporary``: try
    │   │                         again later; ``status``: that of the HTTP response, if any
    │   ├── FetchForbidden        … its address is not public and no setting allows it
    │   └── InvalidFetch          … the URL or a request field is malformed: correct the request
    ├── SpoolError                FreeSWITCH cannot see our file, or we cannot see FreeSWITCH's
    ├── EslError                  communication with FreeSWITCH failed
    │   ├── ConnectError          … no connection: is FreeSWITCH running, is the address right?
    │   │   └── AuthenticationError … the password is wrong, or an access list refuses us
    │   ├── EslTimeout            … no reply in time; the command may have been executed
    │   ├── Disconnected          … the connection was lost; the command may have been executed
    │   ├── ProtocolError         … the received bytes are not ESL
    │   └── CommandFailed         … FreeSWITCH answered ``-ERR``; ``reply`` is its text
    ├── NoCapacity                every node that could take the call is full, draining or down
    │   └── NoNode                … no node is up
    ├── NotDialled                nothing was dialled under this attempt id, and nothing will be
    ├── AlreadyDialled            this attempt id was used before; nothing was dialled now
    ├── StoreError                the database of the jobs failed
    │   ├── StoreUnavailable      … it cannot be reached, is locked or went away: try again
    │   ├── StoreFull             … its disk or quota is full: free some space, then try again
    │   └── StoreOutdated         … its tables are of another version: run ``fsfax db upgrade``
    ├── JobError                  the operation on a job or account is not possible
    │   ├── JobNotFound           … there is no such job (document, account)
    │   ├── AccountNotFound       … there is no such account
    │   ├── FaxboxNotFound        … there is no such faxbox
    │   ├── WebhookNotFound       … there is no such webhook
    │   ├── DeliveryNotFound      … there is no such notification delivery
    │   ├── AddressTaken          … another account or faxbox has that number or mail address
    │   ├── IllegalMove           … the job's or attempt's state does not allow it
    │   └── LeaseLost             … this worker does not own the job any more
    ├── TokenError                a token of the API is not valid
    │   ├── TokenUnknown          … there is no such token
    │   └── TokenExpired          … it has expired or was revoked
    ├── FaxFailed                 only raised by ``result.raise_for_failure()``: a call that did
    │                             not deliver is a result, not an exception; ``result`` is it
    ├── Closed                    the engine, link or pool was closed during the call
    └── SoftswitchError           the stand-in softswitch cannot do what was asked
        └── SpandspMissing        … libspandsp2 is not installed

No error loses accepted work: a job that was accepted before stays stored.
"""

from __future__ import annotations

from typing import Any


class FsfaxError(Exception):
    """The base of every error that fsfax raises on purpose."""


class ConfigurationError(FsfaxError):
    """A setting is missing, malformed or contradicts another one."""


class InvalidRequest(FsfaxError, ValueError):
    """An argument of the caller is wrong; nothing was done."""


class InvalidCommand(InvalidRequest):
    """A command, header, variable or application argument cannot be put on the wire safely."""


class InvalidNumber(InvalidRequest):
    """The number cannot be dialled."""


class DocumentError(FsfaxError):
    """The document cannot be faxed as it is.

    ``code`` is a short, stable word for programs (``encrypted``, ``too_many_pages``, …).
    """

    code = "document"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class DocumentNotFound(DocumentError):
    """There is no such file, it is a folder, or it may not be read."""

    code = "not_found"


class DocumentEmpty(DocumentError):
    """The file has no bytes, or the document has no page."""

    code = "empty"


class DocumentEncrypted(DocumentError):
    """The document cannot be opened without a password."""

    code = "encrypted"


class DocumentDamaged(DocumentError):
    """The document has a known type but cannot be read."""

    code = "damaged"


class DocumentTooLarge(DocumentError):
    """The document has more bytes, pages or pixels than the limits allow."""

    code = "too_large"


class DocumentUnsupported(DocumentError):
    """The document's type is not one that fsfax reads."""

    code = "unsupported"


class ConversionFailed(DocumentError):
    """The worker process that converted the document crashed, hung or ran out of memory."""

    code = "conversion_failed"


class FetchError(FsfaxError):
    """The document could not be fetched from its URL, or it is not one that fsfax reads.

    ``temporary``: the same request may well succeed later (a timeout, an overloaded server).
    ``status``: the HTTP status code where the answer was an error, otherwise None.
    """

    def __init__(self, message: str, *, temporary: bool = False, status: int | None = None) -> None:
        super().__init__(message)
        self.temporary = temporary
        self.status = status


class FetchForbidden(FetchError):
    """The URL leads to an address that is not public, and the settings do not allow it."""


class InvalidFetch(FetchError, InvalidRequest):
    """The scheme is neither http nor https, or a field of the request cannot be sent."""


class SpoolError(FsfaxError):
    """Fsfax or FreeSWITCH cannot read or write a file of the shared folder."""


class EslError(FsfaxError):
    """The communication with FreeSWITCH over its event socket failed."""


class ConnectError(EslError):
    """No usable connection to the event socket."""


class AuthenticationError(ConnectError):
    """The password is wrong, or FreeSWITCH's access list refuses this address."""


class EslTimeout(EslError):
    """No reply came in time. The command may have been executed all the same."""


class Disconnected(EslError):
    """The connection was lost. A command without a reply may have been executed all the same."""


class ProtocolError(EslError):
    """The other side sent something that is not ESL, or a frame over the size limit."""


class CommandFailed(EslError):
    """FreeSWITCH answered ``-ERR``; ``reply`` is its text without the ``-ERR``."""

    def __init__(self, message: str, *, reply: str = "") -> None:
        super().__init__(message)
        self.reply = reply


class NoCapacity(FsfaxError):
    """Every node or gateway that could take the call is full, draining or down."""


class NoNode(NoCapacity):
    """No FreeSWITCH node is up."""


class NotDialled(FsfaxError):
    """Nothing was dialled under this attempt id, and nothing will be.

    Either ``may_dial`` returned False right before dialling, or `Engine.adopt` found that the
    attempt of another process never dialled, and barred its id. Another attempt, with another id,
    is safe.
    """


class AlreadyDialled(FsfaxError):
    """This attempt id was used before, or is barred; nothing was dialled now.

    `Engine.adopt` and `Engine.fate` return what became of it.
    """


class StoreError(FsfaxError):
    """The database of the jobs did not execute an operation; nothing was changed."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked, or the connection was lost.

    If that was during a commit, the change may be stored all the same. An operation whose id the
    caller chose can be looked up by it, or repeated without a second effect.
    """


class StoreFull(StoreError):
    """The disk or quota of the database is full."""


class StoreOutdated(StoreError):
    """The tables of the database are those of another version of fsfax."""


class JobError(FsfaxError):
    """The operation on a job or account is not possible."""


class JobNotFound(JobError):
    """There is no such job, document or account, or it belongs to another account."""


class AccountNotFound(JobError):
    """There is no such account."""


class FaxboxNotFound(JobError):
    """There is no such faxbox, or it belongs to another account."""


class WebhookNotFound(JobError):
    """There is no such webhook, or it belongs to another account."""


class DeliveryNotFound(JobError):
    """There is no such notification delivery, or it belongs to another account."""


class AddressTaken(JobError):
    """A called number or a mail address belongs to another account or faxbox already."""


class IllegalMove(JobError):
    """The state of the job or attempt does not allow the operation."""


class LeaseLost(JobError):
    """This worker does not own the job any more: another one may have taken it over."""


class TokenError(FsfaxError):
    """A token of the API is not valid."""


class TokenUnknown(TokenError):
    """There is no such token."""


class TokenExpired(TokenError):
    """The token has expired or was revoked."""


class FaxFailed(FsfaxError):
    """A fax was not delivered; ``result`` is the typed result with the reason."""

    def __init__(self, message: str, *, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


class Closed(FsfaxError):
    """The engine, link or pool is closed, or was closed while the caller was waiting."""


class SoftswitchError(FsfaxError):
    """The stand-in softswitch cannot do what was asked."""


class SpandspMissing(SoftswitchError):
    """Debian's ``libspandsp2`` is not installed."""
