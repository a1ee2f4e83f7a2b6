"""The crash test: real processes, killed at random moments, and what must hold afterwards.

    python -m tests.torture.torture --rounds 200 --database sqlite

In every round faxes are accepted and sent in while one or two workers run; then a worker, the
softswitch or the database server (PostgreSQL) is killed with SIGKILL and started again. After the
last round everything may come to rest. Then:

* every fax that was accepted is there, and done or explained (held because it is uncertain);
* the softswitch's own call log shows no two simultaneous calls for a job or to a number, and no
  call for a job after one that was confirmed;
* a fax that the call log has as delivered is reported as delivered;
* every fax that was received whole is in the inbox, once.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsfax.db.database import Database
from fsfax.db.records import Job, NewFax
from fsfax.db.states import AttemptState, Direction, Hold, JobState
from fsfax.errors import EslError, StoreError
from fsfax.esl.link import Link
from fsfax.jobs.store import JobStore
from fsfax.settings import EslTimeouts, NodeSettings
from fsfax.testing import sample_tiff
from tests.postgresql import Server

NUMBERS = ["5550100", "5550101", "5550120", "5550121", "5550132", "5550107"]
"""fax, busy, no ECM, no V.17, breaks in page 2, answers slowly."""

SPEED = 60
"""Times line time: a call of three pages takes about a second, so that kills hit calls."""

REST = 120.0
"""Seconds for all jobs to end after the last round."""


@dataclass
class Stage:
    """All processes of one run, and what was promised in it."""

    folder: Path
    database_url: str
    server: Server | None
    port: int
    chance: random.Random
    store: JobStore
    switch: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    switch_deaths: list[float] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    # --- processes --------------------------------------------------------------------------

    def start_switch(self) -> None:
        command = [
            *(sys.executable, "-m", "fsfax", "softswitch"),
            *("--port", str(self.port), "--root", str(self.folder / "spool")),
            *("--speed", str(SPEED)),
        ]
        log = (self.folder / "switch.log").open("ab")
        self.switch = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + 20
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                return
            if time.monotonic() > deadline:
                raise RuntimeError("the softswitch does not start: see switch.log")
            time.sleep(0.02)

    def start_worker(self) -> None:
        log = (self.folder / "workers.log").open("ab")
        command = [sys.executable, "-m", "tests.torture.worker_process", self.database_url]
        self.workers.append(
            subprocess.Popen(
                [*command, str(self.port), str(self.folder / "spool")], stdout=log, stderr=log
            )
        )

    def kill(self, what: str) -> None:
        """Send SIGKILL to a process and start a new one in its place."""
        self.kills[what] += 1
        if what == "worker":
            victim = self.workers.pop(self.chance.randrange(len(self.workers)))
            victim.kill()
            victim.wait()
            self.start_worker()
        elif what == "softswitch" and self.switch:
            self.switch.kill()
            self.switch.wait()
            self.switch_deaths.append(time.time())
            time.sleep(self.chance.uniform(0, 0.5))
            self.start_switch()
        elif what == "database" and self.server:
            self.server.kill()
            time.sleep(self.chance.uniform(0, 0.5))
            self.server.restart_after_kill()

    def stop(self) -> None:
        for process in [*self.workers, self.switch]:
            if process:
                process.kill()
                process.wait()

    # --- what is promised -------------------------------------------------------------------

    def accept(self, document: Path) -> None:
        """Accept a fax; if the database is unavailable at that moment, nothing was promised."""
        number = f"+3531{self.chance.randrange(4)}{self.chance.choice(NUMBERS)}"
        try:
            job = self.store.accept(
                NewFax(to_number=number, documents=[document], retries=self.chance.randrange(4))
            )
        except StoreError:
            self.refused += 1
        else:
            self.accepted.append(job.id)

    def call_in(self, document: Path) -> None:
        """Start an inbound fax, by an API command of the stand-in."""
        node = NodeSettings(port=self.port)
        with (
            contextlib.suppress(EslError),
            Link(node, EslTimeouts(connect=1, command=2)) as link,
        ):
            link.api("softswitch_call_in", f"5550100 {document}")

    def rest(self) -> list[Job]:
        """Wait until no job changes any more; return all jobs."""
        deadline = time.monotonic() + REST
        while True:
            jobs = list(every_job(self.store))
            if all(job.state.is_final or job.hold for job in jobs):
                return jobs
            if time.monotonic() > deadline:
                return jobs
            time.sleep(0.5)


def every_job(store: JobStore) -> Iterator[Job]:
    start = None
    while True:
        part = store.list(limit=500, start=start)
        yield from part.jobs
        start = part.next_start
        if start is None:
            return


def call_log(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the softswitch's log: one entry a call; a call that was killed with it gets an end."""
    calls: dict[str, dict[str, Any]] = {}
    for line in (stage.folder / "spool" / "calls.jsonl").read_text().splitlines():
        with contextlib.suppress(ValueError):  # the last line of one that was killed
            record = json.loads(line)
            calls[record["uuid"]] = calls.get(record["uuid"], {}) | record
    for record in calls.values():
        if record["ended"] is None:
            record["ended"] = min(
                (at for at in stage.switch_deaths if at >= record["created"]),
                default=time.time(),
            )
    return calls


