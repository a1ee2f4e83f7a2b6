"""Every error a caller of fsfax may meet.

The class says what to do, the message says what happened and how to mend it.

    FsfaxError
    ├── ConfigurationError        a setting is wrong: mend the settings
    ├── InvalidRequest            an argument is wrong: mend the call (also a ValueError)
    │   ├── InvalidCommand        … it cannot be sent over ESL safely (line breaks, braces)
    │   └── InvalidNumber         … it is not a number that can be dialled
    ├── DocumentError             the document cannot be faxed as it is; ``code`` says why
    │   ├── DocumentNotFound      … there is no such file, or it cannot be read
    │   ├── DocumentEmpty         … it holds no page
    │   ├── DocumentEncrypted     … it needs a password
    │   ├── DocumentDamaged       … it cannot be parsed or drawn
    │   ├── DocumentTooLarge      … too many bytes, pages or pixels
    │   ├── DocumentUnsupported   … it is not a kind of document that fsfax reads
    │   └── ConversionFailed      … the worker that converted it crashed or ran out of a limit
    ├── FetchError                the document of a URL could not be had; ``temporary`` says whether
    │   │                         to try again later, ``status`` is the HTTP response if it was one
    │   ├── FetchForbidden        … its address is not public and no setting allows it
    │   └── InvalidFetch          … the URL, or what goes with it, is malformed: mend the request
    ├── SpoolError                FreeSWITCH cannot see the file, or we cannot see FreeSWITCH's
    ├── EslError                  talking to FreeSWITCH went wrong
    │   ├── ConnectError          … no connection: is it running, is the address right?
    │   │   └── AuthenticationError … the password was refused, or an access list forbids us
    │   ├── EslTimeout            … no answer in time; the command may still have been carried out
    │   ├── Disconnected          … the connection was lost; the command may have been carried out
    │   ├── ProtocolError         … what came is not ESL
    │   └── CommandFailed         … FreeSWITCH answered ``-ERR``; ``reply`` holds its words
    ├── NoCapacity                every node that could carry the call is full, draining or down
    │   └── NoNode                … none is up at all
    ├── NotDialled                nothing was dialled under this attempt id, and nothing will be
    ├── AlreadyDialled            this attempt id was used before; nothing was dialled now
    ├── StoreError                the database of the jobs
    │   ├── StoreUnavailable      … cannot be reached, is locked or went away: try again
    │   ├── StoreFull             … has no room left: make some, then try again
    │   └── StoreOutdated         … has tables of another version: run ``fsfax db upgrade``
    ├── JobError                  what was asked of a job cannot be done
    │   ├── JobNotFound           … there is no such job (document, account)
    │   ├── AccountNotFound       … there is no such account
    │   ├── FaxboxNotFound        … there is no such faxbox
    │   ├── WebhookNotFound       … there is no such webhook
    │   ├── DeliveryNotFound      … there is no such delivery of news
    │   ├── AddressTaken          … the number or address of a faxbox belongs to another one
    │   ├── IllegalMove           … not in its present state
    │   └── LeaseLost             … by this worker any more: another one has the job
    ├── TokenError                a token of the API opens nothing
    │   ├── TokenUnknown          … there is no such token
    │   └── TokenExpired          … its time is over, or it was revoked
    ├── FaxFailed                 raised by ``result.raise_for_failure()`` alone: a call that did
    │                             not deliver is a result, not an exception; ``result`` holds it
    ├── Closed                    the engine, link or pool was closed while the call was waiting
    └── SoftswitchError           the stand-in softswitch cannot do that
        └── SpandspMissing        … libspandsp2 is not installed

"They are wrong" errors never lose work: whatever was accepted before stays where it was.
"""

from __future__ import annotations

from typing import Any


class FsfaxError(Exception):
    """Base of every error that fsfax raises on purpose."""


class ConfigurationError(FsfaxError):
    """A setting is missing, malformed or contradicts another one."""


class InvalidRequest(FsfaxError, ValueError):
    """An argument of the caller is wrong; nothing was done."""


