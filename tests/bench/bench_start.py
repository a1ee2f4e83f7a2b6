"""How long a process takes to start: `fsfax --help` against an import of click alone.

    python tests/bench/bench_start.py [--rounds N]

Each figure is the median of whole processes, from fork to exit, the commands in turn, since the
machine may be busy with other things. ``wall`` is the time on the clock, ``CPU`` the processor
time of the process, and the ratio is that of the CPU times to `python -c "import click"`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = {
    'python -c "import click"': ["-c", "import click"],
    'python -c "import fsfax"': ["-c", "import fsfax"],
    "fsfax --version": ["-m", "fsfax", "--version"],
    "fsfax --help": ["-m", "fsfax", "--help"],
    "fsfax jobs --help": ["-m", "fsfax", "jobs", "--help"],
    "fsfax send --help": ["-m", "fsfax", "send", "--help"],
}


def run(words: list[str]) -> tuple[float, float]:
    """Run Python once; return its seconds on the clock and of the processor."""
    begin = time.perf_counter()
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, words in COMMANDS.items():
            measured[name].append(run(words))
    base = 0.0
    for name, all_times in measured.items():
        times = all_times[1:]  # the first round may compile modules
        wall = statistics.median(wall for wall, _ in times)
        cpu = statistics.median(cpu for _, cpu in times)
        base = base or cpu
        print(f"{name:26} {wall * 1000:7.0f} ms wall {cpu * 1000:7.0f} ms CPU {cpu / base:6.1f} x")


if __name__ == "__main__":
    main()
