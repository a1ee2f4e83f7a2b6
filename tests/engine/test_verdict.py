"""Transcript to result, on recordings of real calls and on made-up ones."""

from __future__ import annotations

import json

import pytest

from fsfax.engine import t30
from fsfax.engine.observations import EventsMissed, observe
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import Fate, Interruption, judge_received, judge_sent
from fsfax.errors import FaxFailed
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import RxResult, Status, TxResult
from tests.engine import captured
from tests.engine.observed import ANSWERED, CALL, CLEARED, NEGOTIATED, page, phase_e, seen


def judge(name: str, fate: Fate = Fate.UNKNOWN) -> TxResult:
    return judge_sent(captured.transcript(name), CALL, fate=fate, last_page=3)


@pytest.mark.parametrize("name", ["t38-ok", "busy", "midhang", "voice", "nofile"])
def test_a_result_can_be_read_back(name: str) -> None:
    result = judge(name)
    stored = json.loads(json.dumps(result.as_dict() | {"of_another_version": 1}))
    assert TxResult.from_dict(stored) == result


def test_a_channel_that_is_still_up_is_reported() -> None:
    """No other call may be dialled for that fax yet, whatever else is known of this one."""
    assert judge_sent(Transcript(), CALL, fate=Fate.UP).still_up
    assert not judge_sent(Transcript(), CALL, fate=Fate.UNKNOWN).still_up
    assert judge("busy", Fate.UP).still_up
    assert not judge("t38-ok", Fate.UP).still_up, "delivered: there is nothing else to dial"


@pytest.mark.parametrize(
    ("name", "t38", "coding"),
    [
        ("t38-ok", "negotiated", "T.85(L0)"),
        ("audio-ok", "off", "T.85(L0)"),
        ("t38-refused", "refused", "T.85(L0)"),  # the far end said 488 to T.38: audio instead
    ],
)
def test_delivered(name: str, t38: str, coding: str) -> None:
    result = judge(name)
    assert (result.status, result.outcome) == (Status.SUCCEEDED, Outcome.DELIVERED)
    assert result.success
    assert result.error_message == ""
    assert result.raise_for_failure() is result
    assert result.pages_sent == result.pages_total == 3
    assert result.first_unconfirmed_page is None
    assert (result.result_code, result.result_text) == (0, "OK")
    assert result.result_cause == "NORMAL_CLEARING"
    assert result.fax_speed == 14400
    assert result.fax_error_correction
    assert result.fax_receiver_id == "FSRIG-b"
    assert result.t38_status == t38
    assert result.encoding == coding
    assert result.doubt is Doubt.NONE
    assert result.time_elapsed == 34
    assert [page.number for page in result.pages] == [1, 2, 3]
    assert all(page.rows == 2156 and page.width == 1728 for page in result.pages)
    assert result.pages[1].seconds == pytest.approx(6.4, abs=0.2)


@pytest.mark.parametrize(
    ("name", "outcome", "code", "text", "cause_name", "retry"),
    [
        ("busy", Outcome.BUSY, 486, "USER_BUSY", "USER_BUSY", True),
        ("noanswer", Outcome.NO_ANSWER, None, "NO_ANSWER", "NO_ANSWER", True),
        (
            "voice",  # a voice answers: SpanDSP gives up after T0, the cause says nothing
            Outcome.NOT_A_FAX,
            2,
            "Timed out waiting for initial communication",
            "NORMAL_CLEARING",
            True,
        ),
        (
            "nofile",  # answered and cleared normally, without any result event
            Outcome.LOCAL_TROUBLE,
            None,
            "Cannot send non-existant fax file",
            "NORMAL_CLEARING",
            False,
        ),
    ],
)
def test_nothing_delivered(
    name: str, outcome: Outcome, code: int | None, text: str, cause_name: str, retry: bool
) -> None:
    result = judge(name)
    assert (result.status, result.outcome) == (Status.FAILED, outcome)
    assert not result.success
    assert result.error_message
    assert (result.result_code, result.result_text) == (code, text)
    assert result.result_cause == cause_name
    assert result.retry is retry
    assert result.pages_sent == 0
    assert result.first_unconfirmed_page == 1
    assert result.doubt is Doubt.NONE
    # SpanDSP reports the 14,400 bit/s that it would have offered; nothing was agreed.
    assert result.fax_speed == 0
    with pytest.raises(FaxFailed) as caught:
        result.raise_for_failure()
    assert caught.value.result is result


def test_a_call_that_broke_off_after_a_page() -> None:
    result = judge("midhang")
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.LINE_TROUBLE)
    assert result.result_code == t30.CALL_DROPPED
    assert result.pages_sent == 1
    assert result.first_unconfirmed_page == 2
    assert result.doubt is Doubt.LAST_PAGE


