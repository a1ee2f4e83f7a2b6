"""What sections of the settings are made of, see `fsfax.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
"""A duration in seconds, above zero and at most a week."""


class Section(BaseModel):
    """A table of the settings."""

    # An input may be a secret: errors, also chained ones in a traceback, never show it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WebLimits(Section):
    """How long a web server is waited for, and in which networks it may be.

    Where others say which URL is asked, it would without limits be a way to make this machine
    ask others in its own network (SSRF) or wait for ever.
    """

    section: ClassVar[str] = ""
    """Where these settings stand, for messages."""
    refusal: ClassVar[str] = "nothing is sent to"
    """… and how they say that an address is none for it."""

    connect: Seconds = Field(
        default=10.0, description="finding the name, then each try to connect, TLS included"
    )
    read: Seconds = Field(default=30.0, description="silence of the server")
    total: Seconds = Field(default=300.0, description="the whole of it, redirects included")
    allow_private: bool = Field(
        default=False,
        description="allow loopback and the private networks (10/8, 172.16/12, 192.168/16,"
        " 100.64/10, fc00::/7); link-local addresses, where clouds keep secrets, have to be"
        " named in allow_networks",
    )
    allow_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description='networks allowed though not public: ["10.1.2.0/24"]'
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of certificate authorities, in place of the system's"
    )
    user_agent: str = Field(default="fsfax", pattern=r"^[!-~]([ -~]{0,198}[!-~])?$")
