"""A receiver of webhooks: a real HTTP server in a thread, which can be down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.api.service import SOON


@dataclass
class Call:
    """A request that was received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """An answer."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """Records requests; ``answer`` returns the answer to one, ``down`` answers all with 503.

    ``calls`` are all requests, ``taken`` those that were answered with 2xx.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.taken: list[Call] = []
        self.answer: Callable[[Call], Answer] = lambda _: Answer()
        self.down = False
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, body)
                answer = Answer(503) if receiver.down else receiver.answer(call)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                receiver._note(call, answer)

            do_PUT = do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client left
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.server_port}{path}"

    def _note(self, call: Call, answer: Answer) -> None:
        with self._changed:
            self.calls.append(call)
            if answer.status < 300:
                self.taken.append(call)
            self._changed.notify_all()

    def wait(self, count: int, timeout: float = SOON) -> list[Call]:
        """Wait until ``count`` requests were answered with 2xx; return them."""
        return self._wait(lambda: self.taken, count, timeout)

    def wait_calls(self, count: int, timeout: float = SOON) -> list[Call]:
        """Wait until ``count`` requests were received; return them."""
        return self._wait(lambda: self.calls, count, timeout)

    def _wait(self, of: Callable[[], list[Call]], count: int, timeout: float) -> list[Call]:
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(of()) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(of())} of {count} requests"
                self._changed.wait(left)
            return list(of())
