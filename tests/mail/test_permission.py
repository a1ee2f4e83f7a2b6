"""Permission: which senders a faxbox permits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.mail.permission import PermissionDecision, judge

CASES = [
    ("ann@example.com", ["ann@example.com"], True),
    ("Ann@Example.COM", ["ann@example.com"], True),
    ("ann@example.com", [" ANN@EXAMPLE.COM "], True),
    ("bob@example.com", ["ann@example.com"], False),
    # An address is no pattern: in the original each of these is let in.
    ("ann@example.com.evil.example", ["ann@example.com"], False),
    ("joann@example.com", ["ann@example.com"], False),
    ("ann@exampleXcom", ["ann@example.com"], False),
    ("ann+fax@example.com", ["ann+fax@example.com"], True),
    ("annnfax@example.com", ["ann+fax@example.com"], False),
    # domains
    ("ann@example.com", ["@example.com"], True),
    ("ann@example.com", ["*@example.com"], True),
    ("ann@sub.example.com", ["@example.com"], False),
    ("ann@example.com.evil.example", ["@example.com"], False),
    ('"x@example.com"@evil.example', ["@example.com"], False),
    # patterns, anywhere in the address
    ("ann@example.com", ["example"], True),
    ("ann@example.com", [r".*@example\.com$"], True),
    ("ANN@EXAMPLE.COM", [r"^ann@.+\.com$"], True),
    ("ann@example.com", [r"first.+@example.com", r"ann|bob"], True),
    ("ann@example.org", [r"@example\.com$"], False),
    ("ann@bücher.example", ["bücher"], True),
    # nothing
    ("ann@example.com", [], False),
    ("ann@example.com", ["", "  "], False),
    ("", [".*"], False),
]


@pytest.mark.parametrize(("sender", "entries", "allowed"), CASES)
def test_a_list_permits_addresses_domains_and_patterns(
    sender: str, entries: list[str], allowed: bool
) -> None:
    assert judge(sender, entries).allowed is allowed


def test_an_empty_list_permits_what_the_caller_says() -> None:
    assert judge("ann@example.com", [], when_empty=True).allowed
    assert not judge("", [], when_empty=True).allowed
    assert not judge("ann@example.com", ["bob@example.com"], when_empty=True).allowed


@pytest.mark.parametrize("broken", ["(", "a{99999}", "[z-a]", "*@@", "(?P<a", r"\1", "(?=x)"])
def test_an_invalid_expression_matches_no_sender(broken: str) -> None:
    assert judge("ann@example.com", [broken]) == PermissionDecision(False, (broken,))
    assert judge("ann@example.com", [broken, "ann@example.com"]) == PermissionDecision(
        True, (broken,)
    )


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*b){25}$", "([a-z]+)*@@$"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Python's own engine would take years."""
    assert not judge("a" * 63 + "@example.com", [pattern] * 50).allowed


@given(st.text(max_size=100), st.lists(st.text(max_size=30), max_size=5))
def test_any_list_is_judged(sender: str, entries: list[str]) -> None:
    verdict = judge(sender, entries)
    assert set(verdict.broken) <= {entry.strip() for entry in entries}


@given(
    st.from_regex(r"[a-z0-9]{1,20}@[a-z0-9]{1,20}\.example", fullmatch=True), st.text(max_size=9)
)
def test_an_address_permits_itself_alone(address: str, more: str) -> None:
    assert judge(address.upper(), [address]).allowed
    if more:
        assert not judge(address + more, [address]).allowed
        assert not judge(more + address, [address]).allowed
