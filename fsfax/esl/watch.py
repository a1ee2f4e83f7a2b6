"""Watches: bounded queues of events, one per reader.

A reader that is slow, or has died, loses its own events and delays no other reader: when its
queue is full, the oldest events are dropped, and a `Gap` in the queue reports it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import gevent
import gevent.event

from fsfax.errors import EslTimeout
from fsfax.esl.wire import Event


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection was lost; a `Gap` follows when there is a new one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Events may be missing here; only FreeSWITCH can say what happened."""

    reason: str


class Watch:
    """The events of one reader, in the order in which FreeSWITCH sent them."""

    def __init__(self, size: int, forget: Callable[[Watch], None]) -> None:
        self.dropped = 0
        self._size = size
        self._forget = forget
        self._items: deque[Event | Gap | Lost] = deque()
        self._woken = False
        self._ready = gevent.event.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, item: Event | Gap | Lost) -> int:
        """Add an item; return the number of events that were dropped for it."""
        dropped = 0
        if len(self._items) >= self._size:
            # Make room for the item and for the `Gap`, which takes the place of the dropped
            # events: before those that are left.
            while len(self._items) > max(0, self._size - 2):
                dropped += isinstance(self._items.popleft(), Event)
            self.dropped += dropped
            self._items.appendleft(Gap(f"{self.dropped} events were dropped: the reader is slow"))
        self._items.append(item)
        self._ready.set()
        return dropped

    def get(self, timeout: float | None = None) -> Event | Gap | Lost | None:
        """Return the next item; None after `wake` or `close`.

        For one reader at a time: each item is returned once.

        Raises:
            EslTimeout: none came within ``timeout`` seconds.
        """
        if not self._ready.wait(timeout):
            raise EslTimeout(f"no event in {timeout:g} s")
        if self._woken or not self._items:
            self._woken = False
            item = None
        else:
            item = self._items.popleft()
        if not self._items:
            self._ready.clear()
        return item

    def wake(self) -> None:
        """Make `get` return None, so that its caller checks its own state.

        It precedes all queued items and takes no place in the queue, so it is never dropped.
        """
        self._woken = True
        self._ready.set()

    def close(self) -> None:
        """End the watch and drop all queued items."""
        self._forget(self)
        self._items.clear()
        self.wake()
