"""200 faxes at once through one engine process, against the stand-in in a process of its own.

    python tests/bench/bench_concurrent_calls.py [calls] [speed]

Prints what became of the calls, the wall time against that of one call alone, and the engine
process's CPU time and memory. Every call must be delivered and received whole.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import gevent

import fsfax
from fsfax.cli.sample import sample_pdf

_SWITCH = (
    "import sys, json\n"
    "from fsfax.softswitch import serve\n"
    "def ready(switch):\n"
    "    print(json.dumps(switch.port), flush=True)\n"
    "serve(port=0, speed=float(sys.argv[1]), root=sys.argv[2], on_ready=ready)\n"
)


def cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    speed = sys.argv[2] if len(sys.argv) > 2 else "1"
    logging.getLogger("fsfax").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        switch = subprocess.Popen(
            [sys.executable, "-c", _SWITCH, speed, folder], stdout=subprocess.PIPE, text=True
        )
        stack.callback(switch.wait)
        stack.callback(switch.terminate)
        assert switch.stdout
        node = {
            "name": "switch",
            "port": json.loads(switch.stdout.readline()),
            "gateways": [{"name": "softswitch"}],
        }
        settings = fsfax.Settings(nodes=[node], spool=root, inbox=root / "inbox")  # type: ignore[list-item]
        letter = root / "letter.pdf"
        letter.write_bytes(sample_pdf(3))
        engine = stack.enter_context(fsfax.Engine(settings, hub="current"))
        faxes = stack.enter_context(engine.receive())

        begun = time.monotonic()
        assert engine.send(letter, "+15550100").success
        faxes.get(timeout=60)
        alone = time.monotonic() - begun

        cpu, begun = cpu_seconds(resource.RUSAGE_SELF), time.monotonic()
        started = [engine.start(letter, "+15550100") for _ in range(calls)]
        most = 0
        jobs = [gevent.spawn(call.result) for call in started]
        while not all(jobs[i].ready() for i in range(calls)):
            most = max(most, engine.nodes()[0].busy)
            gevent.joinall(jobs, timeout=0.1)
        outcomes = Counter(str(job.get().outcome) for job in jobs)
        received = [faxes.get(timeout=60) for _ in range(calls)]
        wall = time.monotonic() - begun
        cpu = cpu_seconds(resource.RUSAGE_SELF) - cpu
        whole = sum(fax.success and fax.pages_received == 3 for fax in received)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{calls} calls of 3 pages, line speed x {speed}; at once at the most: {most}")
        print(f"outcomes: {dict(outcomes)}; received whole: {whole}")
        print(f"wall: {wall:.1f} s, {wall / alone:.2f} times one call alone ({alone:.1f} s)")
        print(
            f"engine process: {cpu:.2f} s CPU, {1000 * cpu / calls:.1f} ms a call sent and"
            f" received, {peak:.0f} MB at its peak; converting is done in workers"
        )
        return 0 if outcomes == {"delivered": calls} and whole == calls else 1


if __name__ == "__main__":
    sys.exit(main())
