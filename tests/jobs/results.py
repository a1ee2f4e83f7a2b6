"""Results of calls, made by hand."""

from __future__ import annotations

from typing import Any

from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import Status, TxResult


def result(outcome: Outcome, *, first: int = 1, confirmed: int = 0, **changes: Any) -> TxResult:
    """The result of a call from page ``first`` on which ``confirmed`` pages were confirmed."""
    success = outcome is Outcome.DELIVERED
    status = Status.FAILED
    if success:
        status = Status.SUCCEEDED
    elif outcome is Outcome.UNKNOWN:
        status = Status.UNCERTAIN
    values: dict[str, Any] = {
        "call_id": "call",
        "success": success,
        "status": status,
        "outcome": outcome,
        "error_message": "" if success else f"it was {outcome}",
        "retry": outcome is not Outcome.REFUSED,
        "doubt": Doubt.ANY if outcome is Outcome.UNKNOWN else Doubt.NONE,
        "result_code": None,
        "result_text": "",
        "result_cause": "",
        "pages_sent": confirmed,
        "first_unconfirmed_page": None if success else first + confirmed,
        "time_elapsed": 30,
    }
    return TxResult(**values | changes)


DELIVERED = result(Outcome.DELIVERED, confirmed=3)
BUSY = result(Outcome.BUSY)
TROUBLE = result(Outcome.LINE_TROUBLE)
UNCERTAIN = result(Outcome.UNKNOWN)
