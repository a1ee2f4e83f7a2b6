"""The time in UTC."""

from __future__ import annotations

import time
from datetime import UTC

from fsfax.runtime.clock import utc_now


def test_the_time_is_aware_and_in_utc() -> None:
    before = time.time()
    now = utc_now()
    assert now.tzinfo is UTC
    assert before - 1e-3 <= now.timestamp() <= time.time() + 1e-3
