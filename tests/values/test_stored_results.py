"""Results as they are stored: any is read back as it was, a damaged one is refused."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax import (
    Doubt,
    GatewayAttempt,
    InvalidRequest,
    Outcome,
    PageRecord,
    RxResult,
    Status,
    TxResult,
)
from fsfax.runtime.sanitize import one_line

IDS = st.uuids().map(str)
WORDS = st.text(max_size=40).map(one_line)
COUNTS = st.integers(0, 10**9)
TIMES = st.floats(0, 1e10, allow_nan=False)
PAGES = st.lists(
    st.builds(
        PageRecord,
        number=COUNTS,
        seconds=TIMES,
        image_bytes=COUNTS,
        width=COUNTS,
        rows=COUNTS,
        x_resolution=COUNTS,
        y_resolution=COUNTS,
        bad_rows=COUNTS,
        longest_bad_row_run=COUNTS,
        encoding=WORDS,
    ),
    max_size=3,
).map(tuple)
GATEWAYS = st.lists(
    st.builds(GatewayAttempt, node=WORDS, gateway=WORDS, call_id=IDS, cause=WORDS), max_size=2
).map(tuple)
COMMON = {
    "call_id": IDS,
    "success": st.booleans(),
    "status": st.sampled_from(Status),
    "outcome": st.sampled_from(Outcome),
    "error_message": WORDS,
    "retry": st.booleans(),
    "doubt": st.sampled_from(Doubt),
    "result_code": st.none() | st.integers(-1, 700),
    "result_text": WORDS,
    "result_cause": WORDS,
    "fax_bad_rows": COUNTS,
    "fax_error_correction": st.booleans(),
    "fax_speed": COUNTS,
    "t38_status": st.sampled_from(["off", "requested", "negotiated", "refused"]),
    "encoding": WORDS,
    "pages_total": COUNTS,
    "pages": PAGES,
    "time_elapsed": COUNTS,
    "started_at": TIMES,
    "remote_station_id": WORDS,
    "local_station_id": WORDS,
    "remote_country": WORDS,
    "remote_vendor": WORDS,
    "remote_model": WORDS,
    "node": WORDS,
}
RECEIVED = st.builds(
    RxResult,
    **COMMON,
    pages_received=COUNTS,
    fax_sender_id=WORDS,
    from_number=WORDS,
    from_name=WORDS,
    to_number=WORDS,
    file=st.none() | st.text(string.ascii_letters, min_size=1).map(Path),
    gaps=st.lists(WORDS, max_size=2).map(tuple),
)
SENT = st.builds(
    TxResult,
    **COMMON,
    pages_sent=COUNTS,
    fax_receiver_id=WORDS,
    first_unconfirmed_page=st.none() | COUNTS,
    gateway=WORDS,
    failed_gateways=GATEWAYS,
    still_up=st.booleans(),
)

RECORD = RxResult(
    call_id="id",
    success=True,
    status=Status.SUCCEEDED,
    outcome=Outcome.DELIVERED,
    error_message="",
    retry=False,
    doubt=Doubt.NONE,
    result_code=0,
    result_text="OK",
    result_cause="NORMAL_CLEARING",
)


@given(result=st.one_of(RECEIVED, SENT))
def test_a_result_is_read_back_as_it_was(result: RxResult | TxResult) -> None:
    text = json.dumps(result.as_dict())
    assert type(result).from_dict(json.loads(text)) == result


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("call_id", 5),
        ("success", "perhaps"),
        ("status", "lost"),
        ("outcome", None),
        ("result_code", "x"),
        ("t38_status", "maybe"),
        ("pages", {"number": 1}),
        ("pages", [{"number": 1}]),
        ("started_at", []),
        ("file", 5),
        ("gaps", "one word"),
    ],
)
def test_a_damaged_record_is_refused(name: str, wrong: object) -> None:
    values = RECORD.as_dict()
    with pytest.raises(InvalidRequest, match=name):
        RxResult.from_dict({**values, name: wrong})
    if name in {"call_id", "success", "status", "outcome", "result_code"}:
        with pytest.raises(InvalidRequest, match=name):
            RxResult.from_dict({key: value for key, value in values.items() if key != name})


def test_a_newer_record_is_read_too() -> None:
    values = {**RECORD.as_dict(), "invented_later": 1}
    assert RxResult.from_dict(values) == RECORD
