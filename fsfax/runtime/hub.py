"""The hub that an engine lives in, and the way to it from other threads.

gevent runs one hub per thread. An engine's sockets and greenlets belong to one hub, its home:

* in a program that uses gevent (monkey-patched, or by choice) it is the hub of the thread that
  made the engine, and its greenlets run beside the program's own;
* in a plain threaded program it is a thread of the engine's own, so that any thread may call
  and block without stopping a fax.

`HubRunner.run` hides the difference: it runs a function at home and waits for it.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast

import gevent
import gevent.event
import gevent.hub
import gevent.monkey
import gevent.queue

from fsfax.errors import Closed, ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

HubChoice = Literal["auto", "current", "own"]


class CrossThreadQueue(Generic[T]):
    """A queue from home to the caller's side; `get` blocks in the way that fits the caller."""

    def __init__(self, own_thread: bool) -> None:
        self._queue: Any = queue.SimpleQueue() if own_thread else gevent.queue.SimpleQueue()

    def put(self, item: T) -> None:
        """Add an item; never blocks."""
        self._queue.put(item)

    def get(self, timeout: float | None = None) -> T:
        """Take the next item.

        Raises:
            queue.Empty: none came within ``timeout`` seconds.
        """
        item: T = self._queue.get(timeout=timeout)
        return item


class CrossThreadFuture(Generic[T]):
    """A result that is awaited on the caller's side, set once at home."""

    def __init__(self, own_thread: bool) -> None:
        self._event: Any = threading.Event() if own_thread else gevent.event.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """The result, or the error, is there."""
        return bool(self._event.is_set())

    def set(self, value: T) -> None:
        """Set the result."""
        self._value = value
        self._event.set()

    def fail(self, error: BaseException) -> None:
        """Set an error instead of a result."""
        self._error = error
        self._event.set()

    def get(self, timeout: float | None = None) -> T:
        """Wait for the result and return it, or raise the error that came instead.

        Raises:
            TimeoutError: neither came within ``timeout`` seconds.
        """
        if not self._event.wait(timeout):
            raise TimeoutError(f"not done in {timeout} s")
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


class HubRunner:
    """One hub, and the threads that may call into it."""

    def __init__(self, choice: HubChoice = "auto") -> None:
        if choice == "auto":
            # A program that patches sockets runs gevent in this very thread.
            choice = "current" if gevent.monkey.is_module_patched("socket") else "own"
        self.own_thread = choice == "own"
        if self.own_thread and gevent.monkey.is_module_patched("threading"):
            raise ConfigurationError(
                "hub='own' cannot work in a program that gevent has monkey-patched, where threads"
                " are greenlets: use hub='current'"
            )
        self._work: deque[Callable[[], None]] = deque()
        self._closed = False
        if self.own_thread:
            ready = threading.Event()
            self._thread = threading.Thread(
                target=self._live, args=(ready,), name="fsfax-engine", daemon=True
            )
            self._thread.start()
            ready.wait()
        else:
            self._settle(keeps_alive=False)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` at home, wait for it and return what it returns or raise its error.

        Raises:
            Closed: the home was closed.
        """
        if _thread_id() == self._thread_id:
            return function(*args, **kwargs)
        if self._closed:
            raise Closed("the engine is closed")
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # carried to the caller, all of them
                future.set_exception(error)

        self._work.append(work)
        self._wake_up.send()
        return future.result()

    def queue(self) -> CrossThreadQueue[Any]:
        """Return a queue from home to a caller."""
        return CrossThreadQueue(self.own_thread)

    def future(self) -> CrossThreadFuture[Any]:
        """Return a place for a result that a caller waits for."""
        return CrossThreadFuture(self.own_thread)

    def close(self) -> None:
        """End the engine's own thread, if it has one."""
        if self._closed:
            return
        self._closed = True
        if self.own_thread:
            self._work.append(self._end.set)
            self._wake_up.send()
            self._thread.join()
        else:
            self._wake_up.stop()
            self._wake_up.close()

    def _settle(self, *, keeps_alive: bool) -> None:
        """Make the calling thread's hub the home."""
        self._hub = gevent.hub.get_hub()
        self._thread_id = _thread_id()
        # An async watcher is the one thing of a loop that another thread may touch.
        self._wake_up = self._hub.loop.async_(ref=keeps_alive)
        self._wake_up.start(self._drain_work)

    def _drain_work(self) -> None:
        while self._work:
            gevent.spawn(self._work.popleft())

    def _live(self, ready: threading.Event) -> None:
        self._settle(keeps_alive=True)
        self._end = gevent.event.Event()
        ready.set()
        self._end.wait()
        self._wake_up.stop()
        self._wake_up.close()
        self._hub.destroy(destroy_loop=True)


def _thread_id() -> int:
    """Return the id of the real thread, also where gevent has patched ``threading``."""
    identity: int = gevent.monkey.get_original("_thread", "get_ident")()
    return identity
