"""Token buckets: how much of each key is admitted in a time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEYS = 10_000


class RateLimiter:
    """A token bucket for each key, from any thread.

    A bucket begins full and is refilled at a steady rate. Memory is bounded: of more than 10,000
    keys the one that was used longest ago is forgotten, and begins with a full bucket again.

    Args:
        rate: tokens per second; 0 = no limit.
        burst: tokens that a full bucket holds, 1 or more.
        clock: seconds; for tests.
    """

    def __init__(
        self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Take a token of a key; return 0, or the seconds until there will be one."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._clock()
            level, at = self._buckets.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - at) * self._rate)
            wait = 0.0 if level >= 1 else (1 - level) / self._rate
            self._buckets[key] = (level if wait else level - 1, now)
            if len(self._buckets) > _MAX_KEYS:
                self._buckets.popitem(last=False)
        return wait
