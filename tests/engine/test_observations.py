"""Events of FreeSWITCH to observations, on recordings of real calls and on made-up events."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine.observations import observe, observe_dump
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import judge_sent
from fsfax.esl.wire import Event
from tests.engine import captured
from tests.engine.observed import CALL


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
