"""The base class of sections, durations, and the limits of outbound HTTP requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
"""A duration in seconds, above zero and at most a week."""


class Section(BaseModel):
    """A section of the settings: a table of the TOML file."""

    # An input may be a secret: no error shows it, not even a chained one in a traceback.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WebLimits(Section):
    """Timeouts of outbound HTTP requests, and the networks that they may go to.

    URLs come from clients: without limits, a client could make this machine send requests into
    its own network (SSRF) or wait for ever.
    """

    section: ClassVar[str] = ""
    """Name of the section, for error messages."""
    refusal: ClassVar[str] = "nothing is sent to"
    """Beginning of the error message about a forbidden address."""

    connect: Seconds = Field(
        default=10.0, description="name resolution, then each attempt to connect, TLS included"
    )
    read: Seconds = Field(default=30.0, description="silence of the server")
    total: Seconds = Field(default=300.0, description="the whole request, redirects included")
    allow_private: bool = Field(
        default=False,
        description="allow loopback and the private networks (10/8, 172.16/12, 192.168/16,"
        " 100.64/10, fc00::/7); link-local addresses, where clouds serve credentials, have"
        " to be named in allow_networks",
    )
    allow_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description='non-public networks that are allowed: ["10.1.2.0/24"]'
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of certificate authorities, in place of the system's"
    )
    user_agent: str = Field(default="fsfax", pattern=r"^[!-~]([ -~]{0,198}[!-~])?$")
