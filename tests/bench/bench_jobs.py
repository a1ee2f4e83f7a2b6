"""Durable jobs: how many a second, what an idle worker costs, and that nothing grows.

    python tests/bench/bench_jobs.py [life] [idle] [queue] [history] [--finished N] [--plans]

life: jobs/s accepted and done, with calls and conversions that take no time, by one and by two
worker processes. idle: a worker without work beside the stand-in softswitch. queue: the time of
a claim in a queue of 10, 1,000 and 10,000 jobs, in several unfavourable orders. history: lists,
claims and all other queries of workers, beside 1,000 and 1,000,000 jobs that are over.

SQLite and PostgreSQL side by side, both with fsync on. Times are medians and, in brackets, the
99th percentile; compare the ratios, not the times.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[2]))

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import jobs
from fsfax.db.states import Direction, JobState
from fsfax.jobs.claims import Claim, Claims, NodeCapacity
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.leases import Leases
from fsfax.jobs.settle import Settlement
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from tests.bench import job_rows
from tests.bench.job_places import Statements, places, plan

Make = Callable[[], str]
ROOT = Path(__file__).parents[2]


def start(main: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a function of the benches in a process of its own, and wait until it is up."""
    module = main.rpartition(".")[0]
    process = subprocess.Popen(
        [sys.executable, "-c", f"import {module}; {main}()", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    return process


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Stop a process of `start`; return what it used up."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    used: dict[str, Any] = json.loads(out)
    return used


# --- life -----------------------------------------------------------------------------------


def life(makers: dict[str, Make], count: int) -> None:
    print(f"\n== accept to done, {count} jobs, fsync on, instant calls: jobs/s")
    print(f"{'':24}{'accept':>9}{'done':>9}{'commits':>9}{'stmts':>9}{'CPU ms':>9}  a job")
    for kind, make in makers.items():
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                url = make()
                accepted = accept(url, count, Path(folder))
                done, used = work_off(url, count, workers, folder)
            sums = [sum(u[what] for u in used) / count for what in ("commits", "statements", "cpu")]
            print(
                f"{kind + f', {workers} worker(s)':24}{accepted:9.1f}{done:9.1f}"
                f"{sums[0]:9.1f}{sums[1]:9.1f}{1000 * sums[2]:9.1f}"
            )


def accept(url: str, count: int, folder: Path) -> float:
    letter = folder / "letter.pdf"
    letter.write_bytes(b"%PDF-1.4\n" + b"x" * 20_000)
    with JobStore(url) as store:
        begun = time.perf_counter()
        for number in range(count):
            store.accept(NewFax(to_number=f"+1555{number:07}", documents=[letter]))
        return count / (time.perf_counter() - begun)


def work_off(url: str, count: int, workers: int, folder: str) -> tuple[float, list[dict[str, Any]]]:
    """Jobs done a second, from the first that is done to the last."""
    database = Database(url)
    finished = select(func.count()).where(jobs.c.state == "completed")

    def done() -> int:
        with database.read() as connection:
            return int(connection.execute(finished).scalar_one())

    processes = [
        start("tests.bench.instant.main", url, f"{folder}/{number}") for number in range(workers)
    ]
    while not (first := done()):
        time.sleep(0.05)
    begun = time.perf_counter()
    while done() < count:
        time.sleep(0.1)
    rate = (count - first) / (time.perf_counter() - begun)
    database.close()
    return rate, [end(process) for process in processes]


# --- idle -----------------------------------------------------------------------------------


def idle(makers: dict[str, Make], seconds: float) -> None:
    print(f"\n== an idle worker with the stand-in softswitch, in {seconds:.0f} s, for one minute")
    print(f"{'':14}{'CPU s':>9}{'stmts':>9}{'commits':>9}{'RSS MB':>9}")
    processes = {kind: start("tests.bench.idle.main", make()) for kind, make in makers.items()}
    time.sleep(seconds)
    for kind, process in processes.items():
        used = end(process)
        per = {what: 60 * used[what] / seconds for what in ("cpu", "statements", "commits")}
        print(
            f"{kind:14}{per['cpu']:9.2f}{per['statements']:9.0f}{per['commits']:9.0f}"
            f"{used['memory']:9.0f}"
        )


# --- queue ----------------------------------------------------------------------------------


class Bench:
    """A database, and claims that the benchmark makes itself, without a worker."""

    def __init__(self, url: str, accounts: int = 0) -> None:
        self.database = Database(url)
        self.accounts = job_rows.account_ids(accounts)
        job_rows.make_accounts(self.database, self.accounts)
        settings = Settings(jobs=JobsSettings(account_calls=0))
        self.leases = Leases(self.database, "bench", 3600.0)
        self.leases.register()
        id = self.leases.worker_id
        self.claims = Claims(self.database, id, settings)
        self.settlement = Settlement(self.database, id, settings)
        self.store = JobStore(self.database)
        self.room = NodeCapacity(node="a", core="core", gateways={"gw": 0, "full": 1})

    def claim(self) -> list[Claim]:
        return self.claims.claim([self.room])

    def give_back(self, claims: list[Claim]) -> None:
        """Make the queue what it was before, without a delay."""
        for claim in claims:
            self.settlement.not_dialled(claim, "the bench", 0.0)

    def show_claim(self) -> None:
        """Print how the database finds the next job."""
        seen = Statements(self.database.engine, lambda words: "RECURSIVE routes" in words)
        self.give_back(self.claim())
        for words, values in seen.kept[:1]:
            print("    " + "\n    ".join(plan(self.database, words, values)))


def timed(action: Callable[[], Any], rounds: int, after: Callable[[Any], None]) -> list[float]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        value = action()
        times.append(1000 * (time.perf_counter() - begun))
        after(value)
    return sorted(times)


def words(times: list[float]) -> str:
    return f"{statistics.median(times):7.1f} ({times[int(len(times) * 0.99)]:6.1f})"


def _later() -> dict[str, Any]:
    return {"due_at": job_rows.now() + job_rows.timedelta(days=1), "priority": 5}


def shapes(many: int) -> dict[str, Callable[[Bench], list[dict[str, Any]]]]:
    """Queues by their name: what stands in them."""
    row = job_rows.job
    return {
        "10 jobs": lambda _: [row() for _ in range(10)],
        f"{many // 10} jobs": lambda _: [row() for _ in range(many // 10)],
        f"{many} jobs": lambda _: [row() for _ in range(many)],
        f"{many} to one busy number": lambda _: [
            *(row(dial_number="15550100", priority=5) for _ in range(many)),
            *(row() for _ in range(10)),
        ],
        f"{many} for a full gateway": lambda _: [
            *(row(route="full", priority=5) for _ in range(many)),
            *(row() for _ in range(10)),
        ],
        "100 accounts, 1/100 each": lambda bench: [
            row(bench.accounts[number % 100]) for number in range(many)
        ],
        f"{many * 9 // 10} not due yet": lambda _: [
            *(row(**_later()) for _ in range(many * 9 // 10)),
            *(row() for _ in range(many // 10)),
        ],
    }


def queue(makers: dict[str, Make], many: int, rounds: int, *, plans: bool) -> None:
    print(f"\n== a claim, {rounds} times: ms; first = the one that finds the queue as it is")
    print(f"{'':32}" + "".join(f"{kind:>17}{'first':>9}{'x':>6}" for kind in makers))
    base: dict[str, float] = {}
    for name, rows in shapes(many).items():
        cells = ""
        for kind, make in makers.items():
            bench = Bench(make(), accounts=100)
            job_rows.load(bench.database, iter(rows(bench)))
            first = timed(bench.claim, 1, lambda _: None)[0]
            times = timed(bench.claim, rounds, bench.give_back)
            middle = statistics.median(times)
            base.setdefault(kind, middle)
            cells += f"{words(times):>17}{first:9.1f}{middle / base[kind]:6.2f}"
            if plans and name == f"{many} jobs":
                print(f"  how {kind} finds the next of {name}:")
                bench.show_claim()
            bench.database.close()
        print(f"{name:32}{cells}", flush=True)


# --- history --------------------------------------------------------------------------------


def questions(
    bench: Bench, folder: Path
) -> dict[str, tuple[Callable[[], Any], Callable[[Any], None]]]:
    """What is asked of a database with a long history, and what undoes it."""
    store, account = bench.store, bench.accounts[3]
    letter = folder / "letter.pdf"
    letter.write_bytes(b"%PDF-1.4\n" + b"x" * 20_000)
    middle = job_rows.now() - job_rows.timedelta(days=180)
    deep = store.list(account, created_to=middle, limit=10).next_start
    deep_all = store.list(created_to=middle, limit=10).next_start
    some = store.list(account, limit=20).jobs[-1].id

    def nothing(_: Any) -> None:
        pass

    reads: dict[str, Callable[[], Any]] = {
        "get": lambda: store.get(some),
        "get without YYYYMM-": lambda: store.get(some[7:]),
        "list": store.list,
        "list, account": lambda: store.list(account),
        "list, account, in": lambda: store.list(account, direction=Direction.IN),
        "list, account, failed": lambda: store.list(account, states=[JobState.FAILED]),
        "list, account, 2 live states": lambda: store.list(
            account, states=[JobState.PENDING, JobState.PROCESSING]
        ),
        "list, cancelled (none)": lambda: store.list(states=[JobState.CANCELLED]),
        "list, deep": lambda: store.list(start=deep_all),
        "list, account, deep": lambda: store.list(account, start=deep),
        "take_over": bench.claims.take_over,
        "asked_to_cancel": bench.claims.asked_to_cancel,
        "claim_unprepared": bench.claims.claim_unprepared,
        "next_due": bench.claims.next_due,
        "open_attempts": bench.claims.open_attempts,
        "unfinished incoming": InboundFaxes(bench.database).unfinished,
        "heartbeat": bench.leases.heartbeat,
    }
    return {name: (read, nothing) for name, read in reads.items()} | {
        "claim": (bench.claim, bench.give_back),
        "accept": (
            lambda: store.accept(NewFax(to_number="+15550100", documents=[letter])),
            lambda job: store.cancel(job.id) and None,
        ),
    }


def history(makers: dict[str, Make], many: int, rounds: int) -> None:
    print(f"\n== {many} jobs that are over, against 1000: ms, {rounds} times each")
    table: dict[str, dict[tuple[str, int], list[float]]] = {}
    sizes: list[str] = []
    for kind, make in makers.items():
        for count in (1000, many):
            bench = Bench(make(), accounts=20)
            begun = time.perf_counter()
            job_rows.load(bench.database, job_rows.finished(count, bench.accounts))
            job_rows.load(
                bench.database, iter([job_rows.job(bench.accounts[n % 20]) for n in range(100)])
            )
            sizes.append(f"{kind} {count}: {time.perf_counter() - begun:.0f} s")
            with tempfile.TemporaryDirectory() as folder:
                for name, (action, after) in questions(bench, Path(folder)).items():
                    timed(action, 6, after)  # statements compiled and prepared, pages read
                    table.setdefault(name, {})[kind, count] = timed(action, rounds, after)
            bench.database.close()
    print("loaded in: " + ", ".join(sizes))
    head = "".join(f"{f'{kind} 1000':>18}{many:>18}{'x':>6}" for kind in makers)
    print(f"{'':30}{head}")
    for name, cells in table.items():
        line = ""
        for kind in makers:
            few, lots = cells[kind, 1000], cells[kind, many]
            ratio = statistics.median(lots) / statistics.median(few)
            line += f"{words(few):>18}{words(lots):>18}{ratio:6.2f}"
        print(f"{name:30}{line}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=400, help="accepted and done")
    parser.add_argument("--seconds", type=float, default=60.0, help="of idleness")
    parser.add_argument("--queued", type=int, default=10_000)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"])
    given = parser.parse_args()
    parts = given.parts or ["life", "idle", "queue", "history"]
    with places() as both:
        makers = {kind: make for kind, make in both.items() if given.database in (None, kind)}
        if "life" in parts:
            life(makers, given.jobs)
        if "idle" in parts:
            idle(makers, given.seconds)
        if "queue" in parts:
            queue(makers, given.queued, given.rounds, plans=True)
        if "history" in parts:
            history(makers, given.finished, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
