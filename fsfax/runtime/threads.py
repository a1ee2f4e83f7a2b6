"""Real threads for blocking work such as the database, beside a hub that must not block."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

import gevent
import gevent.threadpool

T = TypeVar("T")


class Threads:
    """A pool of real threads, used from the hub in which it is made.

    Args:
        count: calls at once.
    """

    def __init__(self, count: int) -> None:
        self._pool = gevent.threadpool.ThreadPool(count)

    def run(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run a function that blocks and return its value or raise its error.

        Other greenlets run meanwhile.
        """

        def outcome() -> Callable[[], T]:
            # An error is returned as a value: gevent's pool prints those that are raised.
            try:
                value = function(*args, **named)
            except Exception as error:  # noqa: BLE001  # raised again in the hub
                return partial(_raise, error)
            return lambda: value

        result: Callable[[], T] = self._pool.apply(outcome)
        return result()

    def close(self) -> None:
        """End the threads."""
        self._pool.kill()


def in_thread(function: Callable[[], T]) -> T:
    """Run a function that blocks on a file in a thread of the hub's own pool; return its result.

    Other greenlets run meanwhile.
    """
    return gevent.get_hub().threadpool.apply(function)


def _raise(error: Exception) -> NoReturn:
    raise error
