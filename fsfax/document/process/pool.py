"""A pool of worker processes, shared by the greenlets of all threads.

A caller waits in the hub of its own thread, so that other greenlets go on; a plain thread simply
waits. The pool works with and without gevent's monkey-patching. Workers are fresh Python
processes, never forks of a running hub: `subprocess.Popen` starts them with ``vfork`` and
``exec``, a Unix socket as their standard input. The lock is a real one and is held for a few
instructions only.

A worker that crashes, hangs or runs out of memory is killed and replaced; the error is raised
in the caller whose request it had, and in no other.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Any

import gevent
import gevent.subprocess
from gevent.event import Event
from gevent.monkey import get_original, is_module_patched
from gevent.socket import wait_read, wait_write

from fsfax import errors
from fsfax.document.process.worker import EXIT_MEMORY, FRAME, MAX_FRAME, pack
from fsfax.errors import Closed, ConversionFailed, DocumentError
from fsfax.log import get_logger

_log = get_logger(__name__)

_allocate_lock = get_original("_thread", "allocate_lock")
_ENVIRONMENT = {
    # A worker uses one core; threads of a mathematics library would only cost address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # Bitmaps are allocated and freed all the time: malloc holds their memory, not mmap.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
_REAP_SECONDS = 1.0
"""How long `_Worker.end` waits for an exit status."""
_Reply = tuple[dict[str, Any], bytes]


def _popen() -> Any:
    """Return the Popen class that works in this program.

    gevent's needs a hub with child watchers, which a plain thread does not have; in a patched
    program the standard one has lost its ``_fork_exec``, and everything runs in the main hub.
    """
    return gevent.subprocess.Popen if is_module_patched("subprocess") else subprocess.Popen


class _WorkerEnded(Exception):
    """The worker process ended, or sent what is no frame."""


class _Worker:
    """One process and the socket to it."""

    def __init__(self, memory: int) -> None:
        pool_end, worker_end = socket.socketpair()
        # Not blocking: whether `socket` is patched makes no difference, the waits are `ask`'s own.
        self._socket = pool_end
        pool_end.setblocking(False)
        try:
            self._process = _popen()(
                [sys.executable, "-m", "fsfax.document.process.worker", str(memory)],
                stdin=worker_end,
                stdout=-3,
                stderr=-3,
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,  # Ctrl-C goes to the program, not to its workers
            )
        except OSError:
            pool_end.close()
            raise
        finally:
            worker_end.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return int(self._process.pid)

    def is_running(self) -> bool:
        """Whether the process still runs (an idle one may have been killed from outside)."""
        return self._process.poll() is None

    def ask(self, request: bytes, timeout: float) -> _Reply:
        """Send a request, wait for the answer and return its header and payload.

        Raises:
            TimeoutError: no whole answer within ``timeout`` seconds.
            _WorkerEnded: the process ended.
        """
        deadline = time.monotonic() + timeout
        view = memoryview(request)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                wait_write(self._socket.fileno(), _seconds_left(deadline), TimeoutError())
            except OSError:
                raise _WorkerEnded from None
        lengths = FRAME.unpack(self._receive(FRAME.size, deadline))
        if sum(lengths) > MAX_FRAME:
            raise _WorkerEnded
        header = json.loads(self._receive(lengths[0], deadline))
        return header, self._receive(lengths[1], deadline)

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._socket.recv(min(count - len(parts), 1 << 18))
            except BlockingIOError:
                wait_read(self._socket.fileno(), _seconds_left(deadline), TimeoutError())
                continue
            except OSError:
                raise _WorkerEnded from None
            if not part:
                raise _WorkerEnded
            parts += part
        return bytes(parts)

    def end(self) -> int | None:
        """Kill the process if it still runs; return its exit status, None if it was killed here."""
        self._socket.close()
        deadline = time.monotonic() + _REAP_SECONDS
        kill_at = time.monotonic() + _REAP_SECONDS / 10
        killed = False
        while (status := self._process.poll()) is None and time.monotonic() < deadline:
            # A process that crashed gets a tenth of a second to be reaped with its true status.
            if not killed and time.monotonic() > kill_at:
                self.kill()
                killed = True
            gevent.sleep(0.002)
        return None if killed or status is None else int(status)

    def kill(self) -> None:
        """Send SIGKILL, if the process still runs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)


def _seconds_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Waiter:
    """A place in the queue; any thread can wake the greenlet that waits in it."""

    def __init__(self) -> None:
        self._event = Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._event.set)
        self.granted = False
        self.worker: _Worker | None = None

    def grant(self, worker: _Worker | None) -> None:
        """Hand over a worker, or with None the permission to start one."""
        self.worker, self.granted = worker, True
        self._wake.send()

    def wait(self) -> None:
        """Wait for `grant`."""
        self._event.wait()

    def close(self) -> None:
        """Free the hub's watcher."""
        self._wake.stop()
        self._wake.close()


