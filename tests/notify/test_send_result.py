"""Results of attempts: values that a `match` statement tells apart."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater


@pytest.mark.parametrize(
    ("one", "equal", "other"),
    [
        (Delivered(), Delivered(), Rejected("")),
        (RetryLater("busy"), RetryLater("busy", after=None, tries=None), RetryLater("busy", 0.0)),
        (Rejected("no"), Rejected("no", gone=False), Rejected("no", gone=True)),
    ],
)
def test_results_are_compared_by_their_fields(one: Result, equal: Result, other: Result) -> None:
    assert one == equal
    assert one != other


def test_results_cannot_be_changed_and_are_hashable() -> None:
    assert len({Delivered(), RetryLater("no"), Rejected("no"), Rejected("no"), Delivered()}) == 3
    with pytest.raises(FrozenInstanceError):
        Rejected("no").gone = True  # type: ignore[misc]
