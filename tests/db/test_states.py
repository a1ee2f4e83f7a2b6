"""Moves of jobs and attempts: every pair of states, and any sequence of requests."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.db.states import (
    INBOUND,
    OUTBOUND,
    AttemptState,
    Direction,
    JobState,
    require_attempt_move,
    require_move,
)
from fsfax.errors import IllegalMove

A, J = AttemptState, JobState


OUT = {
    (J.ATTACHING_FILES, J.PENDING),  # the document is ready
    (J.ATTACHING_FILES, J.FAILED),  # … or cannot be faxed
    (J.ATTACHING_FILES, J.CANCELLED),
    (J.PENDING, J.PROCESSING),  # a worker has it
    (J.PENDING, J.FAILED),  # the document of a URL cannot be had
    (J.PENDING, J.CANCELLED),
    (J.PROCESSING, J.PENDING),  # between two attempts
    (J.PROCESSING, J.COMPLETED),
    (J.PROCESSING, J.FAILED),
    (J.PROCESSING, J.CANCELLED),
}


IN = {
    (J.PROCESSING, J.COMPLETED),
    (J.PROCESSING, J.FAILED),
    (J.FAILED, J.COMPLETED),  # a file that turned up late
}


ORDER = [A.INTENDED, A.DIALLING, A.ANSWERED, A.NEGOTIATED, A.SENDING]


SETTLED = [A.SUCCEEDED, A.FAILED, A.UNCERTAIN]


def allows(direction: Direction, old: JobState, new: JobState) -> bool:
    try:
        require_move(direction, old, new)
    except IllegalMove:
        return False
    return True


def attempt_allows(old: AttemptState, new: AttemptState) -> bool:
    try:
        require_attempt_move(old, new)
    except IllegalMove:
        return False
    return True


@pytest.mark.parametrize(("old", "new"), [*itertools.product(JobState, repeat=2)])
def test_every_move_of_a_job(old: JobState, new: JobState) -> None:
    assert allows(Direction.OUT, old, new) == ((old, new) in OUT)
    assert allows(Direction.IN, old, new) == ((old, new) in IN)


@pytest.mark.parametrize(("old", "new"), [*itertools.product(AttemptState, repeat=2)])
def test_every_move_of_an_attempt(old: AttemptState, new: AttemptState) -> None:
    """Forward, with stages skipped, or once more where it is; what is settled stays."""
    legal = old in ORDER and (new in SETTLED or ORDER.index(new) >= ORDER.index(old))
    assert attempt_allows(old, new) == legal


def test_the_refusal_names_both_states() -> None:
    with pytest.raises(IllegalMove, match="completed cannot become pending"):
        require_move(Direction.OUT, J.COMPLETED, J.PENDING)
    with pytest.raises(IllegalMove, match="answered cannot become dialling"):
        require_attempt_move(A.ANSWERED, A.DIALLING)


def test_both_tables_know_every_state() -> None:
    assert set(OUTBOUND) == set(INBOUND) == set(JobState)


def test_final_is_what_has_no_way_out() -> None:
    assert {state for state in JobState if state.is_final} == {J.COMPLETED, J.FAILED, J.CANCELLED}
    assert {state for state in AttemptState if state.is_final} == set(SETTLED)


@given(st.lists(st.sampled_from(JobState)), st.sampled_from(Direction))
def test_a_walk_ends_in_its_final_state(targets: list[JobState], direction: Direction) -> None:
    """Whatever is asked for in whatever order, the table alone decides."""
    state, ended_as = J.PROCESSING, None
    for target in targets:
        if not allows(direction, state, target):
            continue
        late_file = direction is Direction.IN and (state, target) == (J.FAILED, J.COMPLETED)
        assert not state.is_final or late_file
        state = target
        if state.is_final and ended_as is None:
            ended_as = state
    if ended_as in (J.COMPLETED, J.CANCELLED):
        assert state is ended_as


@given(st.lists(st.sampled_from(AttemptState)))
def test_an_attempt_never_goes_back(targets: list[AttemptState]) -> None:
    order = [*ORDER, *SETTLED]
    state, path = A.INTENDED, [A.INTENDED]
    for target in targets:
        if attempt_allows(state, target):
            state = target
            path.append(state)
    places = [order.index(each) for each in path]
    assert places == sorted(places)
    assert sum(each.is_final for each in path) <= 1
