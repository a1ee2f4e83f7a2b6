"""Numbers that can be dialled: separators removed, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.errors import InvalidNumber
from fsfax.values.numbers import (
    MAX_NUMBER,
    DialNumber,
    dialable,
    require_dial_number,
    without_separators,
)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("5550100", "5550100"),
        ("+49 30 1234-567", "+49301234567"),
        ("(030) 12.34/56", "030123456"),
        (" *21*5550100# ", "*21*5550100#"),
        ("+\t1\n2", "+12"),
        ("9" * MAX_NUMBER, "9" * MAX_NUMBER),
        ("+" + "9" * MAX_NUMBER, "+" + "9" * MAX_NUMBER),
    ],
)
def test_separators_are_removed(written: str, number: str) -> None:
    assert without_separators(written) == number
    assert dialable(written) == number
    require_dial_number(dialable(written))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        " - ",
        "++49",
        "49+",
        "fax",
        "5550100x",
        "5550100;ext=1",
        "5550100@host",
        "${uuid}",
        "1,2",
        "\N{ARABIC-INDIC DIGIT FIVE}55",
        "1\0",
        "9" * (MAX_NUMBER + 1),
    ],
)
def test_what_cannot_be_dialled_is_refused(written: str) -> None:
    with pytest.raises(InvalidNumber, match="cannot be dialled: use digits"):
        dialable(written)


@pytest.mark.parametrize("number", ["55 50100", "5550100\n", "(555)", "", "5550100x"])
def test_a_number_must_be_in_the_form_that_is_dialled(number: str) -> None:
    with pytest.raises(InvalidNumber):
        require_dial_number(DialNumber(number))


def test_the_message_repeats_no_more_than_sixty_characters() -> None:
    with pytest.raises(InvalidNumber) as caught:
        dialable("x" * 5000)
    assert "x" * 60 in str(caught.value)
    assert "x" * 61 not in str(caught.value)


@given(st.text(max_size=50))
def test_any_text_becomes_a_dialled_number_or_is_refused(text: str) -> None:
    try:
        number = dialable(text)
    except InvalidNumber:
        return
    assert dialable(number) == number
    assert set(number) <= set("+0123456789*#")
    assert number.rfind("+") <= 0
