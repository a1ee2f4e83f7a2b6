"""The stand-in in the foreground: ready, and ended by a signal."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import gevent
import pytest

from fsfax.errors import SoftswitchError
from fsfax.softswitch import Softswitch, serve


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_with_a_signal(tmp_path: Path, number: int) -> None:
    ready: list[int] = []

    def on_ready(switch: Softswitch) -> None:
        socket.create_connection(switch.address, timeout=5).close()
        ready.append(switch.port)
        gevent.spawn_later(0.05, os.kill, os.getpid(), number)

    before = signal.getsignal(number)
    with gevent.Timeout(10):
        serve(port=0, root=tmp_path, on_ready=on_ready)
    assert signal.getsignal(number) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ready[0]), timeout=5)


def test_serve_on_a_port_in_use_fails(switch: Softswitch, tmp_path: Path) -> None:
    with gevent.Timeout(10), pytest.raises(SoftswitchError, match="another port"):
        serve(port=switch.port, root=tmp_path / "other")