class InvalidCommand(InvalidRequest):
    """A command, header, variable or application argument cannot be put on the wire safely."""


class InvalidNumber(InvalidRequest):
    """Not a number that can be dialled."""


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
    """The document claims to be of a known kind but cannot be read."""

    code = "damaged"


class DocumentTooLarge(DocumentError):
    """The document has more bytes, pages or pixels than the limits allow."""

    code = "too_large"


class DocumentUnsupported(DocumentError):
    """Not a kind of document that fsfax reads."""

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
    """The URL is not one of http or https, or what goes with it cannot be sent."""


class SpoolError(FsfaxError):
    """A file is not where both fsfax and FreeSWITCH can reach it."""


class EslError(FsfaxError):
    """Talking to FreeSWITCH over its event socket went wrong."""


class ConnectError(EslError):
    """No usable connection to the event socket."""


class AuthenticationError(ConnectError):
    """FreeSWITCH refused the password, or its access list refuses this address."""


class EslTimeout(EslError):
    """No answer in time. The command may nevertheless have been carried out."""


class Disconnected(EslError):
    """The connection was lost. A command under way may nevertheless have been carried out."""


class ProtocolError(EslError):
    """The other side sent something that is not ESL, or a frame over the size limit."""


class CommandFailed(EslError):
    """FreeSWITCH answered ``-ERR``; ``reply`` holds its words without the ``-ERR``."""

    def __init__(self, message: str, *, reply: str = "") -> None:
        super().__init__(message)
        self.reply = reply


class NoCapacity(FsfaxError):
    """Every node or gateway that could carry the call is full, draining or down."""


class NoNode(NoCapacity):
    """No FreeSWITCH node is up."""


class NotDialled(FsfaxError):
    """Nothing was dialled under this attempt id, and nothing will be.

    Either the caller's ``may_dial`` said no at the last moment, or an attempt of a former process
    was asked about and FreeSWITCH proves that it never got that far. Another attempt, with
    another id, is safe.
    """


class AlreadyDialled(FsfaxError):
    """This attempt id was used before, or was closed for ever; nothing was dialled now.

    What became of it is what `Engine.adopt` and `Engine.fate` tell.
    """


class StoreError(FsfaxError):
    """The database of the jobs could not do what was asked; nothing was changed."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked, or went away in the middle.

    If that was in a commit, the change may be there nevertheless: what has an id chosen
    beforehand can be asked for, or sent again, without harm.
    """


class StoreFull(StoreError):
    """The disk or quota of the database is used up."""


class StoreOutdated(StoreError):
    """The tables are those of another version of fsfax."""


class JobError(FsfaxError):
    """What was asked of a job cannot be done."""


class JobNotFound(JobError):
    """There is no such job, document or account, or it belongs to somebody else."""


class AccountNotFound(JobError):
    """There is no such account."""


class FaxboxNotFound(JobError):
    """There is no such faxbox, or it belongs to somebody else."""


class WebhookNotFound(JobError):
    """There is no such webhook, or it belongs to somebody else."""


class DeliveryNotFound(JobError):
    """There is no such delivery of news, or it belongs to somebody else."""


class AddressTaken(JobError):
    """A called number or a mail address belongs to another account or faxbox already."""


class IllegalMove(JobError):
    """The job, or the attempt, is in a state that does not allow it."""


class LeaseLost(JobError):
    """This worker does not own the job any more: another one took it over."""


class TokenError(FsfaxError):
    """A token of the API opens nothing."""


class TokenUnknown(TokenError):
    """There is no such token."""


class TokenExpired(TokenError):
    """The token's time is over, or it was revoked."""


class FaxFailed(FsfaxError):
    """A fax was not delivered; ``result`` is the typed result with the reason."""

    def __init__(self, message: str, *, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


class Closed(FsfaxError):
    """The engine, link or pool was closed while the caller was waiting."""


class SoftswitchError(FsfaxError):
    """The stand-in softswitch cannot do what was asked."""


class SpandspMissing(SoftswitchError):
    """Debian's ``libspandsp2`` is not installed."""
