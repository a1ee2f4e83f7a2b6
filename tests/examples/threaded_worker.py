"""Embedding fsfax in a plain threaded worker: no gevent in sight.

The engine runs in a thread of its own; each worker thread blocks in `send` without stopping the
others. Run it against a FreeSWITCH (or `fsfax softswitch --speed 20`):

    python threaded_worker.py letter.pdf +15550100 +15550101
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsfax


def fax_all(settings: fsfax.Settings, document: Path, numbers: list[str]) -> dict[str, str]:
    """Send one document to many numbers; say how each ended."""
    with fsfax.Engine(settings) as engine, ThreadPoolExecutor(max_workers=8) as workers:
        results = workers.map(lambda number: engine.send(document, number, wait=60), numbers)
        return {n: str(r.outcome) for n, r in zip(numbers, results, strict=True)}


if __name__ == "__main__":
    for number, outcome in fax_all(fsfax.load_settings(), Path(sys.argv[1]), sys.argv[2:]).items():
        print(number, outcome)
