"""Bodies of requests that create faxes, good and broken ones."""

from __future__ import annotations

import json

import httpx

from tests.api.service import ApiUser

TO = "15550123"
LATER = "2099-01-01T00:00:00Z"
FAX = json.dumps({"data": {"to_number": TO, "from_number": "1", "not_before": LATER}})
MULTIPART = {"Content-Type": "multipart/mixed; boundary=b"}


def part(kind: str, content: bytes, *more: str) -> bytes:
    return "\r\n".join(["--b", f"Content-Type: {kind}", *more, "", ""]).encode() + content + b"\r\n"


def parts(*given: bytes) -> bytes:
    return b"".join(given) + b"--b--\r\n"


def refused(answer: httpx.Response, *codes: int) -> str:
    assert answer.status_code in codes, answer.text
    envelope = answer.json()
    assert (envelope["status"], envelope["error"]) == ("error", str(answer.status_code))
    return json.dumps(envelope["data"])


def faxes(user: ApiUser) -> int:
    return len(user.store.list(user.account, limit=1000).jobs)
