"""Recipients of notifications."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.accounts.notification_config import Email
from fsfax.notify.events import EVENTS, DeliveryChannel, NotificationKind
from fsfax.notify.targets import WebhookSubscription, targets
from fsfax.values.webhook_secret import new_secret

SECRET = new_secret()


def config(notifications: Any) -> FaxboxConfig:
    return FaxboxConfig.from_stored({"notifications": notifications})


def notified(
    kind: NotificationKind = NotificationKind.OUT_COMPLETED,
    own: Any = None,
    box: Any = None,
    hooks: tuple[WebhookSubscription, ...] = (),
    limit: int = 50,
) -> list[tuple[str, str]]:
    fields = {} if own is None else {"notifications": own}
    found = targets(kind, fields, config(box), hooks, limit)
    return [(target.channel.value, target.address) for target in found]


def mails(*to: Any) -> dict[str, Any]:
    return {"email": {"send_to": to[0] if len(to) == 1 else list(to)}}


def test_send_to_is_one_recipient_or_a_list() -> None:
    assert notified(own=mails("a@example.org")) == [("mail", "a@example.org")]
    assert notified(own=mails("a@b.org", "c@d.org")) == [("mail", "a@b.org"), ("mail", "c@d.org")]
    assert notified(own={"sms": {"send_to": "+353 (1) 555-0100"}}) == [("sms", "+35315550100")]


def test_recipients_of_fax_faxbox_and_account_add_up() -> None:
    box = {"outbound": {**mails("box@b.org"), "sms": {"send_to": ["0155501"]}}}
    hook = WebhookSubscription(id="1", url="https://a.org/x", form="json")
    assert notified(own=mails("a@b.org"), box=box, hooks=(hook,)) == [
        ("webhook", "https://a.org/x"),
        ("mail", "a@b.org"),
        ("mail", "box@b.org"),
        ("sms", "0155501"),
    ]


def test_each_direction_has_its_own_recipients() -> None:
    box = {"inbound": mails("in@b.org"), "outbound": mails("out@b.org")}
    assert notified(NotificationKind.IN_COMPLETED, box=box) == [("mail", "in@b.org")]
    assert notified(NotificationKind.IN_FAILED, box=box) == [("mail", "in@b.org")]
    assert notified(NotificationKind.OUT_FAILED, box=box) == [("mail", "out@b.org")]


def test_no_recipient_is_notified_twice() -> None:
    box = {"outbound": mails("a@B.ORG", "a@b.org")}
    assert notified(own=mails("a@b.org", "a@b.Org"), box=box) == [("mail", "a@b.org")]


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        (NotificationKind.OUT_COMPLETED, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_FAILED, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_UNCERTAIN, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_CANCELLED, {"webhook"}),  # the client that cancels it knows
        (NotificationKind.OUT_RETRYING, {"webhook"}),
    ],
)
def test_each_kind_is_sent_by_its_channels(kind: NotificationKind, channels: set[str]) -> None:
    everyone = {**mails("a@b.org"), "sms": {"send_to": "0155501"}}
    hook = WebhookSubscription(id="1", url="https://a.org/x", form="json")
    assert {channel for channel, _ in notified(kind, own=everyone, hooks=(hook,))} == channels


def test_a_webhook_is_sent_only_its_events() -> None:
    some = WebhookSubscription(
        id="1", url="https://a.org/x", form="json", events=("fax.out.failed",)
    )
    assert notified(NotificationKind.OUT_COMPLETED, hooks=(some,)) == []
    assert notified(NotificationKind.OUT_FAILED, hooks=(some,)) == [("webhook", "https://a.org/x")]
    assert len(EVENTS) == len(NotificationKind)


def test_the_callback_of_a_faxbox_is_notified_as_it_is_configured() -> None:
    callback = {"url": "https://A.org/x", "method": "put", "type": "www-url-form-encoded"}
    box = {"inbound": {"callback": callback | {"secret": SECRET}}}
    (target,) = targets(NotificationKind.IN_COMPLETED, {}, config(box), (), 50)
    assert (target.channel, target.address) == (DeliveryChannel.WEBHOOK, "https://a.org/x")
    assert target.data == {"secret": SECRET, "form": "form", "method": "PUT"}
    assert notified(NotificationKind.OUT_COMPLETED, box=box) == []


@pytest.mark.parametrize(
    "callback",
    [
        {"url": "ftp://a.org/"},
        {"url": 7},
        {},
        {"url": "https://a.org/x", "secret": "whsec_short"},
        {"url": "https://a.org/x\r\nX: y"},
    ],
)
def test_an_invalid_callback_is_ignored(callback: dict[str, Any]) -> None:
    assert notified(NotificationKind.IN_COMPLETED, box={"inbound": {"callback": callback}}) == []


def test_the_first_valid_language_is_used() -> None:
    own = mails("a@b.org") | {"language": "de"}
    box = {"language": "fr", "outbound": {"language": "../../x"}}
    (target,) = targets(NotificationKind.OUT_FAILED, {"notifications": own}, config(box), (), 9)
    assert target.data == {"language": "de"}
    (target,) = targets(
        NotificationKind.OUT_FAILED,
        {"notifications": mails("a@b.org")},
        config(box),
        (),
        9,
    )
    assert target.data == {"language": "fr"}, "an invalid language is ignored"


def test_recipients_beyond_the_limit_are_left_out() -> None:
    many = [f"a{number}@b.org" for number in range(80)]
    assert len(notified(own=mails(*many))) == 50


@pytest.mark.parametrize(
    "address",
    [
        "a@b.org\r\nBcc: c@d.org",
        "a@b.org\n",
        "a b@c.org",
        "a@b@c.org",
        "<a@b.org>",
        "a@b.org,c@d.org",
        "a@-b.org",
        "a@b..org",
        "@b.org",
        "a@",
        "a\x00@b.org",
        '"a b"@c.org',
        "a@[127.0.0.1]",
        "ä@b.org",
        "a@" + "b" * 254,
        "a" * 65 + "@b.org",
        None,
        7,
        {"a@b.org": 1},
    ],
)
def test_an_invalid_mail_address_is_ignored(address: object) -> None:
    assert notified(own=mails(address)) == []


@pytest.mark.parametrize("address", ["a@b.org", "a.b+c=d@x-y.example", "root@localhost"])
def test_a_valid_mail_address_is_notified(address: str) -> None:
    assert notified(own=mails(address)) == [("mail", address)]


@pytest.mark.parametrize(
    "number", ["", "+", "1\n2", "1;2", "\uff10\uff11\uff12", "12345\r\n", "1" * 40]
)
def test_an_invalid_phone_number_is_ignored(number: str) -> None:
    assert notified(own={"sms": {"send_to": number}}) == []
    assert notified(own={"sms": {"send_to": [number, "155501"]}}) == [("sms", "155501")]


NAMES = "notifications email sms send_to inbound outbound callback url secret type method language"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES.split()) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(NotificationKind),
    st.dictionaries(st.just("notifications"), json_values),
    json_values,
)
def test_any_stored_json_gives_valid_addresses(
    kind: NotificationKind, fields: dict[str, Any], box: Any
) -> None:
    for target in targets(kind, fields, config(box), (), 5):
        assert target.address.isprintable()
        if target.channel is DeliveryChannel.MAIL:
            TypeAdapter(Email).validate_python(target.address)
