"""Words of strangers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.mail.harmless import file_name, one_line


@pytest.mark.parametrize(
    ("given_name", "name"),
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
def test_names_of_files(given_name: str, name: str) -> None:
    assert file_name(given_name) == name


@given(st.text(max_size=400))
def test_a_name_is_one_name(text: str) -> None:
    name = file_name(text)
    assert "/" not in name
    assert "\0" not in name
    assert name not in (".", "..")
    assert not name.startswith((".", "-"))
    assert len(name.encode()) <= 200
    assert name == file_name(name)


@given(st.text(max_size=400), st.integers(1, 50))
def test_a_line_is_one_line_of_what_can_be_seen(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert "\\u" not in json.dumps(line, ensure_ascii=False).replace("\\\\", "")
    line.encode()
