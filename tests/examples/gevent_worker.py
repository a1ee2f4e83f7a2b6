"""Embedding fsfax in a gevent worker: the engine's greenlets run beside the program's own.

python gevent_worker.py letter.pdf +15550100 +15550101
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent.pool  # noqa: E402

import fsfax  # noqa: E402


def fax_all(settings: fsfax.Settings, document: Path, numbers: list[str]) -> dict[str, str]:
    """Send one document to many numbers, each in its greenlet; say how each ended."""
    outcomes: dict[str, str] = {}

    def send(engine: fsfax.Engine, number: str) -> None:
        call = engine.start(document, number, wait=60)
        for step in call.progress():
            if isinstance(step, fsfax.PageDone):
                print(number, "page", step.number)
        outcomes[number] = str(call.result().outcome)

    with fsfax.Engine(settings) as engine:
        pool = gevent.pool.Pool(50)
        for number in numbers:
            pool.spawn(send, engine, number)
        pool.join()
    return outcomes


if __name__ == "__main__":
    for number, outcome in fax_all(fsfax.load_settings(), Path(sys.argv[1]), sys.argv[2:]).items():
        print(number, outcome)
