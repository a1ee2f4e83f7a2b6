"""The values that templates see of a fax."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from fsfax.db.states import Direction, JobState
from fsfax.notify.events import NotificationKind
from fsfax.notify.template_context import template_context
from fsfax.values.outcome import Outcome
from tests.jobs.results import DELIVERED, TROUBLE
from tests.notify.faxes import AT, BERLIN, a_job, an_attempt


def values(job: Any, *attempts: Any, **more: Any) -> dict[str, Any]:
    return template_context(NotificationKind.OUT_COMPLETED, job, attempts, None, UTC, **more)


def test_the_values_of_a_sent_fax() -> None:
    found = values(a_job(), attachment="attached")
    assert found["kind"] == "fax_out_completed"
    assert (found["direction"], found["success"], found["attachment"]) == ("out", True, "attached")
    assert (found["from_name"], found["to_number"]) == ("Clinic", "15550100")
    assert (found["station"], found["faxbox"]) == ("+1 555 0100", "")
    assert (found["pages"], found["pages_total"]) == (3, 3)
    assert found["seconds"] == 95, "of all calls"
    assert found["result"] == {
        "speed": 14400, "ecm": True, "t38": True, "outcome": "delivered", "reason": "",
    }  # fmt: skip


def test_times_are_in_the_zone() -> None:
    found = template_context(NotificationKind.OUT_COMPLETED, a_job(), (), None, BERLIN)
    assert found["created"] == AT
    assert found["created"].utcoffset() == BERLIN.utcoffset(AT)
    assert found["created"].hour == AT.hour + 1


def test_a_fax_that_was_never_called_has_empty_results() -> None:
    job = a_job(state=JobState.FAILED, stored_result=None, finished_at=None, pages_confirmed=0)
    found = values(job)
    assert (found["success"], found["station"], found["seconds"]) == (False, "", 0)
    assert found["finished"] == job.modified_at
    assert found["result"] == {
        "speed": 0, "ecm": False, "t38": False, "outcome": "", "reason": "",
    }  # fmt: skip


def test_each_attempt_has_its_result() -> None:
    found = values(a_job(), an_attempt(1, TROUBLE), an_attempt(2, DELIVERED))["attempts"]
    assert [(each["number"], each["success"], each["pages"]) for each in found] == [
        (1, False, 0),
        (2, True, 3),
    ]
    assert found[0]["outcome"] == Outcome.LINE_TROUBLE
    assert (found[0]["first_page"], found[0]["seconds"]) == (2, 30)


def test_the_reason_is_one_line_of_at_most_300_characters() -> None:
    result = TROUBLE.as_dict() | {"error_message": "a\r\nBcc: x\u202e" + "y" * 5000}
    reason = values(a_job(stored_result=result, direction=Direction.OUT))["result"]["reason"]
    assert reason.startswith("a Bcc: xyyy")
    assert len(reason) == 300
