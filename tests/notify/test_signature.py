"""Signatures of webhook messages, checked by an independent library."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from fsfax.errors import InvalidRequest
from fsfax.notify.payload import encode
from fsfax.notify.signature import sign
from fsfax.values.webhook_secret import new_secret, require_secret


@given(st.binary(max_size=300))
def test_signatures_are_those_of_the_standard(body: bytes) -> None:
    secret = new_secret()
    headers = sign(secret, "msg_1", int(time.time()), body)
    # Its `verify` reads the body as JSON; what is signed are bytes.
    theirs = Webhook(secret)
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    assert theirs.sign("msg_1", at, text) == headers["webhook-signature"]


def test_a_whole_message_is_verified() -> None:
    secret = new_secret()
    body = encode({"type": "fax.out.completed", "data": {"to": "Müller \u202e"}}, "json")
    headers = sign(secret, "msg_1", int(time.time()), body)
    assert Webhook(secret).verify(body, headers)["type"] == "fax.out.completed"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"completed", b"failed"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    old = sign(secret, "msg_1", int(time.time()) - 1000, body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, old)


def test_without_a_secret_there_is_no_signature() -> None:
    assert sign("", "msg_1", 7, b"") == {"webhook-id": "msg_1", "webhook-timestamp": "7"}


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!!", "whsec_QUJD", "abc", "whsec_" + "A" * 100, "whsec_" + "A" * 43],
)
def test_an_invalid_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        require_secret(secret)
    assert not secret or secret == "whsec_" or secret not in str(caught.value)


def test_a_chosen_secret_is_accepted() -> None:
    for secret in (new_secret(), "whsec_" + "A" * 32):
        assert require_secret(secret) == secret
