"""Real threads for what blocks: the database, beside a hub that must not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

import gevent
import gevent.threadpool

T = TypeVar("T")


class Threads:
    """A few real threads of the hub in which it is made.

    Args:
        count: calls at once; a transaction takes milliseconds, so few do.
    """

    def __init__(self, count: int) -> None:
        self._pool = gevent.threadpool.ThreadPool(count)

    def run(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run a function that blocks; other greenlets go on meanwhile. Its errors are raised."""

        def carried() -> Callable[[], T]:
            # An error is carried over as a value: gevent's pool prints those that are raised.
            try:
                value = function(*args, **named)
            except Exception as error:  # noqa: BLE001  # raised again, on the other side
                return partial(_raise, error)
            return lambda: value

        result: Callable[[], T] = self._pool.apply(carried)
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
