"""Sends notifications as short messages, through an HTTP gateway or into the log.

A gateway is anything with ``send(to, text, id) -> Result``. The HTTP one fills templates (see
`fsfax.settings.notify.SmsSettings`): what is filled into a JSON body is escaped as inside of a
JSON string, into a form or a URL it is percent-encoded, into a header it is one line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from fsfax.db.records import Job
from fsfax.egress.exchange import Resolver, resolve
from fsfax.errors import ConfigurationError, FsfaxError
from fsfax.log import get_logger
from fsfax.notify import http_post
from fsfax.notify.deliveries import Delivery
from fsfax.notify.events import NotificationKind
from fsfax.notify.send_result import Delivered, Result, RetryLater
from fsfax.notify.template_context import template_context
from fsfax.notify.template_loader import Templates
from fsfax.runtime.sanitize import one_line
from fsfax.runtime.timezone import tzinfo_of
from fsfax.settings import Settings
from fsfax.settings.notify import SmsSettings

_log = get_logger(__name__)

MAX_TEXT = 300
"""Characters of a short message: two parts."""

_REFUSALS = 5


class SmsGateway(Protocol):
    """Sends short messages."""

    def send(self, to: str, text: str, id: str) -> Result:
        """Send a text to a number; ``id`` is the same in every attempt."""


class LogGateway:
    """Writes short messages into the log alone."""

    def send(self, to: str, text: str, id: str) -> Result:
        """Log the message, as a warning: it is not sent to the recipient."""
        _log.warning("sms_only_logged", to=to, text=text, id=id)
        return Delivered()


class HttpGateway:
    """Sends short messages by an HTTP request to a provider.

    Raises:
        ConfigurationError: a template or the URL is invalid.
    """

    def __init__(self, settings: SmsSettings, resolver: Resolver = resolve) -> None:
        if not settings.url:
            raise ConfigurationError("notify.sms.gateway is http, but notify.sms.url is missing")
        self._settings = settings
        self._resolver = resolver
        is_json = settings.content_type == "application/json"
        try:
            self._url = _template(settings.url, _in_url)
            self._body = _template(settings.body, _in_json if is_json else _in_url)
            self._headers = {
                name: _template(value, _in_header) for name, value in settings.headers.items()
            }
        except TemplateError as error:
            raise ConfigurationError(f"a template in notify.sms is wrong: {error}") from error

    def send(self, to: str, text: str, id: str) -> Result:
        """Send the request."""
        try:
            request = self.request(to, text, id)
        except (TemplateError, FsfaxError) as error:
            return RetryLater(f"a template in notify.sms: {one_line(error, 200)}")
        return http_post.send(request, self._settings, refusals=_REFUSALS, resolver=self._resolver)

    def request(self, to: str, text: str, id: str) -> http_post.PostRequest:
        """Return the request for a message.

        Raises:
            TemplateError: a template cannot be rendered.
        """
        values = {
            "to": to,
            "text": text,
            "id": id,
            "sender": self._settings.sender,
            "token": self._settings.token.get_secret_value(),
        }
        headers: dict[str, str] = {"Content-Type": self._settings.content_type}
        headers |= {name: render(values) for name, render in self._headers.items()}
        body = self._body(values).encode("utf-8", "replace")
        return http_post.PostRequest(self._settings.method, self._url(values), headers, body)


class SmsSender:
    """Sends deliveries as short messages.

    Args:
        settings: ``fax.timezone``, for faxes without one.
        templates: of the text.
        gateway: sends them.
    """

    def __init__(self, settings: Settings, templates: Templates, gateway: SmsGateway) -> None:
        self._settings = settings
        self._templates = templates
        self._gateway = gateway

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Send one delivery."""
        zone = tzinfo_of(job.preferences.timezone or "", self._settings.fax.timezone)
        values = template_context(NotificationKind(delivery.kind), job, (), None, zone)
        text = self._templates.render("sms.txt", delivery.data.get("language"), values)
        return self._gateway.send(delivery.target, one_line(text, MAX_TEXT), delivery.id)


def gateway_of(settings: SmsSettings) -> SmsGateway:
    """Return the gateway that the settings name.

    Raises:
        ConfigurationError: its settings are invalid.
    """
    return HttpGateway(settings) if settings.gateway == "http" else LogGateway()


def _template(source: str, escape: Callable[[Any], str]) -> Callable[[Mapping[str, Any]], str]:
    """Return a template that escapes every value, except those marked as safe."""

    def finalize(value: Any) -> Any:
        return value if isinstance(value, Markup) else escape(value)

    environment = SandboxedEnvironment(finalize=finalize, undefined=StrictUndefined)
    return environment.from_string(source).render


def _in_json(value: Any) -> str:
    return json.dumps(str(value))[1:-1]


def _in_url(value: Any) -> str:
    return quote(str(value), safe="", errors="replace")


def _in_header(value: Any) -> str:
    return one_line(value, 4096).encode("ascii", "replace").decode("ascii")
