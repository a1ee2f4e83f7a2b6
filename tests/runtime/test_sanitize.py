"""Foreign text, made fit for databases, logs, terminals, mails and file names."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.runtime.sanitize import escaped, file_name, file_name_part, mail_header, one_line

LIMIT = 40
POLICIES: list[Callable[[str], str]] = [
    one_line,
    lambda text: one_line(text, LIMIT),
    lambda text: mail_header(text, LIMIT),
    escaped,
    file_name,
    lambda text: file_name_part(text, LIMIT),
]
HOSTILE = st.text(
    st.one_of(
        st.characters(),  # surrogates, too
        st.sampled_from("\r\n\0\x1b\x85\u2028\u2029\u202e\u200b\ufeff\udcff=?/\\.- "),
    ),
    max_size=400,
)


@pytest.mark.parametrize("policy", POLICIES)
@given(text=HOSTILE)
def test_every_policy_returns_one_line_and_is_idempotent(
    policy: Callable[[str], str], text: str
) -> None:
    line = policy(text)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in line)
    line.encode()
    assert json.loads(json.dumps(line)) == line
    assert policy(line) == line


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("text", ["letter-1", "+353", "Fax_2"])
def test_ordinary_text_stays_as_it_is(policy: Callable[[str], str], text: str) -> None:
    assert policy(text) == text


@given(HOSTILE, st.integers(1, 100))
def test_no_policy_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(one_line(text, limit)) <= limit
    assert len(mail_header(text, limit)) <= limit
    assert "=?" not in mail_header(text, limit)
    assert len(file_name_part(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("+353 1 555 0100", "+353 1 555 0100"),
        ("a\r\nBcc: b@c.org", "a Bcc: b@c.org"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("zero\u200bwidth", "zerowidth"),
        ("x\ud800y", "xy"),
        ("Müller  &\tSöhne\u00a0GmbH ", "Müller & Söhne GmbH"),
        ("", ""),
        (None, "None"),
        ("a" * 1000, "a" * 63 + "…"),
        (" " * 10_000 + "a", ""),
    ],
)
def test_one_line_has_visible_characters_only(text: object, line: str) -> None:
    assert one_line(text) == line


def test_a_mail_header_has_no_encoded_word() -> None:
    assert mail_header("=?utf-8?B?eA==?=", 64) == "= ?utf-8?B?eA== ?="
    assert one_line("<CA=?x@example.com>") == "<CA=?x@example.com>"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A\r\nB\x1b[31m\x00", r"A  B\x1b[31m\x00"),
        ("gnp\u202e.exe", r"gnp\u202e.exe"),
        ("日\u3000本  \ud800", r"日 本  \ud800"),
        (r"C:\temp", r"C:\temp"),
        (7, "7"),
    ],
)
def test_invisible_characters_are_escaped(text: object, line: str) -> None:
    assert escaped(text) == line


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("letter.pdf", "letter.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\letter.pdf", "letter.pdf"),
        ("..", ""),
        (".bashrc", "bashrc"),
        ("-rf.pdf", "rf.pdf"),
        ("a\r\nContent-Type: text/html\r\n.pdf", "html .pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b.pdf", "a b.pdf"),
        ('<script>"x"</script>.pdf', "script_.pdf"),
        ("Straße (1) ½.pdf", "Straße (1) ½.pdf"),
        (f"{'a' * 300}.pdf", f"{'a' * 96}.pdf"),
        (f"{'ü' * 300}.pdf", f"{'ü' * 96}.pdf"),
        (f"{'字' * 300}.pdf", f"{'字' * 65}.pdf"),
        ("\udcff.pdf", "pdf"),
        ("", ""),
    ],
)
def test_a_file_name_is_sanitised(text: str, name: str) -> None:
    assert file_name(text) == name


@given(HOSTILE)
def test_a_file_name_is_one_name_in_any_folder(text: str) -> None:
    name = file_name(text)
    assert "/" not in name
    assert name not in (".", "..")
    assert not name.startswith((".", "-"))
    assert len(name.encode()) <= 200


@given(HOSTILE)
def test_a_part_of_a_file_name_is_ascii(text: str) -> None:
    part = file_name_part(text, 40)
    assert part.isascii()
    assert not set(part) & set('./\\:*?"<>| \r\n\0')


def test_a_part_of_a_file_name_has_dashes_for_other_characters() -> None:
    assert file_name_part(" +353 (1) 555/0100 ", 24) == "+353-1-555-0100"
