"""Section ``notify`` of the settings (see `fsfax.settings`): mails, short messages, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from fsfax.settings.base import Seconds, Section, WebLimits


class RelaySettings(Section):
    """The mail server that relays outbound mails."""

    host: str = Field(default="", description='"" = no relay: mails become dead letters')
    port: int = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = Field(
        default="none", description="starttls is required, not opportunistic"
    )
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(
        default="fsfax@localhost",
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$",
        description="sender of mails and recipient of bounces",
    )
    sender_name: str = Field(default="Fax", max_length=64)
    timeout: Seconds = Field(default=30.0, description="silence of the relay")
    ca_file: Path | None = Field(
        default=None, description="PEM file of certificate authorities, in place of the system's"
    )


class MailSettings(Section):
    """Content of mails about faxes."""

    concurrency: int = Field(default=4, ge=1, le=64, description="simultaneous deliveries")
    attach: bool = Field(default=True, description="attach the fax as PDF")
    max_attachment: int = Field(
        default=10 * 1024 * 1024, gt=0, description="bytes; a larger fax is not attached"
    )
    picture: bool = Field(default=True, description="show a picture of the first page in the text")
    report: bool = Field(default=True, description="attach the transmission report as PDF")


class WebhookSettings(WebLimits):
    """Limits of requests to webhooks."""

    section: ClassVar[str] = "notify.webhook"

    total: Seconds = Field(default=30.0, description="the whole of one attempt")
    read: Seconds = Field(default=15.0, description="silence of the receiver")
    concurrency: int = Field(default=20, ge=1, le=500, description="simultaneous requests")
    per_host: int = Field(
        default=4,
        ge=1,
        le=500,
        description="simultaneous requests to one host, so that it cannot delay others",
    )
    refusals: int = Field(default=5, ge=1, description="attempts if the receiver answers 4xx")


class SmsSettings(WebLimits):
    """How short messages are sent: by a request to a provider's HTTP gateway, or into the log.

    URL, headers and body are Jinja2 templates with the variables ``to``, ``text``, ``id`` (the same
    in every attempt), ``token`` and ``sender``; values are escaped for their place.
    """

    section: ClassVar[str] = "notify.sms"

    allow_private: bool = Field(default=True, description="the gateway may be in a private network")
    total: Seconds = Field(default=30.0, description="the whole of one attempt")
    read: Seconds = Field(default=15.0, description="silence of the gateway")
    gateway: Literal["log", "http"] = Field(
        default="log", description="log: messages are only written to the log"
    )
    concurrency: int = Field(default=2, ge=1, le=64, description="simultaneous requests")
    method: Literal["GET", "POST", "PUT"] = "POST"
    url: str = ""
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str = '{"to": "{{ to }}", "from": "{{ sender }}", "text": "{{ text }}"}'
    content_type: Literal["application/json", "application/x-www-form-urlencoded"] = (
        "application/json"
    )
    token: SecretStr = SecretStr("")
    sender: str = Field(default="", max_length=32)


class NotifySettings(Section):
    """Notifications: mails, short messages, webhooks."""

    language: str = Field(
        default="en",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$",
        description="of texts, unless the fax or the faxbox has one",
    )
    templates: Path | None = Field(
        default=None,
        description="folder of templates that replace the built-in ones: LANGUAGE/NAME",
    )
    recipients: int = Field(
        default=50, ge=1, le=1000, description="most recipients of one notification"
    )
    lease: Seconds = Field(
        default=60.0, description="silence of a process after which its deliveries are repeated"
    )
    drain: Seconds = Field(default=15.0, description="time for running deliveries to end at a stop")
    delay: Seconds = Field(default=15.0, description="first pause before a retry")
    factor: float = Field(default=2.0, ge=1, le=10, description="ratio of successive pauses")
    max_delay: Seconds = 3600.0
    max_tries: int = Field(
        default=80, ge=1, description="attempts before it becomes a dead letter; 80 are three days"
    )
    keep_days: float = Field(
        default=30.0, gt=0, description="after which finished deliveries are deleted"
    )
    relay: RelaySettings = RelaySettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    sms: SmsSettings = SmsSettings()
