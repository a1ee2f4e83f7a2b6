"""The head of a request, parsed strictly: ambiguous heads are refused.

A proxy in front of the service and the service itself must agree where each request ends; if they
do not, one client's bytes become another client's request (request smuggling, RFC 9112, section
11.2). So only one form is accepted: one length, in digits; chunked or no transfer coding; field
names that are tokens; no folded lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import BinaryIO

MAX_HEADERS = 100
MAX_BYTES = 64 * 1024

# RFC 9110, section 5.6.2 (token) and 5.5 (field values: visible, blank, tab and obs-text).
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r?\n")
_BLANK = (b"\r\n", b"\n")


class FaultyHead(ValueError):
    """The head is refused; ``status`` is the answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read(source: BinaryIO) -> list[tuple[str, str]]:
    """Read the header fields between the request line and the body.

    Returns:
        Name (as it was sent) and value of each field.

    Raises:
        FaultyHead: too many or too long fields (431, RFC 6585), or not the syntax of RFC 9112,
            section 5 (400).
    """
    fields: list[tuple[str, str]] = []
    left = MAX_BYTES
    while (line := source.readline(left + 1)) not in _BLANK:
        left -= len(line)
        if left < 0 or len(fields) == MAX_HEADERS:
            raise FaultyHead(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"more than {MAX_HEADERS} header fields or {MAX_BYTES} bytes of them",
            )
        field = _FIELD.fullmatch(line)
        if field is None:
            raise FaultyHead(HTTPStatus.BAD_REQUEST, "a line of the head is not a header field")
        fields.append((field[1].decode("ascii"), field[2].decode("latin-1")))
    return fields


def check(fields: Iterable[tuple[str, str]], version: str) -> None:
    """Check the fields that delimit the body, and Host.

    Args:
        fields: of `read`.
        version: of the request line, as ``HTTP/1.1``.

    Raises:
        FaultyHead: 400, or 501 for a transfer coding other than chunked (RFC 9112, section 6.1).
    """
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value)
    lengths = found.get("content-length", [])
    codings = found.get("transfer-encoding", [])
    if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,18}", length) for length in lengths):
        raise FaultyHead(HTTPStatus.BAD_REQUEST, "Content-Length must be one number")
    if codings and lengths:
        raise FaultyHead(
            HTTPStatus.BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other"
        )
    if codings and [coding.lower() for coding in codings] != ["chunked"]:
        raise FaultyHead(
            HTTPStatus.NOT_IMPLEMENTED, "the only supported Transfer-Encoding is chunked"
        )
    if codings and version != "HTTP/1.1":
        raise FaultyHead(HTTPStatus.BAD_REQUEST, f"{version} has no Transfer-Encoding")
    if len(found.get("host", [])) > 1 or (version == "HTTP/1.1" and "host" not in found):
        raise FaultyHead(HTTPStatus.BAD_REQUEST, "exactly one Host header field is required")
