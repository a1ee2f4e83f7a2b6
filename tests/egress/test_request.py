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
