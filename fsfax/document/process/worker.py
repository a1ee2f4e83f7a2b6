"""A worker process: opens documents and draws fax pages, for one `pool` over one socket.

`pool` starts it with the bytes of memory it may use as argument and a Unix socket as standard
input. It never imports gevent and never forks. Untrusted bytes are decoded here and nowhere
else, under limits of the operating system: address space (RLIMIT_AS), processor time for each
request (RLIMIT_CPU), no core files. It ends when its socket is closed, and a watching thread ends
it even in the middle of a page, because decoders release the interpreter's lock.

Both directions speak frames: two 32-bit lengths, a JSON object, and bytes.
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
from typing import Any

from fsfax.errors import DocumentDamaged, DocumentError

FRAME = struct.Struct("<II")
MAX_FRAME = 1 << 30
EXIT_MEMORY = 77
"""Exit status of a worker that had no memory left, for the pool to tell from a crash."""

_IDLE_SECONDS = 1.0
_GRACE_SECONDS = 5


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Make a frame."""
    text = json.dumps(header).encode()
    return FRAME.pack(len(text), len(payload)) + text + payload


def main() -> int:
    """Serve requests until the socket is closed."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = socket.socket(fileno=os.dup(0))
    threading.Thread(target=_watch, args=(connection.fileno(),), daemon=True).start()

    # The libraries are loaded before the limit on memory counts.
    from fsfax.document.process.tasks import TaskHandler  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    desk = TaskHandler()
    while True:
        connection.settimeout(_IDLE_SECONDS)
        try:
            first = connection.recv(1)
        except TimeoutError:
            desk.close()
            continue
        if not first:
            return 0
        connection.settimeout(None)
        lengths = FRAME.unpack(first + _exactly(connection, FRAME.size - 1))
        request = json.loads(_exactly(connection, lengths[0]))
        try:
            connection.sendall(_answer(desk, request))
        except MemoryError:
            os._exit(EXIT_MEMORY)


def _answer(desk: Any, request: dict[str, Any]) -> bytes:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = time.process_time()
    seconds = int(used + request.pop("seconds")) + _GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    try:
        header, payload = desk.handle(request.pop("task"), request)
        header["cpu"] = time.process_time() - used
        return pack(header, payload)
    except DocumentError as error:
        return pack({"error": type(error).__name__, "code": error.code, "message": str(error)})
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder tripped over its input: tell the pool
        damaged = DocumentDamaged(
            f"the document cannot be drawn: it is damaged ({type(error).__name__}: {error}); "
            "save or print it anew"
        )
        return pack({"error": "DocumentDamaged", "code": damaged.code, "message": str(damaged)})


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _watch(descriptor: int) -> None:
    """End the process as soon as the other end of its socket is gone."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    while not poll.poll():
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
