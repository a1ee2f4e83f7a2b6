"""Called numbers: which spellings are equal, and what is stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.accounts.numbers import number_key, plain_number, stored_number
from fsfax.errors import InvalidRequest

digits = st.text("0123456789", min_size=1, max_size=15)


world = st.from_regex(r"[1-9][0-9]{9,14}", fullmatch=True)


separators = st.sampled_from(["", " ", "-", ".", " (", ") ", "/", "\t"])


class TestKeys:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("+353 1 555 0100", "35315550100"),
            ("+353 1 555 0100", "0035315550100"),
            ("+1 212 555 0100", "011 1 212 555 0100"),
            ("+353 1 555 0100", "sip:+35315550100@pbx.example;user=phone"),
            ("+353 1 555 0100", "+35315550100;npdi"),
            ("tel:+353-1-555-0100", "(353) 1/555.0100"),
            ("100", " 1-0-0 "),
            ("fax.ward", "sip:fax.ward@pbx"),
        ],
    )
    def test_equal_numbers(self, one: str, other: str) -> None:
        assert number_key(one) == number_key(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("01 555 0100", "+353 1 555 0100"),  # no country is known here
            ("0113 496 0000", "+34 960 000"),  # Leeds, and not a prefix before Spain
            ("011 1234567", "1234567"),  # Turin, Sapporo
            ("00 1234", "1234"),  # too short for a number of the world
            ("000123456789", "0123456789"),
            ("100", "0100"),
            ("Fax", "fax"),  # RFC 3261 19.1.4
            ("*100", "100"),
        ],
    )
    def test_different_numbers(self, one: str, other: str) -> None:
        assert number_key(one) != number_key(other)

    @given(st.text(max_size=40) | digits | world.map("00".__add__) | world.map("+00".__add__))
    def test_the_key_of_a_key_is_itself(self, word: str) -> None:
        key = number_key(word)
        assert number_key(key) == key

    @given(world, st.sampled_from(["+", "00", "011", ""]), st.data())
    def test_all_spellings_have_one_key(
        self, number: str, prefix: str, data: st.DataObject
    ) -> None:
        written = "".join(digit + data.draw(separators) for digit in number)
        assert number_key(prefix + written) == number

    @given(digits, digits)
    def test_different_digits_are_different_numbers(self, one: str, other: str) -> None:
        if number_key(one) == number_key(other):
            longer, shorter = sorted((one, other), key=len, reverse=True)
            assert longer in (shorter, f"00{shorter}", f"011{shorter}")

    @given(st.text(max_size=80))
    def test_the_stored_form_is_the_same_number(self, word: str) -> None:
        try:
            stored = stored_number(word)
        except InvalidRequest:
            return
        assert number_key(stored) == number_key(word)
        assert stored_number(stored) == stored
        assert stored.isascii()
        assert stored.isprintable()
        assert 0 < len(stored) <= 64

    @pytest.mark.parametrize("word", ["", " ", "+", "a b", "9" * 33, "a" * 65, "x\x00", "é", "'--"])
    def test_invalid_numbers(self, word: str) -> None:
        with pytest.raises(InvalidRequest):
            stored_number(word)

    def test_only_separators_are_removed(self) -> None:
        assert stored_number("+353 (1) 555-0100") == "+35315550100"
        assert plain_number("00353 1 5550100") == "0035315550100"
