"""The HTTP API: requests/s and their 99th percentile, with many faxes stored and calls up.

    python tests/bench/bench_api.py [--large] [--seconds S] [--clients N] [--database K] [--plans]

`fsfax serve` with a worker, calls to the stand-in softswitch all the while, eight clients that ask
as fast as they are answered; behind 10,000 stored faxes, with --large behind 1,000,000 as well.
Half of the faxes belong to the account that asks. Beside it, in the same run, a bare handler:
Falcon on the same server with answers of the same size, neither token nor database. "cost" is how
many times as long a request takes as the bare one. Databases are on the disk, with fsync on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[2]))

from fsfax.accounts.tokens import Tokens
from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import jobs
from fsfax.jobs.store import JobStore
from tests.bench import job_rows
from tests.bench.http_load import Connection, Measured, measure, request
from tests.bench.job_places import Statements, places, plan

ROOT = Path(__file__).parents[2]
FEW, MANY = 10_000, 1_000_000
LINES = 4
"""Calls at once."""

_SWITCH = (
    "import sys, json\n"
    "from fsfax.softswitch import serve\n"
    "serve(port=0, root=sys.argv[1], on_ready=lambda s: print(json.dumps(s.port), flush=True))\n"
)
_BARE = "from tests.bench.bare import main; main()"
_SERVING = re.compile(r"serving (http\S+) ")


class Process:
    """A process that says where it is found."""

    def __init__(self, *words: str, folder: Path, **environment: str) -> None:
        self.log = folder / "log"
        self._process = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def until(self, pattern: re.Pattern[str]) -> str:
        while not (found := pattern.search(self.log.read_text())):
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        return found[1]

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)


class Service:
    """`fsfax serve` on a database with stored faxes, and calls under way."""

    def __init__(self, url: str, stored: int, folder: Path, port: int) -> None:
        self.database = Database(url)
        self.store = JobStore(self.database)
        mine, *others = ids = job_rows.account_ids(20)
        job_rows.make_accounts(self.database, ids)
        begun = time.perf_counter()
        job_rows.fill(self.database, stored, [id for other in others for id in (mine, other)])
        self.loaded = time.perf_counter() - begun
        self.account, self._caller = mine, others[0]
        self.token = Tokens(self.database).create(mine)[1]
        self._letter = folder / "letter.pdf"
        self._letter.write_bytes(sample_pdf(3))
        node = {"name": "switch", "port": port, "gateways": [{"name": "softswitch"}]}
        self._process = Process(
            *("-m", "fsfax", "serve", "--port", "0"),
            folder=folder,
            FSFAX_NODES=json.dumps([node]),
            FSFAX_SPOOL=str(folder),
            FSFAX_DATABASE=url,
            FSFAX_API__RATE="0",
            FSFAX_JOBS__CALLS=str(LINES),
        )
        self.url = self._process.until(_SERVING)

    def calls(self) -> int:
        """Have as many calls up as there are lines, and faxes that wait for one."""
        states = select(jobs.c.state, func.count()).where(
            jobs.c.state.in_(["attaching_files", "pending", "processing"]),
            jobs.c.account_id == self._caller,
        )
        while True:
            with self.database.read() as connection:
                rows = connection.execute(states.group_by(jobs.c.state))
                there = {row.state: row[1] for row in rows}
            for number in range(sum(there.values()), 3 * LINES):
                fax = NewFax(
                    to_number=f"+1555{number:04}{time.monotonic_ns() % 10**6:06}",
                    documents=[self._letter],
                    account_id=self._caller,
                )
                self.store.accept(fax)
            if there.get("processing", 0) >= LINES:
                return there["processing"]
            time.sleep(0.1)

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> bytes:
        """The bytes of a request of the account's."""
        path = f"/v2/accounts/{self.account}{path}"
        return request(method, path, body, kind, X_Auth_Token=self.token)

    def close(self) -> None:
        self._process.end()
        self.store.close()


# --- what is asked ----------------------------------------------------------------------------

_FAX = {
    "from_number": "18884732963",
    "to_name": "To Name",
    "to_number": "18884732963",
    "retries": 3,
    "not_before": "2099-01-01T00:00:00Z",
}


