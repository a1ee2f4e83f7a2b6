"""Events of FreeSWITCH to observations, on recordings of real calls and on made-up events."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine.observations import (
    SUBSCRIPTIONS,
    Answered,
    Created,
    Dialling,
    FaxFinished,
    FaxStarted,
    FaxStopped,
    HungUp,
    Negotiated,
    Observation,
    OriginateReply,
    PageDone,
    Parked,
    Ringing,
    observe,
    observe_dump,
)
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import judge_sent
from fsfax.esl.wire import Event, FrameReader, encode_event
from tests.engine import captured
from tests.engine.observed import CALL
from tests.engine.observed import page as page_done


@pytest.mark.parametrize("name", captured.NAMES)
def test_the_hangup_event_alone_has_the_result(name: str) -> None:
    """The result event may be lost: the channel's variables repeat it."""
    whole = captured.transcript(name)
    rest = Transcript()
    for event in captured.events(name):
        if event.name != "CUSTOM":
            for observation in observe(event):
                rest = note(rest, observation)
    if whole.result:
        assert rest.result
        assert replace(rest.result, at=whole.result.at) == whole.result


_NAMES = st.sampled_from(
    [
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP_COMPLETE",
        "BACKGROUND_JOB",
        "CUSTOM",
        "HEARTBEAT",
    ]
)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Event-Subclass",
            "Event-Date-Timestamp",
            "Hangup-Cause",
            "Application",
            "fax-success",
            "fax-result-code",
            "fax-document-transferred-pages",
            "fax-image-pixel-size",
            "fax-t38-status",
            "variable_fax_success",
            "variable_fax_transfer_rate",
        ]
    ),
    st.one_of(
        st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")),
        st.sampled_from([b"1", b"0", b"txfax", b"spandsp%3A%3Atxfaxresult", b"9" * 5000]),
    ),
)


@given(_NAMES, _HEADERS, st.binary(max_size=40))
def test_no_event_raises_an_exception(name: str, headers: dict[str, bytes], body: bytes) -> None:
    block = b"".join(key.encode() + b": " + value + b"\n" for key, value in headers.items())
    event = Event.from_body(b"Event-Name: " + name.encode() + b"\n" + block + b"\n" + body)
    transcript = Transcript()
    for observation in (*observe(event), *observe_dump(event)):
        transcript = note(transcript, observation)
    result = judge_sent(transcript, CALL)
    json.dumps(result.as_dict())
    if result.success:
        assert transcript.result
        assert transcript.result.success


def event(name: str, *fields: tuple[str, str], body: bytes = b"") -> Event:
    """Return an event of the time 12.5 s after 1970."""
    headers = [("Event-Name", name), ("Event-Date-Timestamp", "12500000"), *fields]
    (frame,) = FrameReader().feed(encode_event(headers, body))
    return Event.from_frame(frame)


def custom(subclass: str, *fields: tuple[str, str]) -> Event:
    return event("CUSTOM", ("Event-Subclass", subclass), *fields)


@pytest.mark.parametrize(
    ("given_event", "expected"),
    [
        (event("CHANNEL_PROGRESS"), Ringing(at=12.5)),
        (event("CHANNEL_PROGRESS_MEDIA"), Ringing(at=12.5, early_media=True)),
        (event("CHANNEL_ANSWER"), Answered(at=12.5)),
        (event("CHANNEL_PARK"), Parked(at=12.5)),
        (
            event("CHANNEL_EXECUTE", ("Application", "rxfax"), ("Application-Data", "/in/a.tif")),
            FaxStarted(at=12.5, path="/in/a.tif"),
        ),
        (
            event("CHANNEL_EXECUTE_COMPLETE", ("Application", "txfax")),
            FaxStopped(at=12.5, response=""),
        ),
        (
            event(
                "CHANNEL_EXECUTE_COMPLETE",
                ("Application", "txfax"),
                ("Application-Response", "_none_"),
            ),
            FaxStopped(at=12.5, response=""),
        ),
        (
            event(
                "CHANNEL_EXECUTE_COMPLETE",
                ("Application", "txfax"),
                ("Application-Response", "Cannot\nsend"),
            ),
            FaxStopped(at=12.5, response="Cannot send"),
        ),
        (event("BACKGROUND_JOB", body=b"+OK 40e2\n"), OriginateReply(at=12.5, cause="")),
        (
            event("BACKGROUND_JOB", body=b"-ERR USER_BUSY\n"),
            OriginateReply(at=12.5, cause="USER_BUSY"),
        ),
        (event("BACKGROUND_JOB", body=b"-ERR\n"), OriginateReply(at=12.5, cause="NONE")),
        (
            event(
                "CHANNEL_CREATE",
                ("Call-Direction", "inbound"),
                ("Caller-Caller-ID-Number", "+15550143"),
                ("Caller-Caller-ID-Name", "Alice\nEvent-Name: X"),
                ("Caller-Destination-Number", "5550100"),
            ),
            Created(
                at=12.5,
                inbound=True,
                from_number="+15550143",
                from_name="Alice Event-Name: X",
                to_number="5550100",
            ),
        ),
        (
            event(
                "CHANNEL_HANGUP_COMPLETE",
                ("Hangup-Cause", "USER_BUSY"),
                ("Caller-Channel-Answered-Time", "0"),
                ("variable_sip_term_status", "486"),
                ("variable_sip_hangup_disposition", "recv_refuse"),
            ),
            HungUp(at=12.5, cause="USER_BUSY", answered=False, sip_status=486, by_far_end=True),
        ),
        (
            event("CHANNEL_HANGUP_COMPLETE", ("Caller-Channel-Answered-Time", "12000000")),
            HungUp(at=12.5, cause="NONE", answered=True, sip_status=0, by_far_end=False),
        ),
    ],
)
def test_the_observation_of_an_event(given_event: Event, expected: Observation) -> None:
    assert observe(given_event) == (expected,)


