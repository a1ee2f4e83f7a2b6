"""When a delivery is tried again. Pure."""

from __future__ import annotations

from fsfax.settings.notify import NotifySettings

_JITTER = 0.25
"""So that what failed together does not come again together."""


def backoff(
    tries: int, settings: NotifySettings, chance: float, after: float | None = None
) -> float:
    """Return the seconds until the next try.

    Args:
        tries: how often it was tried, 1 or more.
        settings: ``delay``, ``factor``, ``max_delay``.
        chance: a random number from 0 to 1.
        after: seconds that the other side asks for; it is not asked again before.
    """
    # A power that is too large for a float is longer than the longest backoff, too.
    steps = min(tries - 1, 100)
    planned = min(settings.max_delay, settings.delay * settings.factor**steps)
    planned *= 1 - _JITTER + 2 * _JITTER * chance
    return max(planned, after or 0.0)
