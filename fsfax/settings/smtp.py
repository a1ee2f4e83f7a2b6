"""Section ``smtp`` of the settings: email to fax."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from fsfax.settings.base import Seconds, Section


class SmtpSettings(Section):
    """Email to fax."""

    enabled: bool = Field(default=False, description="accept mails in `fsfax serve`, too")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=2525, ge=0, le=65535)
    hostname: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._:\[\]-]{0,255}$",
        description="name in the greeting; by default this machine's",
    )
    domain: str = Field(
        default="fax.invalid",
        pattern=r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$",
        max_length=200,
        description="parent domain of the mail domains of new faxboxes",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of a certificate; with one, STARTTLS is offered"
    )
    key: Path | None = Field(
        default=None, description="PEM file of its key, if that is a separate file"
    )
    require_tls: bool = Field(default=False, description="refuse mails before STARTTLS")
    require_auth: bool = Field(
        default=False, description="refuse mails before AUTH; the password is a token of the API"
    )
    max_size: int = Field(default=25 * 1024 * 1024, ge=1024, description="bytes of a mail")
    max_recipients: int = Field(default=20, ge=1, le=1000, description="faxes of one mail")
    sessions: int = Field(
        default=50, ge=1, description="simultaneous sessions; further ones are refused"
    )
    threads: int = Field(
        default=4, ge=1, le=100, description="mails that are processed simultaneously"
    )
    idle_timeout: Seconds = Field(default=300.0, description="silence of a client")
    body_timeout: Seconds = Field(default=600.0, description="the whole of a mail")
    text: Literal["never", "alone", "first"] = Field(
        default="never",
        description="fax the mail's text: never, if nothing is attached, or as first page",
    )
    allow_all_when_empty: bool = Field(
        default=False,
        description="a faxbox without smtp_permission_list accepts mails from every sender",
    )
    allow_automatic: bool = Field(
        default=False,
        description="accept mails that a program generated (Auto-Submitted: auto-generated)",
    )
    drain: Seconds = Field(default=15.0, description="time for running sessions to end at a stop")

    @model_validator(mode="after")
    def _can_encrypt(self) -> SmtpSettings:
        """Raise ValueError if STARTTLS is required but not offered."""
        if self.require_tls and self.certificate is None:
            raise ValueError("require_tls needs a certificate")
        return self
