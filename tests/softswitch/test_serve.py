"""The stand-in in the foreground: ready, and ended by a signal."""

from __future__ import annotations

import gevent

from fsfax.softswitch import Softswitch


def test_serve_ends_with_a_signal(tmp_path):
    import os
    import signal

    from fsfax.softswitch import serve

    ready = []

    def on_ready(switch: Softswitch) -> None:
        ready.append(switch.port)
        gevent.spawn_later(0.05, os.kill, os.getpid(), signal.SIGTERM)

    with gevent.Timeout(10):
        serve(port=0, root=tmp_path, on_ready=on_ready)
    assert ready
