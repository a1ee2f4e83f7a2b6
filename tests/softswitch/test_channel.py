"""One channel: variables in FreeSWITCH's order, states, event headers, its row and its dump."""

from __future__ import annotations

import pytest

from fsfax.esl.wire import Event
from fsfax.softswitch.channel import SwitchChannel


def outbound(**variables: str) -> SwitchChannel:
    return SwitchChannel(
        uuid="a-leg",
        direction="outbound",
        number="5550101",
        caller_number="+15550190",
        caller_name="Joe",
        session_id=7,
        gateway="softswitch",
        variables=variables,
    )


def inbound(caller_name: str = "") -> SwitchChannel:
    return SwitchChannel(
        uuid="b-leg",
        direction="inbound",
        number="5550100",
        caller_number="+15550190",
        caller_name=caller_name,
        session_id=8,
    )


def test_a_variable_that_is_set_again_goes_to_the_end() -> None:
    channel = outbound()
    for name, value in (("one", "1"), ("two", "2"), ("one", "3")):
        channel.set(name, value)
    assert list(channel.variables.items())[-2:] == [("two", "2"), ("one", "3")]
    channel.set("two", "")
    assert (channel.get("two"), "two" in channel.variables) == ("", False)


def test_the_variables_of_originate_stand_between_those_of_the_channel() -> None:
    channel = outbound(fax_ident="me", direction="forged", empty="")
    names = list(channel.variables)
    assert names.index("uuid") < names.index("fax_ident") < names.index("sip_req_uri")
    assert channel.get("session_id") == "7"
    assert channel.get("sip_gateway_name") == "softswitch"
    assert channel.get("direction") == "forged"
    assert "empty" not in channel.variables
    assert "sip_from_user" not in channel.variables
    assert inbound().get("sip_from_user") == "+15550190"


@pytest.mark.parametrize(
    ("value", "is_true"),
    [
        ("true", True),
        ("Yes", True),
        ("ON", True),
        ("enabled", True),
        ("1", True),
        ("0042", True),
        ("0", False),
        ("000", False),
        ("false", False),
        ("nonsense", False),
        ("-1", False),
        ("9" * 5000, True),
    ],
)
def test_truth_as_switch_true_decides_it(value: str, is_true: bool) -> None:
    channel = outbound(fax_use_ecm=value)
    assert channel.is_true("fax_use_ecm", not is_true) is is_true


@pytest.mark.parametrize("default", [True, False])
def test_a_variable_that_is_not_set_has_the_default(default: bool) -> None:
    assert outbound().is_true("fax_use_ecm", default) is default


def test_an_answer_sets_states_and_codecs() -> None:
    channel = outbound()
    assert not channel.is_answered
    channel.mark_answered()
    assert channel.is_answered
    assert channel.picked_up.is_set()
    headers = dict(channel.headers())
    assert headers["Answer-State"] == "answered"
    assert headers["Channel-Read-Codec-Name"] == "PCMU"
    assert headers["variable_endpoint_disposition"] == "ANSWER"
    assert int(headers["Caller-Channel-Answered-Time"]) >= channel.created > 0


@pytest.mark.parametrize(
    ("answered", "sip_status", "by_far_end", "disposition", "status"),
    [
        (True, 0, True, "recv_bye", "200"),
        (True, 0, False, "send_bye", ""),
        (False, 486, True, "recv_refuse", "486"),
        (False, 0, False, "send_cancel", ""),
    ],
)
def test_the_end_of_a_call_in_sip(
    answered: bool, sip_status: int, by_far_end: bool, disposition: str, status: str
) -> None:
    channel = outbound()
    if answered:
        channel.mark_answered()
    assert channel.is_up
    channel.mark_ended("USER_BUSY", sip_status, by_far_end)
    assert not channel.is_up
    assert channel.get("sip_hangup_disposition") == disposition
    assert channel.get("sip_term_status") == status
    assert channel.get("sip_term_cause") == ("17" if status else "")
    assert channel.get("sip_invite_failure_status") == (status if sip_status else "")
    assert dict(channel.headers())["Hangup-Cause"] == "USER_BUSY"


def test_an_inbound_channel_that_is_refused_here() -> None:
    channel = inbound()
    channel.mark_ended("CALL_REJECTED", 0, by_far_end=False)
    assert channel.get("sip_hangup_disposition") == "send_refuse"


def test_the_call_detail_record() -> None:
    channel = outbound()
    channel.created = 1_000_000_000
    channel.answered = 1_005_500_000
    channel.ended, channel.cause = 1_012_600_000, "NORMAL_CLEARING"
    channel.mark_reported()
    found = {name: channel.get(name) for name in ("duration", "billsec", "mduration", "billmsec")}
    assert found == {"duration": "12", "billsec": "7", "mduration": "12600", "billmsec": "7100"}
    assert channel.get("hangup_cause_q850") == "16"
    assert channel.get("start_epoch") == "1000"
    unanswered = outbound()
    unanswered.mark_reported()
    assert (unanswered.get("answer_stamp"), unanswered.get("billsec")) == ("", "0")


@pytest.mark.parametrize(
    ("channel", "flipped", "expected"),
    [
        (outbound(), False, ("Joe", "+15550190", "Outbound Call", "5550101")),
        (outbound(), True, ("5550101", "5550101", "", "+15550190")),
        (inbound("Joe"), False, ("Joe", "+15550190", "", "")),
        (inbound(), False, ("+15550190", "+15550190", "", "")),
    ],
)
def test_which_end_the_headers_call_the_caller(
    channel: SwitchChannel, flipped: bool, expected: tuple[str, ...]
) -> None:
    channel.flipped = flipped
    headers = dict(channel.headers())
    assert expected == (
        headers["Caller-Caller-ID-Name"],
        headers["Caller-Caller-ID-Number"],
        headers["Caller-Callee-ID-Name"],
        headers["Caller-Callee-ID-Number"],
    )
    assert channel.row("host")["cid_num"] == expected[1]


def test_headers_without_variables() -> None:
    channel = outbound(fax_ident="me")
    assert ("variable_fax_ident", "me") in list(channel.headers())
    names = [name for name, _ in channel.headers(with_variables=False)]
    assert [name for name in names if name.startswith("variable_")] == []


def test_a_dump_is_read_as_an_event() -> None:
    channel = outbound()
    channel.set("evil", "a\nUnique-ID: other\tü%0A")
    event = Event.from_body(channel.dump([("Event-Name", "CHANNEL_DATA")]).encode())
    assert (event.name, event.uuid) == ("CHANNEL_DATA", "a-leg")
    assert event.variable("evil") == "a\nUnique-ID: other\tü%0A"
    assert "Hangup-Cause" not in event.headers, "headers without a value are left out"
