"""Recipients of notifications, as a fax and a faxbox name them. Pure.

Field names are those of the Faxes API.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from fsfax.accounts.config_model import STORED, ConfigModel, MaxItems
from fsfax.egress.target import normal_url
from fsfax.values.webhook_secret import new_secret, require_secret

MAX_RECIPIENTS = 50
"""Mail addresses or phone numbers of one list."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
# RFC 5321, 4.1.2, without quoted local parts and address literals, which are not in use; what is
# longer is not a path of SMTP (4.5.3.1.3).
Email = Annotated[
    str,
    StringConstraints(
        pattern=rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{0,20}}$",
        max_length=254,
    ),
]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()./-]{1,30}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://", max_length=4096)]


def _normal_url(url: str) -> str:
    return normal_url(url)


WebhookUrl = Annotated[Url, AfterValidator(_normal_url)]
Secret = Annotated[str, StringConstraints(max_length=128), AfterValidator(require_secret)]


class MailTargets(ConfigModel):
    """Mail addresses that are notified."""

    send_to: Email | Annotated[list[Email], MaxItems(MAX_RECIPIENTS)] | None = Field(
        default=None, description="One address, or several."
    )

    def listed(self) -> list[str]:
        """Return the addresses, also where one stands alone."""
        return _listed(self.send_to)


class SmsTargets(ConfigModel):
    """Phone numbers that are notified by SMS."""

    send_to: Phone | Annotated[list[Phone], MaxItems(MAX_RECIPIENTS)] | None = Field(
        default=None, description="One number, or several."
    )

    def listed(self) -> list[str]:
        """Return the numbers, also where one stands alone."""
        return _listed(self.send_to)


class Notifications(ConfigModel):
    """Recipients that are notified of the result of a fax."""

    email: MailTargets | None = None
    sms: SmsTargets | None = None
    language: Language | None = Field(
        default=None, description="Language of the texts (not in Kazoo)."
    )

    def mail_addresses(self) -> list[str]:
        """Return the mail addresses, none if no field names one."""
        return self.email.listed() if self.email else []

    def phone_numbers(self) -> list[str]:
        """Return the phone numbers for SMS, none if no field names one."""
        return self.sms.listed() if self.sms else []


class Callback(ConfigModel):
    """A program that is notified; messages are signed in the Standard Webhooks form."""

    url: WebhookUrl
    method: Literal["post", "put"] = "post"
    type: Literal["json", "www-url-form-encoded"] = "json"
    secret: Secret | None = Field(
        default=None, description="Key of the signatures; generated if it is left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_secret(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict):
            return given
        secret = given.get("secret")
        if info.context != STORED:
            return given if secret else given | {"secret": new_secret()}
        if secret:
            # Checked here, so that a bad secret makes the callback unreadable as a whole: ignoring
            # the field alone would send messages unsigned.
            require_secret(str(secret))
        return given


class DirectionNotifications(Notifications):
    """Recipients that are notified of the faxes of one direction."""

    callback: Callback | None = None


class FaxboxNotifications(ConfigModel):
    """Recipients that are notified of the faxes of a faxbox."""

    inbound: DirectionNotifications | None = None
    outbound: DirectionNotifications | None = None
    language: Language | None = Field(
        default=None, description="Language of the texts (not in Kazoo)."
    )


def _listed(send_to: str | list[str] | None) -> list[str]:
    if send_to is None:
        return []
    return [send_to] if isinstance(send_to, str) else list(send_to)
