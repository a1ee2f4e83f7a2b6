"""The gevent hub of an engine or a service, and calls into it from other threads.

gevent runs one hub per thread. The sockets and greenlets of an engine belong to one hub:

* in a program that uses gevent (monkey-patched, or by choice) it is the hub of the thread that
  made the engine, and its greenlets run beside the program's own;
* in a plain threaded program it is the hub of a thread that belongs to the engine, so that any
  thread may call and block without stopping a fax.

`HubRunner.run` hides the difference: it runs a function in the hub and waits for it.
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
    """A queue from the hub to a caller; `get` blocks the caller's thread or greenlet."""

    def __init__(self, own_thread: bool) -> None:
        self._queue: Any = queue.SimpleQueue() if own_thread else gevent.queue.SimpleQueue()

    def put(self, item: T) -> None:
        """Add an item; never blocks."""
        self._queue.put(item)

    def get(self, timeout: float | None = None) -> T:
        """Remove the next item and return it.

        Raises:
            queue.Empty: there was none within ``timeout`` seconds.
        """
        item: T = self._queue.get(timeout=timeout)
        return item


class CrossThreadFuture(Generic[T]):
    """A result that is set once in the hub, and that a caller waits for."""

    def __init__(self, own_thread: bool) -> None:
        self._event: Any = threading.Event() if own_thread else gevent.event.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether the result or an error was set."""
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
        """Wait for the result and return it, or raise the error that was set instead.

        Raises:
            TimeoutError: neither was set within ``timeout`` seconds.
        """
        if not self._event.wait(timeout):
            raise TimeoutError(f"not done in {timeout} s")
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


class HubRunner:
    """Runs functions in one hub, called from any thread.

    Args:
        choice: "current": the hub of the calling thread; "own": that of a new thread; "auto":
            "current" in a program that gevent has monkey-patched, else "own".

    Raises:
        ConfigurationError: "own" in a program that gevent has monkey-patched.
    """

    def __init__(self, choice: HubChoice = "auto") -> None:
        if choice == "auto":
            # A program that patches sockets runs gevent in this thread.
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
                target=self._run_thread, args=(ready,), name="fsfax-engine", daemon=True
            )
            self._thread.start()
            ready.wait()
        else:
            self._attach(keeps_running=False)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the hub, wait for it, and return its value or raise its error.

        Raises:
            Closed: `close` was called.
        """
        if _thread_id() == self._thread_id:
            return function(*args, **kwargs)
        if self._closed:
            raise Closed("the engine is closed")
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # the caller gets every error
                future.set_exception(error)

        self._work.append(work)
        self._wake_up.send()
        return future.result()

    def queue(self) -> CrossThreadQueue[Any]:
        """Return a queue from the hub to a caller."""
        return CrossThreadQueue(self.own_thread)

    def future(self) -> CrossThreadFuture[Any]:
        """Return a future that is set in the hub."""
        return CrossThreadFuture(self.own_thread)

    def close(self) -> None:
        """Accept no further calls, and end the thread if the hub has its own."""
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

    def _attach(self, *, keeps_running: bool) -> None:
        """Use the calling thread's hub; ``keeps_running``: even when it has nothing else to do."""
        self._hub = gevent.hub.get_hub()
        self._thread_id = _thread_id()
        # An async watcher is the only part of an event loop that other threads may use.
        self._wake_up = self._hub.loop.async_(ref=keeps_running)
        self._wake_up.start(self._drain_work)

    def _drain_work(self) -> None:
        while self._work:
            gevent.spawn(self._work.popleft())

    def _run_thread(self, ready: threading.Event) -> None:
        self._attach(keeps_running=True)
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
