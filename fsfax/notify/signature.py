"""Signatures of webhook messages as in Standard Webhooks. Pure.

https://github.com/standard-webhooks/standard-webhooks, version 1.0.0: the receiver gets
``webhook-id`` (the same in every attempt), ``webhook-timestamp`` (of this attempt, seconds since
1970) and ``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.
The secret is ``whsec_`` and the base64 of 24 to 64 bytes.
The secret is made by `fsfax.values.webhook_secret`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from fsfax.values.webhook_secret import signing_key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature if there is a secret."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if secret:
        signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
        digest = hmac.new(signing_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers
