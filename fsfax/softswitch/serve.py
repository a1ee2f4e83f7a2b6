"""The stand-in in the foreground, as ``fsfax softswitch`` runs it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import gevent
import gevent.event

from fsfax.softswitch.switch import Softswitch


def serve(
    host: str = "127.0.0.1",
    port: int = 8021,
    *,
    password: str = "ClueCon",  # noqa: S107  # FreeSWITCH's default
    speed: float = 1.0,
    root: Path | str | None = None,
    on_ready: Callable[[Softswitch], None] | None = None,
) -> None:
    """Run a softswitch until SIGINT or SIGTERM; the arguments are those of `Softswitch`.

    ``on_ready`` is called once the event socket is open.

    Raises:
        SoftswitchError: it cannot start, for instance because the port is taken.
    """
    over = gevent.event.Event()
    watchers = [gevent.get_hub().loop.signal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Softswitch(port, password, speed, root, host=host) as switch:
        for watcher in watchers:
            watcher.start(over.set)
        try:
            if on_ready:
                on_ready(switch)
            over.wait()
        finally:
            for watcher in watchers:
                watcher.stop()
                watcher.close()