class WorkerPool:
    """At most ``size`` worker processes, started as they are needed.

    Args:
        size: number of processes; 0 is one for each core that this process may use.
        memory: bytes of address space of one worker.
    """

    def __init__(self, size: int, memory: int) -> None:
        self.size = size or len(os.sched_getaffinity(0))
        self._memory = memory
        self._lock = _allocate_lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._running = 0
        self._queue: deque[_Waiter] = deque()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that exist now."""
        with self._lock:
            return [worker.pid for worker in (*self._idle, *self._busy)]

    def close(self) -> None:
        """End all workers; callers that wait for one get `Closed`."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            queue, self._queue = list(self._queue), deque()
            busy = list(self._busy)
        for waiter in queue:
            waiter.grant(None)
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.kill()
            worker.end()

    def run(self, request: dict[str, Any], timeout: float, what: str) -> _Reply:
        """Have a worker carry out a request, return its header and payload; waits for a free one.

        Args:
            request: the task, as `fsfax.document.process.tasks` takes it.
            timeout: seconds that the worker may take; waiting for a free one does not count.
            what: the document's name, for messages.

        Raises:
            DocumentError: the worker reports what is wrong with the document.
            ConversionFailed: the worker crashed, hung or ran out of memory; it is replaced.
            Closed: the pool was closed.
        """
        worker = self._acquire()
        frame = pack({**request, "seconds": timeout})
        reply: _Reply | None = None
        try:
            reply = worker.ask(frame, timeout)
        except TimeoutError:
            _log.warning("document_worker_timed_out", document=what, seconds=timeout)
            raise ConversionFailed(
                f"converting {what} took longer than {timeout:.0f} s (document.timeout); simplify "
                "the document, for instance by printing it to a new PDF, or allow more time",
                code="timeout",
            ) from None
        except _WorkerEnded:
            status = worker.end()
            if self._closed:
                raise Closed("the converter was closed while it was working") from None
            _log.warning("document_worker_ended", document=what, status=status)
            raise _crash(what, status) from None
        finally:
            self._release(worker, usable=reply is not None)
        header, payload = reply
        if "error" in header:
            kind = getattr(errors, header["error"], DocumentError)
            raise kind(header["message"], code=header["code"])
        return header, payload

    def _acquire(self) -> _Worker:
        """Return a worker that runs, now busy with the caller's request; wait for it if need be."""
        waiter = None
        with self._lock:
            if self._closed:
                raise Closed("the converter is closed; open a new one")
            worker = self._idle.pop() if self._idle else None
            if worker is None and self._running >= self.size:
                waiter = _Waiter()
                self._queue.append(waiter)
            elif worker is None:
                self._running += 1
        if waiter is not None:
            try:
                waiter.wait()
            except BaseException:
                self._abandon(waiter)
                raise
            finally:
                waiter.close()
            if self._closed:
                raise Closed("the converter was closed while a document was waiting")
            worker = waiter.worker
        if worker is not None and not worker.is_running():
            _log.warning("idle_document_worker_gone", pid=worker.pid)
            worker.end()
            worker = None
        if worker is None:
            try:
                worker = _Worker(self._memory)
            except OSError as error:
                self._pass_on(None)
                raise ConversionFailed(
                    f"no worker process can be started: {error.strerror}; is the machine out of "
                    "memory or processes?",
                    code="no_worker",
                ) from error
        with self._lock:
            self._busy.add(worker)
        return worker

    def _abandon(self, waiter: _Waiter) -> None:
        """Leave the queue, and pass on what was granted already."""
        with self._lock:
            if not waiter.granted:
                self._queue.remove(waiter)
                return
        self._pass_on(waiter.worker)

    def _release(self, worker: _Worker, *, usable: bool) -> None:
        """Give a worker back; one that is not usable any more is killed and not counted."""
        with self._lock:
            self._busy.discard(worker)
        if usable and not self._closed:
            self._pass_on(worker)
        else:
            worker.kill()
            self._pass_on(None)
            worker.end()

    def _pass_on(self, worker: _Worker | None) -> None:
        """Pass a worker, or with None the permission to start one, to the next in the queue."""
        with self._lock:
            if self._queue:
                self._queue.popleft().grant(worker)
            elif worker is not None:
                self._idle.append(worker)
            else:
                self._running -= 1


def _crash(what: str, status: int | None) -> ConversionFailed:
    advice = "print it to a new PDF, or send it as an image"
    if status == EXIT_MEMORY:
        return ConversionFailed(
            f"converting {what} needs more memory than a worker may use (document.memory); "
            f"{advice}, or allow more",
            code="out_of_memory",
        )
    if status is not None and -status == signal.SIGXCPU:
        return ConversionFailed(
            f"converting {what} used up its processor time (document.timeout); {advice}",
            code="timeout",
        )
    name = signal.Signals(-status).name if status is not None and status < 0 else f"status {status}"
    return ConversionFailed(
        f"the process converting {what} crashed ({name}): the document is damaged, hostile, or "
        f"needs more memory than document.memory allows; {advice}",
        code="crashed",
    )
