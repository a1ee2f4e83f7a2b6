"""Who is told of a piece of news. Pure.

Three say so: the fax itself (``notifications.email.send_to``, ``notifications.sms.send_to``), its
faxbox (``notifications.inbound`` and ``.outbound``, each with ``email``, ``sms`` and
``callback``), and the account's webhooks. Everybody who is named is told, and nobody twice.

What was accepted by the API was checked there. A program that embeds fsfax may have put anything
into a fax's fields: what is no address is passed over here, and the log says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from fsfax.egress.target import parse_url
from fsfax.errors import FsfaxError
from fsfax.log import get_logger
from fsfax.notify.events import BY_MAIL, BY_SMS, DeliveryChannel, NotificationKind
from fsfax.notify.signature import require_secret
from fsfax.runtime.sanitize import one_line

_log = get_logger(__name__)

# RFC 5321, 4.1.2, without quoted local parts and address literals, which nobody has.
_MAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?=[A-Za-z0-9.-]{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,30}\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?\Z")
_FORMS = {"json": "json", "form": "form", "www-url-form-encoded": "form"}
_METHODS = {"post": "POST", "put": "PUT"}


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """Somebody who is told: ``address`` is a mail address, a phone number or a URL.

    data: what has to be known besides: of a webhook its secret, form and method; the language.
    """

    channel: DeliveryChannel
    address: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSubscription:
    """A webhook of an account, as far as it matters here; no ``events`` = all."""

    id: str
    url: str
    form: str
    events: Sequence[str] = ()


def targets(
    kind: NotificationKind,
    fields: Mapping[str, Any],
    faxbox: Mapping[str, Any] | None,
    webhooks: Sequence[WebhookSubscription],
    limit: int,
) -> tuple[DeliveryTarget, ...]:
    """Return who is told of news of that kind, at most ``limit``.

    Args:
        kind: the kind of news.
        fields: those of the fax.
        faxbox: the data of its faxbox, if it has one.
        webhooks: those of its account that are enabled.
        limit: further ones are left out, and the log says so.
    """
    found: dict[tuple[str, str], DeliveryTarget] = {}
    for target in _all(kind, fields, faxbox or {}, webhooks):
        # The host of an address in another case is the same mailbox.
        found.setdefault((target.channel, target.address), target)
    if len(found) > limit:
        _log.warning("recipients_left_out", kind=kind, named=len(found), told=limit)
    return tuple(found.values())[:limit]


def is_mail_address(text: object) -> TypeGuard[str]:
    """Tell whether a text is an address that a mail can be sent to."""
    return isinstance(text, str) and bool(_MAIL.match(text))


def is_phone_number(text: object) -> TypeGuard[str]:
    """Tell whether a text is a number that a short message can be sent to."""
    return isinstance(text, str) and bool(_PHONE.match(text))


def normal_url(url: object) -> str:
    """Return a webhook's URL in its one form.

    Raises:
        InvalidFetch: it is none.
    """
    target = parse_url(url if isinstance(url, str) else "")
    name, at, _ = urlsplit(str(url).strip(" ")).netloc.rpartition("@")
    # The credentials stay where they are: they are part of the address that was given.
    return f"{target.scheme}://{name}{at}{target.authority}{target.path}"


def without_password(address: str) -> str:
    """Return an address as people may see it: a URL without user and password."""
    scheme, separator, rest = address.partition("://")
    netloc, slash, path = rest.partition("/")
    return scheme + separator + netloc.rpartition("@")[2] + slash + path if separator else address


def _all(
    kind: NotificationKind,
    fields: Mapping[str, Any],
    faxbox: Mapping[str, Any],
    webhooks: Sequence[WebhookSubscription],
) -> Iterator[DeliveryTarget]:
    own = _inside(fields, "notifications")
    box = _inside(faxbox, "notifications")
    side = _inside(box, "inbound" if kind.is_inbound else "outbound")
    for hook in webhooks:
        if not hook.events or kind.event in hook.events:
            data = {"webhook_id": hook.id, "form": hook.form, "method": "POST"}
            yield DeliveryTarget(DeliveryChannel.WEBHOOK, hook.url, data)
    words = _language(own, side, box)
    if kind in BY_MAIL:
        for address in _named(own, side, "email", is_mail_address):
            local, _, host = address.rpartition("@")
            yield DeliveryTarget(DeliveryChannel.MAIL, f"{local}@{host.lower()}", words)
    if kind in BY_SMS:
        for number in _named(own, side, "sms", is_phone_number):
            digits = "".join(c for c in number if c.isdigit())
            yield DeliveryTarget(
                DeliveryChannel.SMS, ("+" if number[0] == "+" else "") + digits, words
            )
    if callback := _inside(side, "callback"):
        yield from _callback(callback)


def _language(*places: Mapping[str, Any]) -> dict[str, str]:
    """The language that the first place with one names."""
    for place in places:
        language = place.get("language")
        if isinstance(language, str) and _LANGUAGE.match(language):
            return {"language": language}
    return {}


def _callback(callback: Mapping[str, Any]) -> Iterator[DeliveryTarget]:
    try:
        url = normal_url(callback.get("url"))
        secret = callback.get("secret") or ""
        if secret:
            require_secret(str(secret))
    except FsfaxError as error:
        _log.warning("callback_passed_over", why=one_line(error, 200))
        return
    data = {
        "secret": str(secret),
        "form": _FORMS.get(str(callback.get("type") or "json").lower(), "json"),
        "method": _METHODS.get(str(callback.get("method") or "post").lower(), "POST"),
    }
    yield DeliveryTarget(DeliveryChannel.WEBHOOK, url, data)


def _named(
    own: Mapping[str, Any],
    side: Mapping[str, Any],
    channel: str,
    is_good: Callable[[object], TypeGuard[str]],
) -> Iterator[str]:
    for where in (own, side):
        named = _inside(where, channel).get("send_to")
        for each in named if isinstance(named, list | tuple) else [named]:
            if is_good(each):
                yield each
            elif each is not None:
                said = one_line(repr(each), 80)
                _log.warning("recipient_passed_over", channel=channel, recipient=said)


def _inside(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}
