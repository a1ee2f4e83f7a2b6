"""State changes and what is written with them: events, notifications, blocked numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import select

from fsfax.db.schema import outbox
from fsfax.db.states import INBOUND, OUTBOUND, Direction, JobState
from fsfax.db.transitions import NOTIFICATIONS
from fsfax.jobs.store import JobStore
from tests.job_fixtures import NODE_CAPACITY, Hand
from tests.jobs.results import DELIVERED


@pytest.mark.parametrize(
    ("direction", "table"), [(Direction.OUT, OUTBOUND), (Direction.IN, INBOUND)]
)
def test_every_end_has_a_kind_of_notification(
    direction: Direction, table: Mapping[JobState, frozenset[JobState]]
) -> None:
    ends = {state for states in table.values() for state in states if state.is_final}
    for state in ends:
        kind = NOTIFICATIONS[direction, state]
        assert kind == f"fax_{direction}_{state}"
        assert kind.is_inbound == (direction is Direction.IN)
    assert {state for way, state in NOTIFICATIONS if way is direction} == ends


class TestNotifications:
    def test_every_end_enqueues_a_notification(
        self, store: JobStore, ready: Callable[..., str], hand: Callable[[], Hand]
    ) -> None:
        sent, cancelled, worker = ready(), ready(), hand()
        store.cancel(cancelled)
        (claim,) = worker.claims.claim([NODE_CAPACITY])
        worker.settlement.settle(claim, DELIVERED)
        with store.database.read() as connection:
            rows = connection.execute(select(outbox.c.job_id, outbox.c.kind)).all()
        assert {tuple(row) for row in rows} == {
            (cancelled, "fax_out_cancelled"),
            (sent, "fax_out_completed"),
        }
