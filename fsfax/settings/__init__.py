"""One typed settings object, and where its values are read from.

    model       the settings object: its sections and what belongs to none
    loading     reads it from a TOML file, the environment and the command line
    calls       nodes, gateways, timeouts, what a fax is sent with
    documents   limits of conversion and of fetching
    jobs        durable jobs, retries, received faxes
    api         the HTTP API
    notify      mails, short messages, webhooks
    smtp        email to fax
    base        what sections are made of

Secrets are `pydantic.SecretStr`: printing or logging a settings object never shows them.
"""

from fsfax.settings.api import ApiSettings
from fsfax.settings.base import Seconds, Section, WebLimits
from fsfax.settings.calls import (
    CallTimeouts,
    EslTimeouts,
    FaxDefaults,
    GatewaySettings,
    NodeSettings,
    PathMapping,
)
from fsfax.settings.documents import DocumentSettings, FetchSettings
from fsfax.settings.jobs import RETRIES, InboundSettings, JobsSettings, RetryRule
from fsfax.settings.loading import LoadedSettings, load_settings, load_with_origins
from fsfax.settings.model import LogSettings, Settings
from fsfax.settings.notify import (
    MailSettings,
    NotifySettings,
    RelaySettings,
    SmsSettings,
    WebhookSettings,
)
from fsfax.settings.smtp import SmtpSettings

__all__ = [
    "RETRIES",
    "ApiSettings",
    "CallTimeouts",
    "DocumentSettings",
    "EslTimeouts",
    "FaxDefaults",
    "FetchSettings",
    "GatewaySettings",
    "InboundSettings",
    "JobsSettings",
    "LoadedSettings",
    "LogSettings",
    "MailSettings",
    "NodeSettings",
    "NotifySettings",
    "PathMapping",
    "RelaySettings",
    "RetryRule",
    "Seconds",
    "Section",
    "Settings",
    "SmsSettings",
    "SmtpSettings",
    "WebLimits",
    "WebhookSettings",
    "load_settings",
    "load_with_origins",
]
