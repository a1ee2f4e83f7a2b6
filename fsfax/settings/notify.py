"""Section ``notify`` of the settings (see `fsfax.settings`): mails, short messages, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from fsfax.settings.base import Seconds, Section, WebLimits


class RelaySettings(Section):
    """The mail server that takes our mails to where they belong."""

    host: str = Field(default="", description='"" = there is none: mails become dead letters')
    port: int = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = Field(
        default="none", description="starttls: required, not only where it is offered"
    )
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(
        default="fsfax@localhost",
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$",
        description="address that mails are from; bounces go there",
    )
    sender_name: str = Field(default="Fax", max_length=64)
    timeout: Seconds = Field(default=30.0, description="silence of the relay")
    ca_file: Path | None = Field(
        default=None, description="PEM file of certificate authorities, in place of the system's"
    )


class MailSettings(Section):
    """What is in a mail that tells of a fax."""

    concurrency: int = Field(default=4, ge=1, le=64, description="mails at once")
    attach: bool = Field(default=True, description="the fax as PDF")
    max_attachment: int = Field(
        default=10 * 1024 * 1024, gt=0, description="bytes; of a larger fax the mail only tells"
    )
    picture: bool = Field(default=True, description="a picture of the first page in the text")
    report: bool = Field(default=True, description="the transmission report as PDF as well")


class WebhookSettings(WebLimits):
    """How programs are told, by a POST to the URL that they chose."""

    section: ClassVar[str] = "notify.webhook"

    total: Seconds = Field(default=30.0, description="the whole of one try")
    read: Seconds = Field(default=15.0, description="silence of the receiver")
    concurrency: int = Field(default=20, ge=1, le=500, description="at once")
    per_host: int = Field(
        default=4, ge=1, le=500, description="at once to one host, so that it cannot hold up others"
    )
    refusals: int = Field(
        default=5, ge=1, description="tries where the receiver answers that it is not wanted (4xx)"
    )


class SmsSettings(WebLimits):
    """How short messages leave: by a request to the HTTP gateway of a provider, or into the log.

    URL, headers and body are Jinja2 templates. They know ``to``, ``text``, ``id`` (the same in
    every try), ``token`` and ``sender``; what is filled in is escaped for its place.
    """

    section: ClassVar[str] = "notify.sms"

    allow_private: bool = Field(default=True, description="the gateway may be in our own network")
    total: Seconds = Field(default=30.0, description="the whole of one try")
    read: Seconds = Field(default=15.0, description="silence of the gateway")
    gateway: Literal["log", "http"] = Field(
        default="log", description="log: they are only written into the log"
    )
    concurrency: int = Field(default=2, ge=1, le=64, description="at once")
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
    """News for people and programs: mails, short messages, webhooks."""

    language: str = Field(
        default="en",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$",
        description="of texts, where neither fax nor faxbox says",
    )
    templates: Path | None = Field(
        default=None, description="folder of your own texts: LANGUAGE/NAME, file by file"
    )
    recipients: int = Field(default=50, ge=1, le=1000, description="of one piece of news, at most")
    lease: Seconds = Field(
        default=60.0, description="silence after which the delivery of a dead process is repeated"
    )
    drain: Seconds = Field(default=15.0, description="time for running deliveries at a stop")
    delay: Seconds = Field(default=15.0, description="first pause before another try")
    factor: float = Field(default=2.0, ge=1, le=10, description="each pause is so much longer")
    max_delay: Seconds = 3600.0
    max_tries: int = Field(
        default=80, ge=1, description="then it is a dead letter; 80 are three days"
    )
    keep_days: float = Field(
        default=30.0, gt=0, description="after which what was delivered is forgotten"
    )
    relay: RelaySettings = RelaySettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    sms: SmsSettings = SmsSettings()
