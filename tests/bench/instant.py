"""A worker whose calls and conversions take no time, so that only the jobs' own work is left.

A call reports the observations of a real one: dialled, answered, negotiated, a page confirmed. Each
of them is a commit of its own, as in a real worker.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from fsfax.engine.observations import Answered, Dialling, Negotiated, Observation, PageDone
from fsfax.jobs.worker import Worker
from fsfax.settings import GatewaySettings, JobsSettings, NodeSettings, Settings
from fsfax.values.outcome import Outcome
from fsfax.values.results import PageRecord, TxResult
from tests.bench.job_places import Statements
from tests.jobs.results import result

_PAGE: dict[str, Any] = {
    "image_bytes": 20_000,
    "width": 1728,
    "rows": 2200,
    "x_resolution": 8031,
    "y_resolution": 7700,
    "bad_rows": 0,
    "longest_bad_row_run": 0,
    "encoding": "T.6",
}
_STATIONS = {f"remote_{what}": "" for what in ("station_id", "country", "vendor", "model")} | {
    "local_station_id": ""
}


class InstantCall:
    """A call of one page that is delivered as soon as it is placed."""

    def __init__(self, id: str) -> None:
        self._id = id

    def progress(self) -> Iterator[Observation]:
        yield Dialling(at=0.0, node="a", gateway="gw", call_id=self._id)
        yield Answered(at=0.0)
        yield Negotiated(at=0.0, rate=14400, ecm=True, t38_status="negotiated", **_STATIONS)
        yield PageDone(at=0.0, page=PageRecord(number=1, **_PAGE), total=1)

    def result(self) -> TxResult:
        return result(Outcome.DELIVERED, confirmed=1, call_id=self._id)

    def cancel(self) -> None:
        """Too late."""

    def leave(self) -> None:
        """Nothing is left."""


class InstantEngine:
    """As much of an engine as a worker that only sends needs."""

    def nodes(self) -> tuple[Any, ...]:
        return (SimpleNamespace(name="a", core="core", state="up", busy=0, problem=""),)

    def convert(self, _source: Path, target: Path, **_: Any) -> Any:
        target.write_bytes(b"II*\0" + b"x" * 20_000)
        return SimpleNamespace(pages=(1,))

    def start(self, _file: Path, _to: str, **options: Any) -> InstantCall:
        return InstantCall(options["attempt_id"])

    def forget(self, _attempt_id: str, **_: Any) -> None:
        """No marks."""

    def sweep(self, _keep: Collection[str] = (), **_: Any) -> list[str]:
        return []


def settings(url: str, spool: Path) -> Settings:
    """A node without limits; documents are made ready as fast as calls are placed."""
    node = NodeSettings(name="a", gateways=(GatewaySettings(name="gw"),))
    jobs = JobsSettings(receive=False, account_calls=0, calls=10, prepare=4, poll=0.1)
    return Settings(nodes=(node,), spool=spool, database=SecretStr(url), jobs=jobs)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(worker: Worker, until: threading.Event) -> None:
    """Print that the worker is up, wait, and print what it used."""
    counted = Statements(worker.database.engine)
    cpu = cpu_seconds()
    print("up", flush=True)
    until.wait()
    status = Path("/proc/self/status").read_text()
    used = {
        "cpu": cpu_seconds() - cpu,
        "statements": counted.count,
        "commits": counted.commits,
        "memory": int(status.partition("VmRSS:")[2].split()[0]) / 1024,
    }
    print(json.dumps(used), flush=True)


def main() -> None:
    """``instant.py URL SPOOL``: work until SIGTERM."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    url, spool = sys.argv[1:]
    with Worker(settings(url, Path(spool)), hub="own", engine=InstantEngine()) as worker:  # type: ignore[arg-type]
        report(worker, over)
