"""Token buckets."""

from __future__ import annotations

import pytest

from fsfax.runtime import rate_limit
from fsfax.runtime.rate_limit import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_steady_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(2.0, 3, clock=clock)
    assert [limiter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.4
    assert limiter.take("a") == pytest.approx(0.1)
    clock.now += 0.1
    assert limiter.take("a") == 0.0
    clock.now += 3600
    assert [limiter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_each_key_has_its_own_bucket() -> None:
    limiter = RateLimiter(1.0, 1, clock=Clock())
    assert limiter.take("a") == 0.0
    assert limiter.take("a") == 1.0
    assert limiter.take("b") == 0.0


def test_a_rate_of_zero_is_no_limit() -> None:
    limiter = RateLimiter(0.0, 1, clock=Clock())
    assert {limiter.take("a") for _ in range(100)} == {0.0}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MAX_KEYS", 2)
    limiter = RateLimiter(1.0, 1, clock=Clock())
    for key in ("a", "b", "a", "c"):
        limiter.take(key)
    assert limiter.take("a") == 1.0  # used after b
    assert limiter.take("b") == 0.0  # forgotten
