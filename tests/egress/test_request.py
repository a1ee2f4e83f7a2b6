"""The request for a document: what cannot be fetched is refused when the request is made."""

from __future__ import annotations

from typing import Any

import pytest

from fsfax.egress.request import FetchRequest
from fsfax.errors import InvalidFetch

REQUESTS = [
    {"url": "https://example.com/a.pdf"},
    {"url": "http://user:secret@host/", "method": "post", "content": "x", "content_type": "a/b"},
]


@pytest.mark.parametrize(
    "values",
    [
        {"url": "file:///etc/passwd"},
        {"url": "http://x/", "content": "y" * 257, "method": "post"},
        {"url": "http://x/", "host": "a b"},
        {"url": "http://x/", "referer": "a\r\nb: c"},
    ],
)
def test_malformed_requests_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidFetch):
        FetchRequest(**values)


@pytest.mark.parametrize("values", REQUESTS)
def test_a_stored_request_reads_back(values: dict[str, Any]) -> None:
    request = FetchRequest(**values)
    assert FetchRequest.from_dict(request.as_dict() | {"of_a_later_version": 1}) == request


def test_a_stored_request_stays_readable_when_the_rules_change() -> None:
    assert FetchRequest.from_dict({"url": "gopher://x/"}).url == "gopher://x/"


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "ftp://host/"},
        {"method": "put"},
        {"content": "x" * 257},
        {"content_type": "text/plain\r\nX-Evil: 1"},
        {"content_type": "text/ü"},
        {"referer": "http://x/\nX: 1"},
        {"referer": "x" * 2049},
        {"host": "host\r\nX: 1"},
        {"host": "host/path"},
        {"host": "user@host"},
    ],
)
def test_what_cannot_be_sent_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidFetch):
        FetchRequest(**{"url": "http://host/", **fields})
    assert FetchRequest(url="http://host/", content="ü" * 256, host="[::1]:80")
