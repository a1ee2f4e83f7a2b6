"""Signatures of webhooks in the Standard Webhooks form. Pure.

https://github.com/standard-webhooks/standard-webhooks, version 1.0.0: the receiver gets
``webhook-id`` (the same in every try), ``webhook-timestamp`` (seconds since 1970, of this try)
and ``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``. The
secret is ``whsec_`` and the base64 of 24 to 64 bytes.
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
    """Return a secret that somebody chose, if it is one.

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
            " leave it out and one is made"
        )
    return secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that show whom a message is from; without a secret unsigned ones."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if secret:
        signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
        digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
