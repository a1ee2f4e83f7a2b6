"""Secrets that webhook messages are signed with, in the Standard Webhooks form. Pure.

https://github.com/standard-webhooks/standard-webhooks, version 1.0.0: ``whsec_`` and the base64 of
24 to 64 bytes.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from fsfax.errors import InvalidRequest

_PREFIX = "whsec_"
_NEW_BYTES = 32
_MIN_BYTES, _MAX_BYTES = 24, 64


def new_secret() -> str:
    """Return a new random secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def require_secret(secret: str) -> str:
    """Return a secret that a client chose, if it has the form of one.

    Raises:
        InvalidRequest: it has not; the message does not show it.
    """
    try:
        is_valid = (
            secret.startswith(_PREFIX) and _MIN_BYTES <= len(signing_key(secret)) <= _MAX_BYTES
        )
    except (binascii.Error, ValueError):
        is_valid = False
    if not is_valid:
        raise InvalidRequest(
            f"a webhook's secret is whsec_ and the base64 of {_MIN_BYTES} to {_MAX_BYTES} bytes;"
            " leave it out and one is made"
        )
    return secret


def signing_key(secret: str) -> bytes:
    """Return the bytes that a secret encodes.

    Raises:
        ValueError: it is not base64.
    """
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
