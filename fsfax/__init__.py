"""fsfax: send and receive faxes through FreeSWITCH.

    import fsfax

    with fsfax.Engine(fsfax.load().settings) as engine:
        result = engine.send("letter.pdf", to="+353 1 555 0100")
        print(result.success, result.pages_sent, result.error_message)

Durable jobs, which a worker sends and which survive anything:

    with fsfax.JobStore("sqlite:///fsfax.db") as store:
        job = store.accept(fsfax.NewFax(to_number="+353 1 555 0100", documents=["letter.pdf"]))

Everything that an embedding program needs is here; the rest may change without notice. The
names are loaded when they are first used: the worker processes that convert documents import
this package too, and have no use for gevent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsfax.accounts.accounts import Account, Accounts
    from fsfax.accounts.faxboxes import Faxbox, Faxboxes
    from fsfax.accounts.tokens import Scope, Token, Tokens
    from fsfax.db.records import (
        Attempt,
        Document,
        FetchSource,
        Job,
        NewFax,
        Seen,
        Wish,
    )
    from fsfax.db.states import AttemptState, Direction, Hold, JobState
    from fsfax.engine.doctor import Check, examine
    from fsfax.engine.engine import Engine, NodeStatus, SendOptions
    from fsfax.engine.handles import Receiving, SendCall
    from fsfax.engine.observations import (
        Answered,
        Created,
        Dialling,
        FaxResult,
        FaxStarted,
        HungUp,
        Negotiated,
        Observation,
        PageDone,
        Prepared,
        Ringing,
    )
    from fsfax.engine.outcome import Doubt, Outcome
    from fsfax.engine.plan import new_call_id
    from fsfax.engine.results import PageRecord, RxResult, Status, Try, TxResult
    from fsfax.engine.verdict import Fate
    from fsfax.errors import (
        AccountNotFound,
        AddressTaken,
        AlreadyDialled,
        AuthenticationError,
        Closed,
        CommandFailed,
        ConfigurationError,
        ConnectError,
        ConversionFailed,
        DeliveryNotFound,
        Disconnected,
        DocumentDamaged,
        DocumentEmpty,
        DocumentEncrypted,
        DocumentError,
        DocumentNotFound,
        DocumentTooLarge,
        DocumentUnsupported,
        EslError,
        EslTimeout,
        FaxboxNotFound,
        FaxFailed,
        FetchError,
        FetchForbidden,
        FsfaxError,
        IllegalMove,
        InvalidCommand,
        InvalidFetch,
        InvalidNumber,
        InvalidRequest,
        JobError,
        JobNotFound,
        LeaseLost,
        NoCapacity,
        NoNode,
        NotDialled,
        ProtocolError,
        SoftswitchError,
        SpandspMissing,
        SpoolError,
        StoreError,
        StoreFull,
        StoreOutdated,
        StoreUnavailable,
        TokenError,
        TokenExpired,
        TokenUnknown,
        WebhookNotFound,
    )
    from fsfax.jobs.destination import Memory
    from fsfax.jobs.store import JobStore, Listing
    from fsfax.jobs.worker import Worker
    from fsfax.settings import (
        ApiSettings,
        CallTimeouts,
        DocumentSettings,
        EslTimeouts,
        FaxDefaults,
        FetchSettings,
        GatewaySettings,
        JobsSettings,
        Loaded,
        NodeSettings,
        PathMapping,
        Settings,
        load,
    )

__version__ = "0.1.0"

_HOMES = {
    "fsfax.engine.doctor": (
        "Check",
        "examine",
    ),
    "fsfax.engine.engine": (
        "Engine",
        "NodeStatus",
        "SendOptions",
    ),
    "fsfax.engine.handles": (
        "Receiving",
        "SendCall",
    ),
    "fsfax.engine.observations": (
        "Answered",
        "Created",
        "Dialling",
        "FaxResult",
        "FaxStarted",
        "HungUp",
        "Negotiated",
        "Observation",
        "PageDone",
        "Prepared",
        "Ringing",
    ),
    "fsfax.engine.outcome": (
        "Doubt",
        "Outcome",
    ),
    "fsfax.engine.plan": ("new_call_id",),
    "fsfax.engine.results": (
        "PageRecord",
        "RxResult",
        "Status",
        "Try",
        "TxResult",
    ),
    "fsfax.engine.verdict": ("Fate",),
    "fsfax.errors": (
        "AlreadyDialled",
        "AuthenticationError",
        "Closed",
        "CommandFailed",
        "ConfigurationError",
        "ConnectError",
        "ConversionFailed",
        "Disconnected",
        "DocumentDamaged",
        "DocumentEmpty",
        "DocumentEncrypted",
        "DocumentError",
        "DocumentNotFound",
        "DocumentTooLarge",
        "DocumentUnsupported",
        "EslError",
        "EslTimeout",
        "FaxFailed",
        "FetchError",
        "FetchForbidden",
        "FsfaxError",
        "IllegalMove",
        "InvalidCommand",
        "InvalidFetch",
        "InvalidNumber",
        "InvalidRequest",
        "JobError",
        "JobNotFound",
        "AccountNotFound",
        "FaxboxNotFound",
        "WebhookNotFound",
        "DeliveryNotFound",
        "AddressTaken",
        "TokenError",
        "TokenUnknown",
        "TokenExpired",
        "LeaseLost",
        "NoCapacity",
        "NoNode",
        "NotDialled",
        "ProtocolError",
        "SoftswitchError",
        "SpandspMissing",
        "SpoolError",
        "StoreError",
        "StoreFull",
        "StoreOutdated",
        "StoreUnavailable",
    ),
    "fsfax.accounts.accounts": ("Account", "Accounts"),
    "fsfax.jobs.destination": ("Memory",),
    "fsfax.accounts.faxboxes": ("Faxbox", "Faxboxes"),
    "fsfax.db.records": (
        "Attempt",
        "Document",
        "FetchSource",
        "Job",
        "NewFax",
        "Seen",
        "Wish",
    ),
    "fsfax.db.states": (
        "AttemptState",
        "Direction",
        "Hold",
        "JobState",
    ),
    "fsfax.jobs.store": (
        "JobStore",
        "Listing",
    ),
    "fsfax.accounts.tokens": ("Scope", "Token", "Tokens"),
    "fsfax.jobs.worker": ("Worker",),
    "fsfax.settings": (
        "ApiSettings",
        "CallTimeouts",
        "DocumentSettings",
        "EslTimeouts",
        "FaxDefaults",
        "FetchSettings",
        "GatewaySettings",
        "JobsSettings",
        "Loaded",
        "NodeSettings",
        "PathMapping",
        "Settings",
        "load",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Account",
    "AccountNotFound",
    "Accounts",
    "AddressTaken",
    "AlreadyDialled",
    "Answered",
    "ApiSettings",
    "Attempt",
    "AttemptState",
    "AuthenticationError",
    "CallTimeouts",
    "Check",
    "Closed",
    "CommandFailed",
    "ConfigurationError",
    "ConnectError",
    "ConversionFailed",
    "Created",
    "DeliveryNotFound",
    "Dialling",
    "Direction",
    "Disconnected",
    "Document",
    "DocumentDamaged",
    "DocumentEmpty",
    "DocumentEncrypted",
    "DocumentError",
    "DocumentNotFound",
    "DocumentSettings",
    "DocumentTooLarge",
    "DocumentUnsupported",
    "Doubt",
    "Engine",
    "EslError",
    "EslTimeout",
    "EslTimeouts",
    "Fate",
    "FaxDefaults",
    "FaxFailed",
    "FaxResult",
    "FaxStarted",
    "Faxbox",
    "FaxboxNotFound",
    "Faxboxes",
    "FetchError",
    "FetchForbidden",
    "FetchSettings",
    "FetchSource",
    "FsfaxError",
    "GatewaySettings",
    "Hold",
    "HungUp",
    "IllegalMove",
    "InvalidCommand",
    "InvalidFetch",
    "InvalidNumber",
    "InvalidRequest",
    "Job",
    "JobError",
    "JobNotFound",
    "JobState",
    "JobStore",
    "JobsSettings",
    "LeaseLost",
    "Listing",
    "Loaded",
    "Memory",
    "Negotiated",
    "NewFax",
    "NoCapacity",
    "NoNode",
    "NodeSettings",
    "NodeStatus",
    "NotDialled",
    "Observation",
    "Outcome",
    "PageDone",
    "PageRecord",
    "PathMapping",
    "Prepared",
    "ProtocolError",
    "Receiving",
    "Ringing",
    "RxResult",
    "Scope",
    "Seen",
    "SendCall",
    "SendOptions",
    "Settings",
    "SoftswitchError",
    "SpandspMissing",
    "SpoolError",
    "Status",
    "StoreError",
    "StoreFull",
    "StoreOutdated",
    "StoreUnavailable",
    "Token",
    "TokenError",
    "TokenExpired",
    "TokenUnknown",
    "Tokens",
    "Try",
    "TxResult",
    "WebhookNotFound",
    "Wish",
    "Worker",
    "examine",
    "load",
    "new_call_id",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