@pytest.mark.parametrize(
    "given_event",
    [
        event("HEARTBEAT"),
        event("CHANNEL_EXECUTE", ("Application", "answer")),
        event("CHANNEL_EXECUTE_COMPLETE", ("Application", "park")),
        event("BACKGROUND_JOB", ("Job-Command", "status"), body=b"+OK"),
        event("BACKGROUND_JOB", body=b"neither"),
        custom("sofia::register"),
    ],
)
def test_an_event_that_says_nothing_about_a_fax(given_event: Event) -> None:
    assert observe(given_event) == ()


@pytest.mark.parametrize("direction", ["tx", "rx"])
def test_the_phases_of_a_fax(direction: str) -> None:
    (negotiated,) = observe(
        custom(
            f"spandsp::{direction}faxnegociateresult",
            ("fax-transfer-rate", "9600"),
            ("fax-ecm-used", "on"),
            ("fax-t38-status", "perhaps"),
            ("fax-remote-station-id", "+1 555\n0100"),
        )
    )
    assert isinstance(negotiated, Negotiated)
    assert (negotiated.rate, negotiated.ecm, negotiated.t38_status) == (9600, True, "off")
    assert negotiated.remote_station_id == "+1 555 0100"
    (page,) = observe(
        custom(
            f"spandsp::{direction}faxpageresult",
            ("fax-document-transferred-pages", "2"),
            ("fax-document-total-pages", "5"),
            ("fax-image-pixel-size", "1728x2156"),
            ("fax-image-resolution", "8031x7700"),
            ("fax-bad-rows", "1_000"),
        )
    )
    assert isinstance(page, PageDone)
    assert (page.number, page.total, page.page.bad_rows) == (2, 5, 0)
    assert (page.page.width, page.page.rows, page.page.y_resolution) == (1728, 2156, 7700)
    (result,) = observe(custom(f"spandsp::{direction}faxresult", ("fax-success", "1")))
    assert isinstance(result, FaxFinished)
    assert (result.success, result.code) == (True, -1), "a missing code is not 0, OK"


DUMP = [
    ("Call-Direction", "inbound"),
    ("Answer-State", "answered"),
    ("variable_current_application", "rxfax"),
    ("variable_current_application_data", "/in/a.tif"),
    ("variable_fax_document_transferred_pages", "2"),
    ("variable_fax_transfer_rate", "14400"),
]


def test_the_observations_of_channel_data() -> None:
    def kinds(*fields: tuple[str, str]) -> list[type[Observation]]:
        return [type(each) for each in observe_dump(event("CHANNEL_DATA", *fields))]

    assert kinds() == [Created]
    assert kinds(*DUMP) == [Created, Answered, FaxStarted, PageDone, Negotiated]
    # After phase E the result has the pages, and the rate proves no phase B.
    over = (*DUMP, ("variable_fax_success", "0"), ("variable_fax_result_code", "49"))
    assert kinds(*over) == [Created, Answered, FaxStarted, FaxFinished]


def test_an_observation_is_plain_json() -> None:
    page = page_done(2)
    stored = page.as_dict()
    assert json.loads(json.dumps(stored)) == stored
    assert (stored["at"], stored["number"], stored["total"]) == (3.0, 2, 5)
    assert "seconds" not in stored, "it follows from several events"
    dialling = Dialling(at=1.0, node="a", gateway="one", call_id="40e2")
    assert dialling.as_dict() == {"at": 1.0, "node": "a", "gateway": "one", "call_id": "40e2"}


def test_each_kind_of_observation_has_a_name_of_its_own() -> None:
    kinds = {each.__name__: each.kind for each in Observation.__subclasses__()}
    assert len(kinds) == len(set(kinds.values())) == 14


def test_every_event_that_is_read_is_subscribed_to() -> None:
    assert len(SUBSCRIPTIONS) == len(set(SUBSCRIPTIONS))
    seen = {
        each.subclass or each.name
        for name in captured.NAMES
        for each in captured.events(name)
        if observe(each)
    }
    assert seen <= set(SUBSCRIPTIONS)
