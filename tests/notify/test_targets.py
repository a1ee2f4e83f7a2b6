"""Who is told, and of what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.notify.events import EVENTS, DeliveryChannel, NotificationKind
from fsfax.notify.signature import new_secret
from fsfax.notify.targets import (
    WebhookSubscription,
    is_mail_address,
    is_phone_number,
    normal_url,
    targets,
)

SECRET = new_secret()


def told(
    kind: NotificationKind = NotificationKind.OUT_COMPLETED,
    own: Any = None,
    box: Any = None,
    hooks: tuple[WebhookSubscription, ...] = (),
    limit: int = 50,
) -> list[tuple[str, str]]:
    fields = {} if own is None else {"notifications": own}
    data = None if box is None else {"notifications": box}
    found = targets(kind, fields, data, hooks, limit)
    return [(target.channel.value, target.address) for target in found]


def mails(*to: Any) -> dict[str, Any]:
    return {"email": {"send_to": to[0] if len(to) == 1 else list(to)}}


def test_a_word_or_a_list() -> None:
    assert told(own=mails("a@example.org")) == [("mail", "a@example.org")]
    assert told(own=mails("a@b.org", "c@d.org")) == [("mail", "a@b.org"), ("mail", "c@d.org")]
    assert told(own={"sms": {"send_to": "+353 (1) 555-0100"}}) == [("sms", "+35315550100")]


def test_fax_faxbox_and_account_say_so_together() -> None:
    box = {"outbound": {**mails("box@b.org"), "sms": {"send_to": ["0155501"]}}}
    hook = WebhookSubscription(id="1", url="https://a.org/x", form="json")
    assert told(own=mails("a@b.org"), box=box, hooks=(hook,)) == [
        ("webhook", "https://a.org/x"),
        ("mail", "a@b.org"),
        ("mail", "box@b.org"),
        ("sms", "0155501"),
    ]


def test_each_direction_has_its_own() -> None:
    box = {"inbound": mails("in@b.org"), "outbound": mails("out@b.org")}
    assert told(NotificationKind.IN_COMPLETED, box=box) == [("mail", "in@b.org")]
    assert told(NotificationKind.IN_FAILED, box=box) == [("mail", "in@b.org")]
    assert told(NotificationKind.OUT_FAILED, box=box) == [("mail", "out@b.org")]


def test_nobody_is_told_twice() -> None:
    box = {"outbound": mails("a@B.ORG", "a@b.org")}
    assert told(own=mails("a@b.org", "a@b.Org"), box=box) == [("mail", "a@b.org")]


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        (NotificationKind.OUT_COMPLETED, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_FAILED, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_UNCERTAIN, {"mail", "sms", "webhook"}),
        (NotificationKind.OUT_CANCELLED, {"webhook"}),  # whoever cancels it knows
        (NotificationKind.OUT_RETRYING, {"webhook"}),
    ],
)
def test_what_goes_which_way(kind: NotificationKind, channels: set[str]) -> None:
    everyone = {**mails("a@b.org"), "sms": {"send_to": "0155501"}}
    hook = WebhookSubscription(id="1", url="https://a.org/x", form="json")
    assert {channel for channel, _ in told(kind, own=everyone, hooks=(hook,))} == channels


def test_a_webhook_gets_what_it_wants() -> None:
    some = WebhookSubscription(
        id="1", url="https://a.org/x", form="json", events=("fax.out.failed",)
    )
    assert told(NotificationKind.OUT_COMPLETED, hooks=(some,)) == []
    assert told(NotificationKind.OUT_FAILED, hooks=(some,)) == [("webhook", "https://a.org/x")]
    assert len(EVENTS) == len(NotificationKind)


def test_the_callback_of_a_faxbox() -> None:
    callback = {"url": "https://A.org/x", "method": "put", "type": "www-url-form-encoded"}
    box = {"inbound": {"callback": callback | {"secret": SECRET}}}
    (target,) = targets(NotificationKind.IN_COMPLETED, {}, {"notifications": box}, (), 50)
    assert (target.channel, target.address) == (DeliveryChannel.WEBHOOK, "https://a.org/x")
    assert target.data == {"secret": SECRET, "form": "form", "method": "PUT"}
    assert told(NotificationKind.OUT_COMPLETED, box=box) == []


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
def test_a_callback_that_is_none(callback: dict[str, Any]) -> None:
    assert told(NotificationKind.IN_COMPLETED, box={"inbound": {"callback": callback}}) == []


def test_the_language_of_whoever_says_so_first() -> None:
    own = mails("a@b.org") | {"language": "de"}
    box = {"language": "fr", "outbound": {"language": "../../x"}}
    (target,) = targets(
        NotificationKind.OUT_FAILED, {"notifications": own}, {"notifications": box}, (), 9
    )
    assert target.data == {"language": "de"}
    (target,) = targets(
        NotificationKind.OUT_FAILED,
        {"notifications": mails("a@b.org")},
        {"notifications": box},
        (),
        9,
    )
    assert target.data == {"language": "fr"}, "what is no language is passed over"


def test_so_many_and_no_more() -> None:
    many = [f"a{number}@b.org" for number in range(80)]
    assert len(told(own=mails(*many))) == 50


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
def test_no_mail_address(address: object) -> None:
    assert not is_mail_address(address)
    assert told(own=mails(address)) == []


@pytest.mark.parametrize("address", ["a@b.org", "a.b+c=d@x-y.example", "root@localhost"])
def test_a_mail_address(address: str) -> None:
    assert is_mail_address(address)


@pytest.mark.parametrize(
    "number", ["", "+", "1\n2", "1;2", "\uff10\uff11\uff12", "12345\r\n", "1" * 40]
)
def test_no_phone_number(number: str) -> None:
    assert not is_phone_number(number)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.ORG", "https://example.org/"),
        ("http://a.org:80/x?y=1#z", "http://a.org/x?y=1"),
        ("https://me:se%40cret@a.org:8443/x", "https://me:se%40cret@a.org:8443/x"),
        ("https://a.org?x=@y", "https://a.org/?x=@y"),
    ],
)
def test_one_form_of_a_url(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal


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
def test_whatever_somebody_stored(kind: NotificationKind, fields: dict[str, Any], box: Any) -> None:
    for target in targets(kind, fields, {"notifications": box}, (), 5):
        assert target.address.isprintable()
        if target.channel is DeliveryChannel.MAIL:
            assert is_mail_address(target.address)
