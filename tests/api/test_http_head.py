"""Parsing of request heads: one form is accepted, ambiguous ones are refused. Pure."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.api import http_head
from fsfax.api.http_head import MAX_BYTES, MAX_HEADERS, FaultyHead


def read(text: bytes) -> list[tuple[str, str]]:
    return http_head.read(io.BytesIO(text))


def status_of(text: bytes, version: str = "HTTP/1.1") -> int:
    with pytest.raises(FaultyHead) as caught:
        http_head.check(read(text), version)
    return caught.value.status.value


def test_names_and_values() -> None:
    source = io.BytesIO(b"Host: x\r\nX-A:\t a b \r\nEmpty:\nLatin: \xfc\r\n\r\nbody")
    assert http_head.read(source) == [
        ("Host", "x"),
        ("X-A", "a b"),
        ("Empty", ""),
        ("Latin", "\xfc"),
    ]
    assert source.read() == b"body", "the body is not read"


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b"Name : value",
        b" folded: line",
        b"\tfolded",
        b": value",
        b"Na me: value",
        b"N\xfcme: value",
        b"X: a\0b",
        b"X: a\rb",
        b"X: a\x7fb",
        b"X: \x0bchunked",
    ],
)
def test_lines_that_are_not_header_fields(line: bytes) -> None:
    assert status_of(b"Host: x\r\n" + line + b"\r\n\r\n") == 400


def test_an_end_before_the_blank_line() -> None:
    assert status_of(b"Host: x\r\nX: incompl") == 400
    assert status_of(b"Host: x\r\n") == 400


def test_the_number_of_fields_is_limited() -> None:
    assert len(read(b"A: b\r\n" * MAX_HEADERS + b"\r\n")) == MAX_HEADERS
    assert status_of(b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n") == 431


def test_the_bytes_of_fields_are_limited() -> None:
    most = MAX_BYTES - len("A: \r\n") - 1
    assert read(b"A: " + b"b" * most + b"\r\n\r\n") == [("A", "b" * most)]
    assert status_of(b"A: " + b"b" * (most + 2) + b"\r\n\r\n") == 431


@pytest.mark.parametrize(
    "fields",
    [
        b"Host: x\r\n",
        b"host: x\r\nContent-Length: 0\r\n",
        b"Host: x\r\ncontent-length: 12345\r\n",
        b"Host: x\r\nTransfer-Encoding: Chunked\r\n",
        b"Host:\r\n",
    ],
)
def test_heads_that_are_accepted(fields: bytes) -> None:
    http_head.check(read(fields + b"\r\n"), "HTTP/1.1")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: 1234567890123456789", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: gzip", 501),
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        (b"Host: y", 400),
    ],
)
def test_heads_that_are_refused(fields: bytes, status: int) -> None:
    assert status_of(b"Host: x\r\n" + fields + b"\r\n\r\n") == status


def test_http_1_0_needs_no_host_and_has_no_chunks() -> None:
    http_head.check([], "HTTP/1.0")
    assert status_of(b"\r\n") == 400
    assert status_of(b"Transfer-Encoding: chunked\r\n\r\n", "HTTP/1.0") == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_refused(text: bytes) -> None:
    try:
        fields = read(text)
    except FaultyHead:
        return
    for name, value in fields:
        assert name.isascii()
        assert not set(name + value) & set("\r\n\0")
