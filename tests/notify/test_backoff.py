"""Backoff: the delay before the next attempt."""

from __future__ import annotations

import pytest

from fsfax.notify.backoff import backoff
from fsfax.settings.notify import NotifySettings

SETTINGS = NotifySettings(delay=10.0, factor=2.0, max_delay=100.0)


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 10.0), (2, 20.0), (3, 40.0), (4, 80.0), (5, 100.0), (10_000, 100.0)]
)
def test_the_delay_grows_up_to_the_longest(tries: int, seconds: float) -> None:
    assert backoff(tries, SETTINGS, 0.5) == seconds


def test_chance_varies_the_delay_by_a_quarter() -> None:
    assert backoff(1, SETTINGS, 0.0) == 7.5
    assert backoff(1, SETTINGS, 1.0) == 12.5


def test_the_receivers_delay_is_the_least() -> None:
    assert backoff(1, SETTINGS, 0.5, after=60.0) == 60.0
    assert backoff(4, SETTINGS, 0.5, after=60.0) == 80.0
    assert backoff(1, SETTINGS, 0.5, after=3600.0) == 3600.0, "also beyond the longest delay"
