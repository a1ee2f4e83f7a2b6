"""Secrets of webhooks: 24 to 64 bytes in base64, made here or chosen by a client."""

from __future__ import annotations

import base64

import pytest

from fsfax.errors import InvalidRequest
from fsfax.values.webhook_secret import new_secret, require_secret, signing_key


def encoded(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def test_a_new_secret_has_32_random_bytes() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(signing_key(one)) == 32
    assert require_secret(one) == one


@pytest.mark.parametrize("length", [24, 25, 32, 64])
def test_a_secret_that_a_client_chose(length: int) -> None:
    assert require_secret(encoded(length)) == encoded(length)
    assert signing_key(encoded(length)) == bytes(range(length))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        encoded(23),
        encoded(65),
        encoded(32).removeprefix("whsec_"),
        encoded(32).upper(),
        encoded(32)[:-1],  # the padding is missing
        "whsec_" + "é" * 40,
        "whsec_" + "*" * 44,
        encoded(32) + "\n",
    ],
)
def test_what_is_no_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(InvalidRequest, match="24 to 64 bytes") as caught:
        require_secret(secret)
    assert len(secret) < 7 or secret not in str(caught.value)


@pytest.mark.parametrize("secret", ["whsec_ä", "whsec_****", "whsec_abc"])
def test_the_key_of_what_is_no_base64_is_an_error(secret: str) -> None:
    with pytest.raises(ValueError, match=r"ASCII|base64|padding"):
        signing_key(secret)
