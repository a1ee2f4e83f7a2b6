"""Backoff: when a delivery is tried again. Pure."""

from __future__ import annotations

from fsfax.settings.notify import NotifySettings

_JITTER = 0.25
"""Share of the delay by which it varies, so that deliveries that failed together spread out."""


def backoff(
    tries: int, settings: NotifySettings, chance: float, after: float | None = None
) -> float:
    """Return the seconds until the next attempt.

    Args:
        tries: attempts so far, 1 or more.
        settings: ``delay``, ``factor``, ``max_delay``.
        chance: a random number from 0 to 1.
        after: seconds that the receiver asks for (Retry-After), the least that is returned.
    """
    # 100 steps are more than the longest delay, and no power of them overflows.
    steps = min(tries - 1, 100)
    planned = min(settings.max_delay, settings.delay * settings.factor**steps)
    planned *= 1 - _JITTER + 2 * _JITTER * chance
    return max(planned, after or 0.0)
