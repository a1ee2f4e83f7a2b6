"""A worker process: opens documents and draws fax pages, for one `pool`, over one socket.

`pool` starts it with a Unix socket as standard input; its argument is the memory, in bytes, that
it may use. It never imports gevent and never forks. Untrusted bytes are decoded here and nowhere
else, under limits of the operating system: address space (RLIMIT_AS), processor time of each
request (RLIMIT_CPU), no core files. It ends when its socket is closed; a thread watches the
socket and ends the process in the middle of a page too, because decoders release the
interpreter lock.

Requests and answers are frames: two 32-bit lengths (little-endian), a JSON object, and bytes.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from fsfax.errors import DocumentDamaged, DocumentError

if TYPE_CHECKING:
    from fsfax.document.process.tasks import TaskHandler

FRAME = struct.Struct("<II")
MAX_FRAME = 1 << 30
EXIT_MEMORY = 77
"""Exit status of a worker that ran out of memory; it lets the pool tell this from a crash."""

_IDLE_SECONDS = 1.0
"""Without a request for this long, the document that is open is closed."""
_GRACE_SECONDS = 5
"""Processor time beyond a request's own before the system kills the process (SIGXCPU)."""


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return a frame of a JSON object and bytes."""
    text = json.dumps(header).encode()
    return FRAME.pack(len(text), len(payload)) + text + payload


def main() -> int:
    """Serve requests until the socket is closed; return the exit status."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = socket.socket(fileno=os.dup(0))
    threading.Thread(target=_watch, args=(connection.fileno(),), daemon=True).start()

    # The libraries are loaded before the limit on memory counts.
    from fsfax.document.process.tasks import TaskHandler  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    handler = TaskHandler()
    while True:
        connection.settimeout(_IDLE_SECONDS)
        try:
            first = connection.recv(1)
        except TimeoutError:
            handler.close()
            continue
        if not first:
            return 0
        connection.settimeout(None)
        lengths = FRAME.unpack(first + _receive_exactly(connection, FRAME.size - 1))
        request = json.loads(_receive_exactly(connection, lengths[0]))
        try:
            connection.sendall(_answer(handler, request))
        except MemoryError:
            os._exit(EXIT_MEMORY)


def _answer(handler: TaskHandler, request: dict[str, Any]) -> bytes:
    """Carry out a request and return the frame of its answer or error."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = time.process_time()
    seconds = int(used + request.pop("seconds")) + _GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    try:
        header, payload = handler.handle(request.pop("task"), request)
        header["cpu"] = time.process_time() - used
        return pack(header, payload)
    except DocumentError as error:
        return pack({"error": type(error).__name__, "code": error.code, "message": str(error)})
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder failed on its input: the pool raises it
        damaged = DocumentDamaged(
            f"the document cannot be drawn: it is damaged ({type(error).__name__}: {error}); "
            "save or print it anew"
        )
        return pack({"error": "DocumentDamaged", "code": damaged.code, "message": str(damaged)})


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _watch(descriptor: int) -> None:
    """End the process as soon as the other end of its socket is closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    while not poll.poll():
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
