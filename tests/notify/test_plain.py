"""What strangers wrote, made harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.notify.plain import file_name, one_line


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("+353 1 555 0100", "+353 1 555 0100"),
        ("a\r\nBcc: b@c.org", "a Bcc: b@c.org"),
        ("\u202egnp.exe\u202c", "gnp.exe"),  # turns the direction round
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("=?utf-8?B?eA==?=", "= ?utf-8?B?eA== ?="),
        ("x\ud800y", "x y"),
        ("Müller & Söhne", "Müller & Söhne"),
        ("", ""),
        (None, "None"),
    ],
)
def test_one_line(said: object, left: str) -> None:
    assert one_line(said) == left


def test_a_long_one_is_cut() -> None:
    assert one_line("a" * 1000) == "a" * 63 + "…"
    assert one_line(" " * 10_000 + "a") == ""


@given(st.text(), st.integers(1, 100))
def test_whatever_it_is(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "=?" not in line
    assert not any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in line)
    line.encode()  # it can be sent
    assert one_line(line, limit) == line


@given(st.text())
def test_a_file_name(text: str) -> None:
    name = file_name(text)
    assert len(name) <= 40
    assert name.isascii()
    assert not set(name) & set('./\\:*?"<>| \r\n\0')