def verdict(stage: Stage, jobs: list[Job]) -> list[str]:
    """Return one line for each promise that was not held."""
    wrong: list[str] = []
    calls = call_log(stage)
    by_id = {job.id: job for job in jobs}
    wrong += [f"accepted and lost: {id}" for id in stage.accepted if id not in by_id]
    by_number: dict[str, list[dict[str, Any]]] = defaultdict(list)
    known: set[str] = set()
    for job in jobs:
        if job.direction is Direction.IN:
            continue
        attempts = stage.store.attempts(job.id)
        made = [calls[attempt.id] for attempt in attempts if attempt.id in calls]
        known |= {call["uuid"] for call in made}
        made.sort(key=lambda call: call["created"])
        by_number[job.dial_number] += made
        if not job.state.is_final:
            uncertain = any(a.state is AttemptState.UNCERTAIN for a in attempts)
            if not (job.hold is Hold.UNCERTAIN and uncertain):
                wrong.append(f"not at rest: {job.id} is {job.state} ({job.status_text})")
        confirmed = [call for call in made if call["code"] == 0]
        if confirmed:
            late = [call for call in made if call["created"] > confirmed[0]["ended"]]
            wrong += [f"dialled after a confirmed success: {job.id} {c['uuid']}" for c in late]
            if job.state is not JobState.COMPLETED:
                wrong.append(f"delivered, but {job.state}: {job.id} {confirmed[0]['uuid']}")
        elif job.state is JobState.COMPLETED and job.pages_confirmed < job.pages_total:
            wrong.append(f"completed, but no call delivered it: {job.id}")
        if job.attempts > job.retries + 1:
            wrong.append(f"tried too often: {job.id}")
    for number, made in by_number.items():
        made.sort(key=lambda call: call["created"])
        for one, two in itertools.pairwise(made):
            if two["created"] < one["ended"]:
                wrong.append(f"two calls to {number} at once: {one['uuid']} {two['uuid']}")
    wrong += received(stage, jobs, calls, known)
    return wrong


def received(
    stage: Stage, jobs: list[Job], calls: dict[str, dict[str, Any]], sent: set[str]
) -> list[str]:
    """Return lines for inbound faxes that are not in the inbox, or are in it twice."""
    wrong = []
    stored = Counter(job.call_id for job in jobs if job.direction is Direction.IN)
    wrong += [f"in the inbox {n} times: {id}" for id, n in stored.items() if n > 1]
    whole = {job.call_id for job in jobs if job.direction is Direction.IN and job.pages_confirmed}
    for call in calls.values():
        if call["code"] == 0 and call["file"] and call["called_uuid"] not in whole:
            wrong.append(f"received and lost: {call['called_uuid']}")
    return wrong


def run(rounds: int, kind: str, seed: int, folder: Path) -> int:
    """Run one torture; return the exit code."""
    chance = random.Random(seed)
    server = Server(folder / "postgresql") if kind == "postgresql" else None
    url = server.database() if server else f"sqlite:///{folder}/fsfax.db"
    database = Database(url)
    database.upgrade()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "spool").mkdir()
    (folder / "spool").chmod(0o777)
    document = sample_tiff(folder / "sample.tif", pages=3)
    stage = Stage(folder, url, server, port, chance, JobStore(database))
    victims = ["worker", "worker", "softswitch", *(["database"] if server else [])]
    began = time.monotonic()
    try:
        stage.start_switch()
        for _ in range(2):
            stage.start_worker()
        for number in range(1, rounds + 1):
            for _ in range(chance.randrange(1, 4)):
                stage.accept(document)
            if chance.random() < 0.5:
                stage.call_in(document)
            time.sleep(chance.uniform(0.0, 2.0))
            stage.kill(chance.choice(victims))
            if number % 10 == 0:
                print(f"round {number}: {len(stage.accepted)} accepted", flush=True)
        jobs = stage.rest()
        wrong = verdict(stage, jobs)
        states = Counter(
            f"{job.direction}/{job.state}{'/held' if job.hold else ''}" for job in jobs
        )
        print(f"{kind}: {rounds} rounds in {time.monotonic() - began:.0f} s, seed {seed}")
        print("killed", dict(stage.kills), "refused", stage.refused)
        print("accepted", len(stage.accepted), dict(states), "calls", len(call_log(stage)))
        for line in wrong:
            print("WRONG", line)
        return 1 if wrong else 0
    finally:
        stage.stop()
        stage.store.close()
        if server:
            server.stop("immediate")


def main() -> int:
    """Run the torture that the command line describes; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--keep", action="store_true", help="keep the folder for a look")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="fsfax-torture-"))
    folder.chmod(0o711)
    code = 1
    try:
        code = run(options.rounds, options.database, options.seed, folder)
    finally:
        if options.keep or code:
            print(f"see {folder}")
        else:
            shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
