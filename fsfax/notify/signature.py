"""Signatures of webhook messages as in Standard Webhooks. Pure.

https://github.com/standard-webhooks/standard-webhooks, version 1.0.0: the receiver gets
``webhook-id`` (the same in every attempt), ``webhook-timestamp`` (of this attempt, seconds since
1970) and ``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.
The secret is ``whsec_`` and the base64 of 24 to 64 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from fsfax.errors import InvalidRequest

_PREFIX = "whsec_"
_BYTES = 32
_FEWEST, _MOST = 24, 64


def new_secret() -> str:
    """Return a new secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def require_secret(secret: str) -> str:
    """Return a secret that a client chose, if it is valid.

    Raises:
        InvalidRequest: it is not; the message does not show it.
    """
    try:
        good = secret.startswith(_PREFIX) and _FEWEST <= len(_key(secret)) <= _MOST
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise InvalidRequest(
            f"a webhook's secret is whsec_ and the base64 of {_FEWEST} to {_MOST} bytes;"
            " without one fsfax makes it"
        )
    return secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature if there is a secret."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if secret:
        signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
        digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
