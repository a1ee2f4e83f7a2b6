"""What the engine hands out for work under way: a fax being sent, faxes being received.

Both may be used from any thread or greenlet of the program; the work itself goes on in the
engine's home.
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
    """What is done for a fax on its way: a `Transmission`, or an `Adoption`."""

    def cancel(self) -> None:
        """End the call as soon as possible."""
        ...  # the protocol's body


class SendCall:
    """A fax on its way. Made by `Engine.start` and `Engine.adopt`."""

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
        """The result, or an error, is there."""
        return self._future.done

    def progress(self) -> Iterator[Observation]:
        """Yield what happens until the fax is over. For one reader at a time."""
        while (item := self._queue.get()) is not None:
            yield item
        self._queue.put(None)  # whoever asks again sees the end, too

    def result(self, timeout: float | None = None) -> TxResult:
        """Wait for the fax to be over and return what became of it.

        Raises:
            FsfaxError: nothing was dialled; the class says why. Of a call that was adopted or left:
                it was not proved what became of it.
            TimeoutError: it is not over after ``timeout`` seconds.
        """
        outcome: TxResult = self._future.get(timeout)
        return outcome

    def cancel(self) -> None:
        """End the fax as soon as possible; the result says how far it came."""
        self._hub.run(self._cancel)

    def leave(self) -> None:
        """Follow the fax no longer, without ending it; `result` raises `Closed` then.

        The call goes on in FreeSWITCH, and `Engine.adopt` takes it up again, here or elsewhere.
        Before anything is dialled this is the end of it. Harmless when the fax is over.
        """
        self._hub.run(self._leave)

    def _leave(self) -> None:
        if self.done or self.greenlet is None:
            return
        self.was_left = True
        self.greenlet.kill()
        # It ended without a word if it had not even begun.
        self.finish(None, None)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._work:
            self._work.cancel()

    # --- for the engine, at home ---------------------------------------------------------

    @property
    def was_begun(self) -> bool:
        """It may have been dialled."""
        return self._work is not None

    def begin(self, work: CallWork) -> None:
        """Say that the call is being dialled, or followed, from now on."""
        self._work = work
        if self._cancelled:
            work.cancel()

    def report(self, observation: Observation) -> None:
        """Pass an observation on to the reader of `progress`."""
        self._queue.put(observation)

    def finish(self, result: TxResult | None, error: BaseException | None) -> None:
        """Say that the fax is over, with a result or with the error that came instead."""
        if self.done:
            return
        if self.was_left and result is None:
            error = Closed("the call was left to itself; ask the engine for its fate")
        if error is not None:
            self._future.fail(error)
        else:
            self._future.set(result)
        self._queue.put(None)


class ReceiveHandle:
    """Faxes that come in. Made by `Engine.receive`; iterate over it for the results."""

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
        """Yield each received fax after it was stored, until `close`."""
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def get(self, timeout: float | None = None) -> RxResult:
        """Return the next received fax; progress is reported from in here meanwhile.

        Raises:
            TimeoutError: none came within ``timeout`` seconds.
            Closed: the receiving was closed and nothing is left.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                item = self._queue.get(left)
            except queue.Empty:
                raise TimeoutError(f"no fax came in {timeout} s") from None
            if item is None:
                self._queue.put(None)  # for whoever asks after us
                raise Closed("the engine does not receive any more")
            if isinstance(item, RxResult):
                return item
            if self._on_progress:
                self._on_progress(*item)

    def close(self, wait: float = 0.0) -> None:
        """Stop; give faxes under way ``wait`` seconds. What is cut off is found next time."""
        if self._closed:
            return
        self._closed = True
        self._hub.run(self._close, wait)

    def put(self, item: RxResult | tuple[str, Observation]) -> None:
        """Pass a result, or progress of the call of that id, on to the reader."""
        self._queue.put(item)

    def _close(self, wait: float) -> None:
        gevent.joinall([gevent.spawn(receiver.close, wait) for receiver in self.receivers])
        self._queue.put(None)
