"""Recipients of a notification. Pure.

Three places name them: the fax itself (``notifications.email.send_to``,
``notifications.sms.send_to``), its faxbox (``notifications.inbound`` and ``.outbound``, each with
``email``, ``sms`` and ``callback``), and the account's webhooks. Every recipient is notified once,
however often it is named.

The API validates what it accepts. A program that embeds fsfax may store any values in the fields of
a fax: what is not an address is ignored here and logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.accounts.notification_config import Callback, Notifications
from fsfax.log import get_logger
from fsfax.notify.events import BY_MAIL, BY_SMS, DeliveryChannel, NotificationKind

_log = get_logger(__name__)

_FORMS = {"json": "json", "www-url-form-encoded": "form"}


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """A recipient: ``address`` is a mail address, a phone number or a URL.

    data: what delivery needs besides: of a webhook its secret, form and method; the language.
    """

    channel: DeliveryChannel
    address: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSubscription:
    """The part of an account's webhook that matters here; no ``events`` = all."""

    id: str
    url: str
    form: str
    events: Sequence[str] = ()


def targets(
    kind: NotificationKind,
    fields: Mapping[str, Any],
    faxbox: FaxboxConfig,
    webhooks: Sequence[WebhookSubscription],
    limit: int,
) -> tuple[DeliveryTarget, ...]:
    """Return the recipients of a notification, at most ``limit``.

    Args:
        kind: the kind of notification.
        fields: the fields of the fax.
        faxbox: the configuration of its faxbox; an empty one if it has no faxbox.
        webhooks: the enabled webhooks of its account.
        limit: further recipients are left out, and the log says so.
    """
    found: dict[tuple[str, str], DeliveryTarget] = {}
    for target in _all(kind, fields, faxbox, webhooks):
        # The host of an address in another case is the same mailbox.
        found.setdefault((target.channel, target.address), target)
    if len(found) > limit:
        _log.warning("recipients_left_out", kind=kind, named=len(found), limit=limit)
    return tuple(found.values())[:limit]


def without_password(address: str) -> str:
    """Return an address as it may be shown: a URL without user and password."""
    scheme, separator, rest = address.partition("://")
    netloc, slash, path = rest.partition("/")
    return scheme + separator + netloc.rpartition("@")[2] + slash + path if separator else address


def _all(
    kind: NotificationKind,
    fields: Mapping[str, Any],
    faxbox: FaxboxConfig,
    webhooks: Sequence[WebhookSubscription],
) -> Iterator[DeliveryTarget]:
    for webhook in webhooks:
        if not webhook.events or kind.event in webhook.events:
            data = {"webhook_id": webhook.id, "form": webhook.form, "method": "POST"}
            yield DeliveryTarget(DeliveryChannel.WEBHOOK, webhook.url, data)
    own = Notifications.from_stored(fields.get("notifications"))
    if kind.is_inbound:
        of_faxbox = faxbox.inbound_notifications()
    else:
        of_faxbox = faxbox.outbound_notifications()
    faxbox_language = faxbox.notifications.language if faxbox.notifications else None
    language = own.language or of_faxbox.language or faxbox_language
    data = {"language": language} if language else {}
    if kind in BY_MAIL:
        for address in own.mail_addresses() + of_faxbox.mail_addresses():
            local, _, host = address.rpartition("@")
            yield DeliveryTarget(DeliveryChannel.MAIL, f"{local}@{host.lower()}", data)
    if kind in BY_SMS:
        for number in own.phone_numbers() + of_faxbox.phone_numbers():
            digits = "".join(c for c in number if c.isdigit())
            plus = "+" if number.startswith("+") else ""
            yield DeliveryTarget(DeliveryChannel.SMS, plus + digits, data)
    if of_faxbox.callback:
        yield _callback(of_faxbox.callback)


def _callback(callback: Callback) -> DeliveryTarget:
    data = {
        "secret": callback.secret or "",
        "form": _FORMS[callback.type],
        "method": callback.method.upper(),
    }
    return DeliveryTarget(DeliveryChannel.WEBHOOK, callback.url, data)
