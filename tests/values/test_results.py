"""Results of calls: plain JSON values and back, and the error for a fax that was not delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsfax.errors import FaxFailed, InvalidRequest
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import GatewayAttempt, PageRecord, RxResult, Status, TxResult

PAGE = PageRecord(
    number=2,
    seconds=6.5,
    image_bytes=31_415,
    width=1728,
    rows=2156,
    x_resolution=8031,
    y_resolution=7700,
    bad_rows=0,
    longest_bad_row_run=0,
    encoding="T.6",
)
ENDING: dict[str, Any] = {
    "call_id": "40e2b99d",
    "success": False,
    "status": Status.FAILED,
    "outcome": Outcome.LINE_TROUBLE,
    "error_message": "The call was cut off.",
    "retry": True,
    "doubt": Doubt.LAST_PAGE,
    "result_code": 49,
    "result_text": "The call dropped prematurely",
    "result_cause": "NORMAL_CLEARING",
}
SENT = TxResult(
    **ENDING,
    t38_status="negotiated",
    pages=(PAGE,),
    pages_sent=1,
    first_unconfirmed_page=3,
    failed_gateways=(GatewayAttempt(node="a", gateway="one", call_id="x", cause="GATEWAY_DOWN"),),
)
RECEIVED = RxResult(
    **ENDING, pages_received=1, file=Path("/spool/in/1.tif"), gaps=("events were missed",)
)


@pytest.mark.parametrize("result", [SENT, RECEIVED])
def test_a_result_is_plain_json_and_is_read_again(result: TxResult | RxResult) -> None:
    stored = json.loads(json.dumps(result.as_dict()))
    assert stored == result.as_dict()
    assert type(result).from_dict(stored | {"of_another_version": {"x": 1}}) == result


def test_the_stored_names_of_an_ending() -> None:
    stored = RECEIVED.as_dict()
    assert (stored["status"], stored["outcome"], stored["doubt"]) == (
        "failed",
        "line_trouble",
        "last_page",
    )
    assert stored["file"] == "/spool/in/1.tif"
    assert SENT.as_dict()["pages"] == [PAGE.as_dict()]
    assert [status.value for status in Status] == ["succeeded", "failed", "uncertain"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "perhaps"}, "not a stored TxResult: status: "),
        ({"pages": [{"number": "two"}]}, r"not a stored TxResult: pages\.0\."),
        ({"call_id": None}, "not a stored TxResult: call_id: "),
    ],
)
def test_values_of_the_wrong_type_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        TxResult.from_dict(SENT.as_dict() | change)


def test_a_missing_value_is_refused() -> None:
    stored = SENT.as_dict()
    del stored["outcome"]
    with pytest.raises(InvalidRequest, match="not a stored TxResult: outcome: "):
        TxResult.from_dict(stored)
    with pytest.raises(InvalidRequest, match="not a stored RxResult: all of it: "):
        RxResult.from_dict([])  # type: ignore[arg-type]


def test_a_failure_is_raised_with_its_result() -> None:
    with pytest.raises(FaxFailed, match=r"The call was cut off\.") as caught:
        SENT.raise_for_failure()
    assert caught.value.result is SENT


def test_a_delivered_fax_raises_nothing() -> None:
    delivered = TxResult(**ENDING | {"success": True, "error_message": ""})
    assert delivered.raise_for_failure() is delivered


def test_a_page_is_plain_json_and_is_read_again() -> None:
    stored = json.loads(json.dumps(PAGE.as_dict()))
    assert PageRecord.from_dict(stored | {"of_another_version": 1}) == PAGE
    del stored["seconds"]
    assert PageRecord.from_dict(stored) == replace(PAGE, seconds=0.0)
    del stored["rows"]
    with pytest.raises(TypeError, match="rows"):
        PageRecord.from_dict(stored)
