"""Results of inbound calls that did not complete, and the notifications of a database."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from fsfax.db.database import Database
from fsfax.db.schema import outbox
from fsfax.values.outcome import Outcome
from fsfax.values.results import RxResult, Status

NUMBER = "+353 1 555 0100"


def broken_off(result: RxResult) -> RxResult:
    return replace(
        result,
        success=False,
        status=Status.FAILED,
        outcome=Outcome.LINE_TROUBLE,
        error_message="The call was cut off.",
        pages_received=1,
        pages_total=1,
    )


def blocked(result: RxResult) -> RxResult:
    return replace(
        broken_off(result),
        result_text="blocked",
        blocked=True,
        pages_received=0,
        pages_total=0,
        file=None,
    )


def notifications(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        rows = connection.execute(select(outbox.c.account_id, outbox.c.kind).order_by(outbox.c.id))
        return [tuple(row) for row in rows]
