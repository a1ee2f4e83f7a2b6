"""Dial strings: a value arrives in FreeSWITCH unchanged, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.errors import InvalidNumber, InvalidRequest
from fsfax.esl.dialstring import Gateway, Originate, SipUri, parse
from fsfax.values.numbers import DialNumber, dialable

GATEWAY = Gateway("peer", DialNumber("+15551230000"))


def test_the_command_line_of_an_originate() -> None:
    line = Originate(
        GATEWAY, {"origination_uuid": "40e2-b9", "fax_ident": "%2B1"}, "txfax", "/spool/a.tif"
    ).render()
    assert line == (
        "{origination_uuid=40e2-b9,fax_ident=%2B1}sofia/gateway/peer/+15551230000"
        " &txfax(/spool/a.tif)"
    )


def test_other_endpoints() -> None:
    assert SipUri("external", DialNumber("100"), "192.0.2.7:5062").render() == (
        "sofia/external/100@192.0.2.7:5062"
    )
    assert Originate(GATEWAY).render() == "sofia/gateway/peer/+15551230000 &park"


VALUES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}"), max_size=40
).filter(lambda text: ":_:" not in text)


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True), VALUES))
def test_values_arrive_unchanged(variables: dict[str, str]) -> None:
    line = Originate(GATEWAY, variables, "txfax", "/a b/(c.tif").render()
    parsed = parse(line)
    # An empty value is not set at all.
    assert parsed.variables == {name: value for name, value in variables.items() if value}
    assert parsed.endpoint == "sofia/gateway/peer/+15551230000"
    assert (parsed.application, parsed.argument) == ("txfax", "/a b/(c.tif")


@given(st.text(max_size=60))
def test_no_value_adds_a_variable_or_a_command(value: str) -> None:
    """Any text of a user arrives as the one value, or no command line is made."""
    try:
        line = Originate(GATEWAY, {"name": value, "last": "x"}, "txfax", "/a.tif").render()
    except InvalidRequest:
        return
    assert "\n" not in line
    assert "\r" not in line
    parsed = parse(line)
    assert set(parsed.variables) <= {"name", "last"}
    assert parsed.variables["last"] == "x"
    assert (parsed.application, parsed.argument) == ("txfax", "/a.tif")


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\rb", "a\0b", "}sofia/gateway/x/1 &system(id)", "${uuid}", "a:_:b", "a{b", "\x7f"],
)
def test_refused_values(value: str) -> None:
    with pytest.raises(InvalidRequest, match="fax_header"):
        Originate(GATEWAY, {"fax_header": value})


@pytest.mark.parametrize("name", ["", "a b", "a=b", "1a", "a,b", "ä"])
def test_refused_names(name: str) -> None:
    with pytest.raises(InvalidRequest):
        Originate(GATEWAY, {name: "x"})


@pytest.mark.parametrize("path", ["/a).tif", "/$x", "/a\nb", " /a", "/a'b", "/a\\b", "/{a}"])
def test_refused_arguments(path: str) -> None:
    with pytest.raises(InvalidRequest):
        Originate(GATEWAY, {}, "txfax", path)


@pytest.mark.parametrize("application", ["", "tx fax", "txfax(", "a,b"])
def test_refused_applications(application: str) -> None:
    with pytest.raises(InvalidRequest):
        Originate(GATEWAY, {}, application)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+353 (1) 555-0100", "+35315550100"),
        ("0049.30/1234", "0049301234"),
        ("*31#123", "*31#123"),
        ("1", "1"),
    ],
)
def test_written_numbers_are_made_dialable(written: str, dialled: str) -> None:
    assert dialable(written) == dialled


def test_a_dial_string_does_not_normalise_a_number() -> None:
    with pytest.raises(InvalidNumber):
        Gateway("peer", DialNumber("+353 (1) 555-0100"))


@pytest.mark.parametrize(
    "number",
    ["", "+", "12a", "1+2", "1,2", "1@host", "1 &system(id)", "1|2", "٣", "1" * 40, "1\n2;x"],
)
def test_refused_numbers(number: str) -> None:
    with pytest.raises(InvalidNumber):
        Gateway("peer", DialNumber(number))
    with pytest.raises(InvalidNumber):
        SipUri("external", DialNumber(number), "192.0.2.7")


@pytest.mark.parametrize("gateway", ["", "a/b", "a b", "a,b", "a|b"])
def test_refused_gateways(gateway: str) -> None:
    with pytest.raises(InvalidRequest):
        Gateway(gateway, DialNumber("1"))
    with pytest.raises(InvalidRequest):
        SipUri(gateway, DialNumber("1"), "host")
    with pytest.raises(InvalidRequest):
        SipUri("profile", DialNumber("1"), gateway)


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        # FreeSWITCH 1.10.12 was given each of them and read it so.
        (r"{x='a, b'}e &park", {"x": "a"}),  # quotes do not protect a comma
        (r"{x='a\, b'}e &park", {"x": "a, b"}),
        ("{^^;a=1;b='x, y'}e &park", {"a": "1", "b": "x, y"}),
        (r"{x=a\sb}e &park", {"x": "a b"}),
        ("{x=${uuid},y=1}e &park", {"y": "1"}),
        ("{a=1}{b=2}e &park", {"a": "1", "b": "2"}),
    ],
)
def test_the_model_reads_like_freeswitch(line: str, variables: dict[str, str]) -> None:
    assert parse(line).variables == variables


@pytest.mark.parametrize("line", ["", "one", "{a=1 &park", "1 2 3 4 5 6 7 8"])
def test_the_model_refuses_like_freeswitch(line: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(line)
