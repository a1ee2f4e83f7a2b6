"""Sections of the settings about calls: nodes, gateways, timeouts, defaults of a fax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr

from fsfax.settings.base import Seconds, Section


class PathMapping(Section):
    """A folder that fsfax and FreeSWITCH see under different paths.

    A container or a network share often shows the spool under another path on the
    FreeSWITCH side. The longest matching prefix wins.
    """

    local: Path
    remote: str


class GatewaySettings(Section):
    """A sofia gateway of a node, which leads to the telephone network."""

    name: str = Field(min_length=1)
    capacity: int = Field(
        default=0, ge=0, description="simultaneous calls; 0 = only the node's limit"
    )


class NodeSettings(Section):
    """One FreeSWITCH: address of its event socket, capacity, gateways."""

    name: str = "freeswitch"
    host: str = "127.0.0.1"
    port: int = Field(default=8021, ge=1, le=65535)
    password: SecretStr = SecretStr("ClueCon")
    capacity: int = Field(default=0, ge=0, description="simultaneous calls; 0 = no limit")
    gateways: tuple[GatewaySettings, ...] = ()
    spool: tuple[PathMapping, ...] = Field(
        default=(), description="folders that this FreeSWITCH sees under another path"
    )

    if TYPE_CHECKING:
        # What validation accepts and converts: the attributes have the types above.
        def __init__(
            self,
            *,
            name: str = ...,
            host: str = ...,
            port: int = ...,
            password: str | SecretStr = ...,
            capacity: int = ...,
            gateways: Sequence[GatewaySettings | dict[str, Any]] = ...,
            spool: Sequence[PathMapping | dict[str, Any]] = ...,
        ) -> None: ...


class EslTimeouts(Section):
    """Timeouts of the event socket."""

    connect: Seconds = Field(default=5.0, description="TCP connection")
    authenticate: Seconds = Field(default=5.0, description="auth/request and the reply to auth")
    command: Seconds = Field(default=10.0, description="the reply to one command")
    heartbeat: Seconds = Field(default=20.0, description="silence after which a probe is sent")
    backoff_first: Seconds = Field(default=0.2, description="first pause before reconnecting")
    backoff_max: Seconds = Field(default=15.0, description="longest pause before reconnecting")


class CallTimeouts(Section):
    """The watchdogs of a fax call.

    FreeSWITCH itself has no timeout for some of these (a channel stays up to 600 s when the far
    end stops sending UDPTL; a profile without a timer waits for ever).
    """

    answer: Seconds = Field(default=60.0, description="from originate to the answer")
    negotiation: Seconds = Field(
        default=90.0,
        description="from the answer to phase B; SpanDSP gives up by itself after 60 s (T.30 T1)",
    )
    page: Seconds = Field(default=600.0, description="from one page's confirmation to the next")
    linger: Seconds = Field(
        default=15.0, description="from the fax result to the hangup, then uuid_kill"
    )
    link_lost: Seconds = Field(
        default=120.0,
        description="from the loss of a call's ESL connection until the call counts as uncertain",
    )
    result: Seconds = Field(
        default=5.0,
        description="from the hangup until marks are queried in place of the fax result event",
    )


class FaxDefaults(Section):
    """Defaults of a fax; arguments of a call take precedence."""

    ident: str = Field(default="", max_length=20, description="station id (TSI, T.30 5.3.6.2)")
    header: str = Field(default="", max_length=50, description="text in the header line")
    timezone: str = Field(default="", description="POSIX or IANA zone of the header's clock")
    from_number: str = ""
    from_name: str = ""
    t38: Literal["off", "on", "required"] = "on"
    ecm: bool = True
    v17: bool = True
    resolution: Literal["standard", "fine", "superfine"] = "fine"
