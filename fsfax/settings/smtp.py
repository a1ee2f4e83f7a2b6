"""Section ``smtp`` of the settings (see `fsfax.settings`): mails that become faxes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from fsfax.settings.base import Seconds, Section


class SmtpSettings(Section):
    """Mails that become faxes."""

    enabled: bool = Field(default=False, description="take mails in `fsfax serve`, too")
    host: str = Field(default="127.0.0.1", description="address that is listened on")
    port: int = Field(default=2525, ge=0, le=65535)
    hostname: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._:\[\]-]{0,255}$",
        description="the name that mailers are greeted with; default: this machine's",
    )
    domain: str = Field(
        default="fax.invalid",
        pattern=r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$",
        max_length=200,
        description="under which each new faxbox gets a mail domain of its own",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of a certificate; with one STARTTLS is offered"
    )
    key: Path | None = Field(default=None, description="its key, if that is a file of its own")
    require_tls: bool = Field(default=False, description="take nothing before STARTTLS")
    require_auth: bool = Field(
        default=False, description="take nothing before AUTH; the password is a token of the API"
    )
    max_size: int = Field(default=25 * 1024 * 1024, ge=1024, description="bytes of a mail")
    max_recipients: int = Field(default=20, ge=1, le=1000, description="faxes of one mail")
    sessions: int = Field(default=50, ge=1, description="at once; further ones are sent away")
    threads: int = Field(default=4, ge=1, le=100, description="mails that are worked on at once")
    idle_timeout: Seconds = Field(default=300.0, description="silence of a mailer")
    body_timeout: Seconds = Field(default=600.0, description="the whole of a mail")
    text: Literal["never", "alone", "first"] = Field(
        default="never",
        description="the mail's own text: never faxed, if nothing is attached, or as first page",
    )
    allow_all_when_empty: bool = Field(
        default=False,
        description="a faxbox without smtp_permission_list takes mails from anybody",
    )
    allow_automatic: bool = Field(
        default=False,
        description="take what a program sent by itself (Auto-Submitted: auto-generated)",
    )
    drain: Seconds = Field(default=15.0, description="time for mails on their way at a stop")

    @model_validator(mode="after")
    def _can_encrypt(self) -> SmtpSettings:
        """Refuse to ask for what is not offered."""
        if self.require_tls and self.certificate is None:
            raise ValueError("require_tls needs a certificate")
        return self
