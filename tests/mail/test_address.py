"""Mail addresses: numbers as people write them, and addresses that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.mail.address import FaxAddress, read_domains, read_recipient, read_sender
from fsfax.mail.refusal import SmtpRefusal
from fsfax.values.numbers import dialable

READ = [
    ("5550100@box.example", "5550100", "box.example", ""),
    ("+35315550100@box.example", "+35315550100", "box.example", ""),
    ("+353-1-5550100@box.example", "+35315550100", "box.example", ""),
    ("01.555.0100@box.example", "015550100", "box.example", ""),
    ('"+353 1 (555) 0100"@box.example', "+35315550100", "box.example", ""),
    (r'"\5550100"@box.example', "5550100", "box.example", ""),  # a quoted pair
    ("0228/555010@box.example", "0228555010", "box.example", ""),
    # RFC 3192
    ("FAX=+35315550100@box.example", "+35315550100", "box.example", ""),
    ("fax=5550100@box.example", "5550100", "box.example", ""),
    # sub-addressing (RFC 5233): the tag is no part of the number
    ("5550100+invoice-17@box.example", "5550100", "box.example", "invoice-17"),
    ("5550100+12@box.example", "5550100", "box.example", "12"),
    ("+353155501+a+b@box.example", "+353155501", "box.example", "a+b"),
    ("*67#@box.example", "*67#", "box.example", ""),
    ("5550100@BOX.Example.", "5550100", "box.example", ""),
    ("5550100@fäx.example", "5550100", "xn--fx-via.example", ""),
    ("5550100@FÄX.example", "5550100", "xn--fx-via.example", ""),
    ("5550100@XN--FX-VIA.example", "5550100", "xn--fx-via.example", ""),
]

REFUSED = [
    ("", "invalid address"),
    ("5550100", "invalid address"),
    ("@box.example", "invalid address"),
    ("5550100@", "invalid address"),
    ("5550100@[192.0.2.1]", "invalid address"),
    ("5550100@box..example", "invalid address"),
    ("5550100@-box.example", "invalid address"),
    (f"5550100@{'a' * 64}.example", "invalid address"),
    (f"5550100@{'a.' * 130}example", "too long"),
    (f"{'5' * 65}@box.example", "too long"),
    ("5550100@b\udcffx.example", "invalid address"),
    ("555\udcff0100@box.example", "invalid address"),
    ("5550100\r\nRCPT@box.example", "invisible character"),
    ("5550100\u202e@box.example", "invisible character"),
    ("+@box.example", "is empty"),
    ('" "@box.example', "is empty"),
    ("FAX=@box.example", "is empty"),
    ("abc@box.example", "is invalid"),
    ("fax5550100@box.example", "is invalid"),
    ("\u0665\u0665@box.example", "is invalid"),  # digits, but no telephone has them
    ("FAX=+35315550100/T33S=42@box.example", "is invalid"),  # a sub-address is not sent
    (f"{'5' * 33}@box.example", "is invalid"),
]


@pytest.mark.parametrize(("address", "number", "domain", "tag"), READ)
def test_numbers_are_read_as_people_write_them(
    address: str, number: str, domain: str, tag: str
) -> None:
    assert read_recipient(address) == FaxAddress(number, domain, tag)


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_invalid_recipient_addresses_are_refused(address: str, why: str) -> None:
    with pytest.raises(SmtpRefusal) as refused:
        read_recipient(address)
    assert why in refused.value.reason
    assert (refused.value.code, refused.value.status) == (550, "5.1.3")


def test_a_domain_is_read_in_both_spellings() -> None:
    assert read_domains("1@fäx.example") == ("xn--fx-via.example", "fäx.example")
    assert read_domains("1@box.example") == ("box.example",)
    assert read_domains("1@xn--99999999.example") == ("xn--99999999.example",)


@given(st.text(max_size=300))
def test_every_address_is_read_or_refused(address: str) -> None:
    for read in (read_recipient, read_sender, read_domains):
        try:
            found = read(address)
        except SmtpRefusal as refused:
            answer = refused.answer
            assert answer.isascii()
            assert answer.isprintable()
            assert len(answer) <= 500
            continue
        if isinstance(found, FaxAddress):
            assert dialable(found.number) == found.number
            assert found.domain.isascii()


@given(
    st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True),
    st.lists(st.sampled_from(["", "-", ".", " ", "/"]), min_size=16, max_size=16),
    st.from_regex(r"[a-z]{0,8}", fullmatch=True),
)
def test_separators_and_tags_change_no_number(number: str, between: list[str], tag: str) -> None:
    written = "".join(sign + mark for sign, mark in zip(number, between, strict=False))
    local = f'"{written}+{tag}"' if tag else f'"{written}"'
    assert read_recipient(f"{local}@box.example").number == number


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("<>", ""),
        ("", ""),
        ("Ann@Example.COM", "Ann@example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("ann@bücher.example", "ann@bücher.example"),
    ],
)
def test_sender_addresses_are_read(address: str, read: str) -> None:
    assert read_sender(address) == read


@pytest.mark.parametrize("address", ["ann", "ann@", "@example.com", "a\nb@example.com", "a@b\x00c"])
def test_invalid_sender_addresses_are_refused(address: str) -> None:
    with pytest.raises(SmtpRefusal) as refused:
        read_sender(address)
    assert refused.value.status == "5.1.7"
