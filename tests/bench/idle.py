"""A worker with nothing to do, beside a FreeSWITCH: the stand-in softswitch of another process."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import tempfile
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr

from fsfax.jobs.worker import Worker
from fsfax.settings import GatewaySettings, NodeSettings, Settings
from fsfax.softswitch import serve
from tests.bench.instant import report


def _switch(root: str, port: Connection) -> None:
    serve(port=0, root=root, on_ready=lambda switch: port.send(switch.port))


def main() -> None:
    """``idle.py URL``: do nothing until SIGTERM."""
    over = threading.Event()
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        switch = context.Process(target=_switch, args=(folder, ours), daemon=True)
        switch.start()
        node = NodeSettings(
            name="switch", port=theirs.recv(), gateways=(GatewaySettings(name="softswitch"),)
        )
        signal.signal(signal.SIGTERM, lambda *_: over.set())
        settings = Settings(nodes=(node,), spool=Path(folder), database=SecretStr(sys.argv[1]))
        with Worker(settings, hub="own") as worker:
            report(worker, over)
        switch.terminate()
        switch.join()
