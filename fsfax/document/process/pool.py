"""A pool of worker processes, for greenlets of any thread.

Whoever asks waits in the hub of his own thread, so other greenlets run on; a plain thread just
waits. Nothing here is monkey-patched or needs to be. Workers are fresh Python processes, never
forks of a running hub: `subprocess.Popen` starts them with ``vfork`` and ``exec``, a Unix socket
as their standard input. The lock is a real one and is held for a few instructions only.

A worker that crashes, hangs or runs out of memory is killed and replaced; the error goes to the
one who was waiting for it and to nobody else.
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
    # One worker is one core; threads of a mathematics library only cost address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # Bitmaps are taken and freed all the time: keep their memory instead of mapping it anew.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
_REAP_SECONDS = 1.0
_Reply = tuple[dict[str, Any], bytes]


def _popen() -> Any:
    """Return the Popen that works here.

    gevent's needs a hub with child watchers, which a plain thread has not; in a patched program
    the standard one has lost its ``_fork_exec``, and everything runs in the main hub anyway.
    """
    return gevent.subprocess.Popen if is_module_patched("subprocess") else subprocess.Popen


class _Broken(Exception):
    """The worker is gone; ``fresh`` if it had not yet read a byte of the request."""


class _Worker:
    """One process and the socket to it."""

    def __init__(self, memory: int) -> None:
        ours, theirs = socket.socketpair()
        # The class is taken unpatched, so that a hub's own blocking rules do not apply to it.
        self._socket = ours
        ours.setblocking(False)
        try:
            self._process = _popen()(
                [sys.executable, "-m", "fsfax.document.process.worker", str(memory)],
                stdin=theirs,
                stdout=-3,
                stderr=-3,
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,  # Ctrl-C is for the program, not for its workers
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def alive(self) -> bool:
        """Whether the process is still there (an idle one may have been killed from outside)."""
        return self._process.poll() is None

    def ask(self, request: bytes, timeout: float) -> _Reply:
        """Send a request and wait for the answer.

        Raises:
            TimeoutError: no whole answer within ``timeout`` seconds.
            _Broken: the process ended.
        """
        deadline = time.monotonic() + timeout
        view = memoryview(request)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                wait_write(self._socket.fileno(), _left(deadline), TimeoutError())
            except OSError:
                raise _Broken from None
        lengths = FRAME.unpack(self._receive(FRAME.size, deadline))
        if sum(lengths) > MAX_FRAME:
            raise _Broken
        header = json.loads(self._receive(lengths[0], deadline))
        return header, self._receive(lengths[1], deadline)

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._socket.recv(min(count - len(parts), 1 << 18))
            except BlockingIOError:
                wait_read(self._socket.fileno(), _left(deadline), TimeoutError())
                continue
            except OSError:
                raise _Broken from None
            if not part:
                raise _Broken
            parts += part
        return bytes(parts)

    def end(self) -> int | None:
        """Kill the process if it still runs; gives its exit status where it can be told."""
        self._socket.close()
        deadline = time.monotonic() + _REAP_SECONDS
        patience = time.monotonic() + _REAP_SECONDS / 10
        killed = False
        while (status := self._process.poll()) is None and time.monotonic() < deadline:
            # A process that crashed is given an instant to be reaped with its true status.
            if not killed and time.monotonic() > patience:
                self.kill()
                killed = True
            gevent.sleep(0.002)
        return None if killed or status is None else int(status)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Waiter:
    """A place in the queue: wakes a greenlet of any thread from any other."""

    def __init__(self) -> None:
        self._event = Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._event.set)
        self.granted = False
        self.worker: _Worker | None = None

    def grant(self, worker: _Worker | None) -> None:
        """Hand over a worker, or the right to start one."""
        self.worker, self.granted = worker, True
        self._wake.send()

    def wait(self) -> None:
        self._event.wait()

    def close(self) -> None:
        self._wake.stop()
        self._wake.close()


class WorkerPool:
    """At most ``size`` worker processes, started as they are needed.

    Args:
        size: processes; 0 is one per core that this process may use.
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
        """End all workers; whoever waits for one gets `Closed`."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            queue, self._queue = list(self._queue), deque()
            busy = list(self._busy)
        for ticket in queue:
            ticket.grant(None)
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.kill()
            worker.end()

    def run(self, request: dict[str, Any], timeout: float, what: str) -> _Reply:
        """Have a free worker carry out a request; waits for one if none is free.

        Args:
            request: the task, as `fsfax.document.process.tasks` takes it.
            timeout: seconds the worker may take; waiting for a free one does not count.
            what: the document's name, for messages.

        Raises:
            DocumentError: the worker says what is wrong with the document.
            ConversionFailed: the worker crashed, hung or ran out of memory; it is replaced.
            Closed: the pool was closed.
        """
        worker = self._take()
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
        except _Broken:
            status = worker.end()
            if self._closed:
                raise Closed("the converter was closed while it was working") from None
            _log.warning("document_worker_ended", document=what, status=status)
            raise _crash(what, status) from None
        finally:
            self._give_back(worker, whole=reply is not None)
        header, payload = reply
        if "error" in header:
            kind = getattr(errors, header["error"], DocumentError)
            raise kind(header["message"], code=header["code"])
        return header, payload

    def _take(self) -> _Worker:
        ticket = None
        with self._lock:
            if self._closed:
                raise Closed("the converter is closed; open a new one")
            worker = self._idle.pop() if self._idle else None
            if worker is None and self._running >= self.size:
                ticket = _Waiter()
                self._queue.append(ticket)
            elif worker is None:
                self._running += 1
        if ticket is not None:
            try:
                ticket.wait()
            except BaseException:
                self._abandon(ticket)
                raise
            finally:
                ticket.close()
            if self._closed:
                raise Closed("the converter was closed while a document was waiting")
            worker = ticket.worker
        if worker is not None and not worker.alive():
            _log.warning("idle_document_worker_gone", pid=worker.pid)
            worker.end()
            worker = None
        if worker is None:
            try:
                worker = _Worker(self._memory)
            except OSError as error:
                self._free(None)
                raise ConversionFailed(
                    f"no worker process can be started: {error.strerror}; is the machine out of "
                    "memory or processes?",
                    code="no_worker",
                ) from error
        with self._lock:
            self._busy.add(worker)
        return worker

    def _abandon(self, ticket: _Waiter) -> None:
        with self._lock:
            if not ticket.granted:
                self._queue.remove(ticket)
                return
        self._free(ticket.worker)

    def _give_back(self, worker: _Worker, *, whole: bool) -> None:
        with self._lock:
            self._busy.discard(worker)
        if whole and not self._closed:
            self._free(worker)
        else:
            worker.kill()
            self._free(None)
            worker.end()

    def _free(self, worker: _Worker | None) -> None:
        """Pass a worker, or the room for one, to the next in the queue."""
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
