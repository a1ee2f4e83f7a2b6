"""The typed settings object, and how it is loaded.

    model       `Settings`: all sections, and the settings that belong to no section
    loading     loads them from a TOML file, the environment and the command line
    calls       nodes, gateways, timeouts, defaults of a fax
    documents   limits of conversion and of fetching
    jobs        durable jobs, retries, inbound faxes
    api         the HTTP API
    notify      notifications: mails, short messages, webhooks
    smtp        email to fax
    base        the base class of sections, durations, limits of outbound HTTP

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
