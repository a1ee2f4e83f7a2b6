"""Patterns of callers: which callers may send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.accounts.callers import is_anonymous, matches, may_send, normalized_caller_pattern
from fsfax.errors import InvalidRequest

digits = st.text("0123456789", min_size=1, max_size=15)


world = st.from_regex(r"[1-9][0-9]{9,14}", fullmatch=True)


CALLER = "+35315550100"


class TestCallers:
    @pytest.mark.parametrize(
        ("lists", "caller", "expected"),
        [
            ({}, "", True),
            ({"allow": [], "block": []}, "anonymous", True),
            ({"allow": ["+353 1 555 0100"]}, "0035315550100", True),
            ({"allow": ["+353 1 555 0100"]}, "35315550101", False),
            ({"allow": ["+3531*"]}, CALLER, True),
            ({"allow": ["003531*"]}, CALLER, True),
            ({"allow": ["+353 1*"]}, "00353 1 5550100", True),
            ({"allow": ["+3531*"]}, "", False),  # a withheld number matches no number
            ({"allow": ["+3531*", "anonymous"]}, "", True),
            ({"allow": ["anonymous"]}, CALLER, False),
            ({"block": ["anonymous"]}, "anonymous", False),
            ({"block": ["anonymous"]}, "0000000000", False),
            ({"block": ["anonymous"]}, CALLER, True),
            ({"block": [CALLER]}, "35315550100", False),
            ({"block": [CALLER]}, "+35315550101", True),
            ({"block": ["*"]}, CALLER, False),
            ({"block": ["*"]}, "", False),
            ({"allow": ["*"], "block": ["+35315*"]}, CALLER, False),  # block wins
            ({"allow": [CALLER], "block": ["+35315*"]}, CALLER, False),
            ({"allow": [CALLER], "block": ["+44*"]}, CALLER, True),
            ({"block": ["01*"]}, "015550100", False),  # the country's own way of writing
            ({"block": ["01*"]}, CALLER, True),
            ({"block": ["+*"]}, CALLER, False),
            ({"block": ["alice"]}, "alice", False),
            ({"block": ["nonsense here", CALLER]}, CALLER, False),
        ],
    )
    def test_which_callers_may_send(
        self, lists: dict[str, Any], caller: str, expected: bool
    ) -> None:
        assert may_send(caller, **lists) is expected

    @given(digits, st.sampled_from(["", "+"]), st.integers(1, 15))
    def test_the_beginning_of_a_number_matches_it(
        self, number: str, plus: str, length: int
    ) -> None:
        caller = plus + number
        if not is_anonymous(caller):
            assert matches(f"{plus}{number[:length]}*", caller)
            assert matches(caller, caller)

    @given(world, world)
    def test_a_pattern_matches_no_other_number(self, one: str, other: str) -> None:
        assert matches(f"+{one}", other) is (one == other)
        assert matches(f"+{one}*", other) is other.startswith(one)

    @given(st.text(max_size=40), st.lists(st.text(max_size=20)), st.lists(st.text(max_size=20)))
    def test_any_text(self, caller: str, allow: list[str], block: list[str]) -> None:
        is_allowed = may_send(caller, allow=allow, block=block)
        assert not may_send(caller, allow=allow, block=[*block, "*"])
        if is_allowed:
            assert may_send(caller, block=block)

    @given(st.text(max_size=70))
    def test_a_pattern_that_is_stored(self, word: str) -> None:
        try:
            stored = normalized_caller_pattern(word)
        except InvalidRequest:
            return
        assert normalized_caller_pattern(stored) == stored
        assert stored.isascii()
        assert stored.isprintable()

    @pytest.mark.parametrize(
        "entry", ["", "+353*1", "*1*", "**", "a b", "+", "ward*", "\x1b[31m", "*\n*"]
    )
    def test_invalid_patterns(self, entry: str) -> None:
        with pytest.raises(InvalidRequest):
            normalized_caller_pattern(entry)
