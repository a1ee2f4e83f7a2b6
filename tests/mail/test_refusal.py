"""Refusals: the line of an SMTP answer, and whether a later attempt may succeed."""

from __future__ import annotations

import pytest

from fsfax.mail.refusal import SmtpRefusal


def test_the_answer_has_code_status_and_reason() -> None:
    refusal = SmtpRefusal(550, "5.7.1", "the sender is not permitted")
    assert refusal.answer == "550 5.7.1 the sender is not permitted"
    assert str(refusal) == "the sender is not permitted"


def test_an_answer_is_ascii_and_fits_into_a_line_of_smtp() -> None:
    answer = SmtpRefusal(554, "5.6.1", "Büro.pdf: " + "\u202e" * 500).answer
    assert answer.startswith(r"554 5.6.1 B\xfcro.pdf: \u202e")
    assert answer.isascii()
    assert len(answer) + len("\r\n") <= 512  # RFC 5321, 4.5.3.1.5


@pytest.mark.parametrize(
    ("code", "temporary"), [(421, True), (451, True), (499, True), (500, False), (554, False)]
)
def test_4xx_is_temporary(code: int, temporary: bool) -> None:
    assert SmtpRefusal(code, "x.0.0", "").is_temporary is temporary
