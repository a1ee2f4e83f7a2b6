"""Floods: how often the same may be written down, so that nobody can fill the database.

A bucket for each key: it holds some tokens at first, and gets new ones at a steady rate. Buckets
that were not asked for longest are forgotten first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_KEYS = 10_000


class Flood:
    """Admits so much of each key.

    Args:
        burst: at once.
        rate: a second, on and on.
        clock: for tests.
    """

    def __init__(
        self, burst: float, rate: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, key: str) -> bool:
        """Take a token of a key's bucket; tell whether there was one. From any thread."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            admitted = left >= 1
            self._buckets[key] = (left - 1 if admitted else left, now)
            if len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
        return admitted
