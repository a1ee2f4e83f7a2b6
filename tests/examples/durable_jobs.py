"""Embedding durable jobs: a fax that `accept` stored is sent, whatever happens to this program.

python durable_jobs.py letter.pdf +15550100 +15550101
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import fsfax


def fax_all(settings: fsfax.Settings, document: Path, numbers: list[str]) -> dict[str, str]:
    """Accept a fax for each number, send them all, return how each ended."""
    with fsfax.JobStore(settings) as store:
        store.database.upgrade()
        jobs = [
            store.accept(fsfax.NewFax(to_number=number, documents=[document], retries=0))
            for number in numbers
        ]
        with fsfax.Worker(settings):  # in a service: `fsfax worker`, or one that runs for ever
            while not all(store.get(job.id).state.is_final for job in jobs):
                time.sleep(0.1)
        ended = [store.get(job.id) for job in jobs]
        return {job.to_number: job.result.outcome if job.result else job.state for job in ended}


if __name__ == "__main__":
    for number, outcome in fax_all(fsfax.load_settings(), Path(sys.argv[1]), sys.argv[2:]).items():
        print(number, outcome)
