"""Handles that the engine returns: `SendCall` of an outbound fax, `ReceiveHandle` of inbound faxes.

Both may be used from any thread or greenlet of the program; the work itself runs in the
engine's hub.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from typing import Protocol, Self

import gevent

from fsfax.engine.observations import Observation
from fsfax.engine.receive import Receiver
from fsfax.errors import Closed
from fsfax.runtime.hub import HubRunner
from fsfax.values.results import RxResult, TxResult


class CallWork(Protocol):
    """The work behind a `SendCall`: a `Transmission` or an `Adoption`."""

    def cancel(self) -> None:
        """End the call as soon as possible."""
        ...  # the protocol's body


class SendCall:
    """An outbound fax. Made by `Engine.start` and `Engine.adopt`."""

    def __init__(self, hub: HubRunner, attempt_id: str) -> None:
        self.id = attempt_id
        self._hub = hub
        self._queue = hub.queue()
        self._future = hub.future()
        self._work: CallWork | None = None
        self._cancelled = False
        self.greenlet: gevent.Greenlet[..., None] | None = None
        self.was_left = False

    @property
    def done(self) -> bool:
        """The fax is over: `result` returns or raises at once."""
        return self._future.done

    def progress(self) -> Iterator[Observation]:
        """Yield the observations until the fax is over. For one reader at a time."""
        while (item := self._queue.get()) is not None:
            yield item
        self._queue.put(None)  # another reader has to see the end, too

    def result(self, timeout: float | None = None) -> TxResult:
        """Wait for the end of the fax and return its result.

        Raises:
            FsfaxError: nothing was dialled; the class says why. For a call that was adopted or
                left: its outcome was not found out.
            TimeoutError: it is not over after ``timeout`` seconds.
        """
        outcome: TxResult = self._future.get(timeout)
        return outcome

    def cancel(self) -> None:
        """End the call as soon as possible; the result says how many pages were sent."""
        self._hub.run(self._cancel)

    def leave(self) -> None:
        """Stop following the fax without ending its call; `result` raises `Closed` then.

        The call goes on in FreeSWITCH, and `Engine.adopt` takes it up again, in this or another
        process. If nothing was dialled yet, nothing will be. Has no effect when the fax is over.
        """
        self._hub.run(self._leave)

    def _leave(self) -> None:
        if self.done or self.greenlet is None:
            return
        self.was_left = True
        self.greenlet.kill()
        # A greenlet that is killed before it began does not finish the call itself.
        self.finish(None, None)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._work:
            self._work.cancel()

    # --- for the engine, in its hub ------------------------------------------------------

    @property
    def was_begun(self) -> bool:
        """`begin` was called: the fax may have been dialled."""
        return self._work is not None

    def begin(self, work: CallWork) -> None:
        """Set the work that dials or follows the call from now on."""
        self._work = work
        if self._cancelled:
            work.cancel()

    def report(self, observation: Observation) -> None:
        """Give an observation to the reader of `progress`."""
        self._queue.put(observation)

    def finish(self, result: TxResult | None, error: BaseException | None) -> None:
        """Set the result of the fax, or the error that came instead."""
        if self.done:
            return
        if self.was_left and result is None:
            error = Closed("the call is no longer followed here; ask the engine for its fate")
        if error is not None:
            self._future.fail(error)
        else:
            self._future.set(result)
        self._queue.put(None)


class ReceiveHandle:
    """Inbound faxes. Made by `Engine.receive`; iterate over it for the results."""

    def __init__(
        self, hub: HubRunner, on_progress: Callable[[str, Observation], None] | None
    ) -> None:
        self._hub = hub
        self._queue = hub.queue()
        self._on_progress = on_progress
        self.receivers: list[Receiver] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[RxResult]:
        """Yield the result of each inbound fax after it was stored, until `close`."""
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def get(self, timeout: float | None = None) -> RxResult:
        """Return the next inbound fax; ``on_progress`` is called from here meanwhile.

        Raises:
            TimeoutError: no fax was stored within ``timeout`` seconds.
            Closed: the handle was closed and no fax is left.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                item = self._queue.get(left)
            except queue.Empty:
                raise TimeoutError(f"no fax was received in {timeout} s") from None
            if item is None:
                self._queue.put(None)  # another reader has to see the end, too
                raise Closed("the engine has stopped receiving")
            if isinstance(item, RxResult):
                return item
            if self._on_progress:
                self._on_progress(*item)

    def close(self, wait: float = 0.0) -> None:
        """Stop; calls under way get ``wait`` seconds. The next `Engine.receive` finds the rest."""
        if self._closed:
            return
        self._closed = True
        self._hub.run(self._close, wait)

    def put(self, item: RxResult | tuple[str, Observation]) -> None:
        """Give the reader a result, or a call's id with an observation of it."""
        self._queue.put(item)

    def _close(self, wait: float) -> None:
        gevent.joinall([gevent.spawn(receiver.close, wait) for receiver in self.receivers])
        self._queue.put(None)