def questions(service: Service) -> dict[str, tuple[Callable[[int], bytes], int]]:
    """What is asked, and the code of the answer."""
    with_url = {**_FAX, "document": {"url": "http://192.0.2.1/fax.pdf"}}
    create = json.dumps({"data": with_url}).encode()
    parts = [(b"application/json", json.dumps({"data": _FAX}).encode())]
    parts += [(b"application/pdf", sample_pdf(1))]
    multipart = b"".join(
        b'--fax\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n'
        b"Content-Type: %s\r\n\r\n%s\r\n" % part
        for part in parts
    )
    multipart += b"--fax--\r\n"
    page = service.store.list(service.account, limit=1000)
    some = [job for job in page.jobs if job.direction.value == "out"]
    stored = service.store.list(service.account, limit=1, start=_middle(service))
    number = stored.jobs[0].to_number
    ask = service.ask
    return {
        "create, URL": (lambda _: ask("PUT", "/faxes", create), 201),
        "create, PDF": (
            lambda _: ask("PUT", "/faxes", multipart, "multipart/form-data; boundary=fax"),
            201,
        ),
        "status": (lambda n: ask("GET", f"/faxes/outgoing/{some[n % len(some)].id}"), 200),
        "list outgoing": (lambda _: ask("GET", "/faxes/outgoing"), 200),
        "list outbox": (lambda _: ask("GET", "/faxes/outbox"), 200),
        "list outbox, filter": (
            lambda _: ask("GET", f"/faxes/outbox?filter_to_number={number[1:]}"),
            200,
        ),
        "metrics": (lambda _: request("GET", "/metrics"), 200),
    }


def _middle(service: Service) -> str:
    half_a_year_ago = job_rows.now() - job_rows.timedelta(days=180)
    found = service.store.list(service.account, created_to=half_a_year_ago, limit=1).next_start
    assert found
    return found


# --- the table --------------------------------------------------------------------------------


@contextlib.contextmanager
def bare(answers: dict[str, Any], folder: Path) -> Iterator[str]:
    """The bare handler, with these answers."""
    file = folder / "answers.json"
    file.write_text(json.dumps(answers))
    process = Process("-c", _BARE, str(file), folder=folder)
    try:
        yield process.line()
    finally:
        process.end()


def run(service: Service, folder: Path, label: str, clients: int, seconds: float) -> None:
    """Measure each question, ours and bare by turns."""
    asked = questions(service)
    first = Connection(service.url)
    answers = {name: _plain(first.ask(ask(0))[1]) for name, (ask, _) in asked.items()}
    first.close()
    with bare(answers, folder) as url:
        for name, (ask, code) in asked.items():
            up = service.calls()
            sent = ask(0)
            path = f"/{name.replace(' ', '%20').replace(',', '%2C')}"
            method, _, rest = sent.partition(b" ")
            plain = b"%s %s %s" % (method, path.encode(), rest.partition(b" ")[2])
            how: dict[str, Any] = {"clients": clients, "code": code}
            measure(service.url, ask, seconds=seconds / 4, **how)
            least = measure(url, lambda _: plain, seconds=seconds / 2, **how)  # noqa: B023
            ours = measure(service.url, ask, seconds=seconds, **how)
            print(f"{label:22}{name:22}{words(ours)}{words(least)}", end="")
            print(f"{least.rate / ours.rate:7.1f}{up:7}", flush=True)


def _plain(answer: bytes) -> Any:
    return json.loads(answer) if answer.startswith(b"{") else answer.decode()


def words(of: Measured) -> str:
    return f"{of.rate:9.0f}{of.middle:8.1f}{of.p99:8.1f}"


def show_plans(service: Service) -> None:
    """How the database finds the rows of a list."""
    seen = Statements(service.database.engine, lambda words: "part_" in words)
    service.store.list(service.account)
    for statement, values in seen.kept[:1]:
        print("    " + "\n    ".join(plan(service.database, statement, values)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help=f"{MANY} stored faxes as well")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"])
    parser.add_argument("--plans", action="store_true", help="how lists are found")
    given = parser.parse_args()
    print(
        f"{given.clients} clients; ours, then bare: requests/s, ms in the middle, 99th percentile"
    )
    print(f"{'':44}{'ours/s':>9}{'ms':>8}{'p99':>8}{'bare/s':>9}{'ms':>8}{'p99':>8}", end="")
    print(f"{'cost':>7}{'calls':>7}")
    with places() as both, tempfile.TemporaryDirectory() as name:
        root = Path(name)
        switch = Process("-c", _SWITCH, name, folder=root)
        try:
            port = int(switch.line())
            for kind, make in both.items():
                for stored in (FEW, MANY) if given.large else (FEW,):
                    if given.database not in (None, kind):
                        continue
                    folder = root / f"{kind}-{stored}"
                    folder.mkdir()
                    service = Service(make(), stored, folder, port)
                    try:
                        run(service, folder, f"{kind} {stored}", given.clients, given.seconds)
                        if given.plans:
                            print(f"    loaded in {service.loaded:.0f} s")
                            show_plans(service)
                    finally:
                        service.close()
        finally:
            switch.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
