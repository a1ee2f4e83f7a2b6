"""Run ``fsfax`` commands as processes that need not import everything first.

A new ``python -m fsfax`` spends a second on imports. Here, one process imports all commands once
and forks for each call: arguments, environment, working folder, standard output, standard error
and exit code are the command's own, as in a process started by a shell.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LONGEST = 1 << 20
"""Bytes of a request at most."""


class ForkedProcess:
    """A running ``fsfax``; it has the part of `subprocess.Popen` that tests use."""

    def __init__(self, asking: socket.socket) -> None:
        self._asking = asking
        self.pid = int(asking.recv(100))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs; minus the signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        if self.returncode is None:
            self._asking.settimeout(timeout)
            try:
                self.returncode = int(self._asking.recv(100))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("fsfax", timeout or 0.0) from None
            self._asking.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; harmless when the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start_fsfax(
    *words: object,
    stdout: int,
    stderr: int,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> ForkedProcess:
    """Start ``fsfax`` with these words, writing to these file descriptors."""
    request = {
        "arguments": [str(word) for word in words],
        "environment": dict(os.environ if environment is None else environment),
        "cwd": str(cwd or Path.cwd()),
    }
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.connect(_forking())
    socket.send_fds(asking, [json.dumps(request).encode()], [stdout, stderr])
    return ForkedProcess(asking)


def run_fsfax(
    *words: object,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run ``fsfax`` with these words to its end; return its output and exit code."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start_fsfax(
            *words,
            stdout=output.fileno(),
            stderr=errors.fileno(),
            environment=environment,
            cwd=cwd,
        )
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(
            list(words), code, output.read().decode(), errors.read().decode()
        )


@cache
def _forking() -> str:
    """Start the process that forks, once; return the abstract address of its Unix socket."""
    address = f"\0fsfax-command-{uuid.uuid4().hex}"
    ours, theirs = socket.socketpair()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, theirs:
        listening.bind(address)
        listening.listen(16)
        subprocess.Popen(
            [sys.executable, "-m", "tests.forked_command"],
            stdin=listening,
            stdout=theirs,  # closed at the other end when the tests are over, however they end
            cwd=ROOT,
            start_new_session=True,
        )
    ours.detach()
    return address


def _serve() -> None:
    """Fork for each connection that comes to the socket on standard input."""
    from fsfax.cli import main

    for entry in main._SUBCOMMANDS.values():
        import_module(f"fsfax.cli.{entry.place.partition(':')[0]}")
    for name in ("engine.engine", "jobs.worker", "document.convert", "api.app", "mail.server"):
        import_module(f"fsfax.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    listening = socket.socket(fileno=0)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(1, select.POLLRDHUP)
    while True:
        if any(descriptor == 1 for descriptor, _ in poll.poll()):
            os.killpg(0, signal.SIGKILL)  # the tests are over: no command outlives them
        connection, _ = listening.accept()
        if os.fork() == 0:
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Run the command in a child; write its process id, then its exit code to the connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        data, descriptors, _, _ = socket.recv_fds(connection, _LONGEST, 2)
        child = os.fork()
        if child == 0:
            connection.close()
            _run(json.loads(data), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    finally:
        os._exit(0)


def _run(request: dict[str, Any], output: int, errors: int) -> None:
    """Become the command."""
    from fsfax.cli.main import main

    status: object = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for old, new in ((nothing, 0), (output, 1), (errors, 2)):
            os.dup2(old, new)
            os.close(old)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["fsfax", *request["arguments"]]
        main()
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    _serve()