def test_received() -> None:
    transcript = captured.transcript("rx-t38-ok")
    result = judge_received(transcript, CALL, pages_in_file=3)
    assert isinstance(result, RxResult)
    assert (result.status, result.success) == (Status.SUCCEEDED, True)
    assert result.pages_received == 3
    assert result.from_number == "15551230000"
    assert result.to_number == "1001"
    assert transcript.started
    assert transcript.started.path.endswith(".tiff")
    assert result.fax_sender_id == "+15551230000"


@pytest.mark.parametrize("name", captured.NAMES)
def test_results_are_plain_json(name: str) -> None:
    transcript = captured.transcript(name)
    for result in (judge_sent(transcript, CALL), judge_received(transcript, CALL)):
        assert json.loads(json.dumps(result.as_dict())) == result.as_dict()


@pytest.mark.parametrize("name", captured.NAMES)
def test_no_prefix_of_a_call_is_a_success(name: str) -> None:
    """Before phase E no event says that the fax was delivered."""
    transcript = Transcript()
    for event in captured.events(name):
        if "result" in event.subclass or event.name == "CHANNEL_HANGUP_COMPLETE":
            break
        for observation in observe(event):
            transcript = note(transcript, observation)
        assert judge_sent(transcript, CALL).status is not Status.SUCCEEDED


def test_an_answered_call_without_a_result_is_never_a_success() -> None:
    result = judge_sent(seen(ANSWERED, NEGOTIATED, page(1), CLEARED), CALL)
    assert result.status is Status.UNCERTAIN
    assert result.outcome is Outcome.UNKNOWN
    assert result.doubt is Doubt.ANY
    assert result.pages_sent == 1


@pytest.mark.parametrize(
    ("fate", "status", "pages", "first_left"),
    [
        (Fate.SUCCEEDED, Status.SUCCEEDED, 3, None),
        (Fate.FAILED, Status.FAILED, 0, 1),
        (Fate.ENDED, Status.FAILED, 0, 1),
        (Fate.UNKNOWN, Status.UNCERTAIN, 0, 1),
        (Fate.UP, Status.UNCERTAIN, 0, 1),
    ],
)
@pytest.mark.parametrize("transcript", [seen(), seen(ANSWERED), seen(ANSWERED, CLEARED)])
def test_only_a_mark_is_left(
    transcript: Transcript, fate: Fate, status: Status, pages: int, first_left: int | None
) -> None:
    result = judge_sent(transcript, CALL, fate=fate, last_page=3)
    assert result.status is status
    assert result.pages_sent == pages
    assert result.first_unconfirmed_page == first_left
    if status is not Status.SUCCEEDED:
        assert result.error_message


def test_a_mark_of_success_outranks_an_interruption() -> None:
    result = judge_sent(
        seen(ANSWERED, NEGOTIATED),
        CALL,
        fate=Fate.SUCCEEDED,
        interruption=Interruption.CANCELLED,
        last_page=1,
    )
    assert result.success


def test_ended_without_phase_e_is_no_proof_once_pages_were_seen() -> None:
    result = judge_sent(seen(ANSWERED, NEGOTIATED, page(1)), CALL, fate=Fate.ENDED)
    assert result.status is Status.UNCERTAIN


@pytest.mark.parametrize("interruption", list(Interruption))
def test_interrupted_before_and_after_phase_b(interruption: Interruption) -> None:
    before = judge_sent(seen(ANSWERED, CLEARED), CALL, interruption=interruption)
    after = judge_sent(
        seen(ANSWERED, NEGOTIATED, page(1), phase_e(49, 1), CLEARED),
        CALL,
        interruption=interruption,
    )
    assert before.status is after.status is Status.FAILED
    assert before.doubt is Doubt.NONE
    assert after.doubt is Doubt.LAST_PAGE
    assert before.outcome is after.outcome
    assert before.error_message


def test_a_result_outranks_a_late_interruption() -> None:
    transcript = seen(ANSWERED, NEGOTIATED, page(1), phase_e(0, 1), CLEARED)
    assert judge_sent(transcript, CALL, interruption=Interruption.CANCELLED).success


def test_success_without_a_page_is_not_believed() -> None:
    assert judge_sent(seen(ANSWERED, phase_e(0, 0), CLEARED), CALL).status is Status.FAILED


def test_pages_count_from_the_start_page() -> None:
    transcript = seen(ANSWERED, NEGOTIATED, page(1), page(2, 4.5), phase_e(49, 2), CLEARED)
    result = judge_sent(transcript, CALL, first_page=3, last_page=6)
    assert [p.number for p in result.pages] == [3, 4]
    assert [p.seconds for p in result.pages] == [1.0, 1.5]
    assert result.first_unconfirmed_page == 5
    assert result.fax_bad_rows == 4
    assert result.pages_total == 6


def test_code_49_before_phase_b_delivered_nothing_unless_events_were_missed() -> None:
    dropped = (ANSWERED, phase_e(49), CLEARED)
    assert judge_sent(seen(*dropped), CALL).doubt is Doubt.NONE
    assert judge_sent(seen(EventsMissed(at=1), *dropped), CALL).doubt is Doubt.LAST_PAGE
