"""Mails in, notifications out, under load: 200 mails at once, 1,000 mails to a slow relay.

    python tests/bench/bench_mail_and_notifications.py [--mails N] [--notifications N]

In: `fsfax smtp` in a process of its own takes mails with a PDF of half a megabyte from as many
clients at once as there are mails; beside it, in the same run, a bare aiosmtpd that only writes
each mail to a file, with fsync. Out: a dispatcher in a process of its own reports as many faxes,
each mail with PDF, picture and report, by a relay that takes 50 ms for each; beside it, as many
connections of smtplib (four) that send one mail of that size again and again. Memory is the peak of
the whole process (VmHWM), before the load and after it. Whatever is lost or doubled ends the run.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from sqlalchemy import insert, update

sys.path.insert(0, str(Path(__file__).parents[2]))

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.cli.sample import sample_pdf
from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import jobs, outbox
from fsfax.jobs.store import JobStore
from fsfax.notify.deliveries import Deliveries
from fsfax.runtime.clock import utc_now
from tests.jobs.results import DELIVERED
from tests.mail.mails import mail, raw
from tests.notify.mailbox import Mailbox

SENDER = "ann@example.com"
SIZE = 500_000
SLOW = 0.05
CONNECTIONS = 4

_COURIER = """
import sys
from fsfax.api import fax_view
from fsfax.notify.dispatcher import Dispatcher
from fsfax.settings import load_settings, load_with_origins
with Dispatcher(load_settings(), fax_view.shown, hub="own") as dispatcher:
    print("ready", flush=True)
    sys.stdin.read()
"""


def peak(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def deliver(port: int, data: bytes, to: str) -> None:
    """Send a mail as a mailer does: again while the server answers that it is too busy."""
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
                client.sendmail(SENDER, to, data)
                return
        except smtplib.SMTPConnectError as error:
            if error.smtp_code != 421:
                raise
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            pass
        time.sleep(random.uniform(0.2, 1.0))  # a real one waits for minutes


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class Keep:
    """What a bare server does: the mail is on the disk before it is taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            file.write(envelope.content)
            file.flush()
            os.fsync(file.fileno())
        return "250 taken"


class Bare(Controller):
    """One at any port."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


def mails_in(folder: Path, count: int) -> None:
    url = f"sqlite:///{folder}/in.db"
    database = Database(url)
    database.upgrade()
    account = Accounts(database).create("bench").id
    box = Faxboxes(database).create(account, {"name": "b", "smtp_permission_list": [SENDER]})
    pdf = sample_pdf(1)
    document = ("a.pdf", "application/pdf", pdf + b"%" + os.urandom(SIZE // 2).hex().encode())
    letters = [raw(mail(document, message_id=f"<{number}@bench>")) for number in range(count)]
    to = [f"{15550000 + number}@{box.smtp_email_address}" for number in range(count)]

    def all_to(port: int) -> Callable[[], object]:
        def work() -> None:
            with ThreadPoolExecutor(count) as clients:
                list(clients.map(lambda pair: deliver(port, *pair), zip(letters, to, strict=True)))

        return work

    process = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "smtp", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FSFAX_DATABASE": url},
        cwd=folder,
    )
    assert process.stderr
    try:
        found = re.search(r":(\d+)$", process.stderr.readline().strip())
        assert found
        deliver(int(found[1]), raw(mail(document, message_id="<warm@bench>")), to[0])
        before = peak(process.pid)
        ours = timed(all_to(int(found[1])))
        after = peak(process.pid)
    finally:
        process.terminate()
        process.wait()
    made = JobStore(database).list(limit=1000).jobs
    assert len(made) == count + 1, f"{len(made)} faxes of {count + 1} mails"
    assert len({job.to_number for job in made}) == count
    (folder / "bare").mkdir()
    bare = Bare(Keep(folder / "bare"), hostname="127.0.0.1", port=0, data_size_limit=2**26)
    bare.start()
    plain = timed(all_to(bare.port))
    bare.stop()
    print(f"mails in, {count} at once of {len(letters[0]) // 1000} kB: each one fax, none lost")
    print(
        f"  fsfax smtp     {count / ours:6.0f} mails/s   {ours / plain:.1f}x the time of the bare"
    )
    print(f"  bare aiosmtpd  {count / plain:6.0f} mails/s")
    print(f"  memory of fsfax smtp: {before:.0f} MB before, {after:.0f} MB at most")


def notifications_out(folder: Path, count: int) -> None:
    url = f"sqlite:///{folder}/out.db"
    store = JobStore(url)
    store.database.upgrade()
    account = Accounts(store.database).create("bench").id
    (folder / "a.pdf").write_bytes(sample_pdf(1))
    fields = {"notifications": {"email": {"send_to": "a@b.org"}}}
    for number in range(0, count, 100):
        faxes = [
            NewFax(
                to_number=str(15550000 + number + more),
                documents=[folder / "a.pdf"],
                account_id=account,
                fields=fields,
            )
            for more in range(100)
        ]
        store.accept_all(faxes)
    at = utc_now()
    with store.database.write() as connection:
        values = {"state": "completed", "finished_at": at, "result": DELIVERED.as_dict()}
        connection.execute(update(jobs).values(pages_total=1, pages_confirmed=1, **values))
        ids = [row.id for row in connection.execute(jobs.select())]
        rows = [
            {"job_id": id, "account_id": account, "kind": "fax_out_completed", "data": {}}
            for id in ids
        ]
        connection.execute(insert(outbox), [row | {"created_at": at} for row in rows])
    with Mailbox(slow=SLOW) as mailbox:
        environment = {
            "FSFAX_DATABASE": url,
            "FSFAX_NOTIFY__RELAY__HOST": "127.0.0.1",
            "FSFAX_NOTIFY__RELAY__PORT": str(mailbox.port),
        }
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", _COURIER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | environment,
            cwd=folder,
        )
        try:
            mailbox.wait(20)
            before = peak(process.pid)
            sent = mailbox.wait(count, timeout=600)
            ours = time.perf_counter() - begun
            after = peak(process.pid)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait()
    assert len({each["Message-ID"] for each in sent}) == len(sent) == count
    states = {each.state for each in Deliveries(store.database).list(limit=count).deliveries}
    assert states == {"done"}, states
    data = raw(mail(("a.pdf", "application/pdf", os.urandom(len(bytes(sent[0])) * 3 // 4))))
    with Mailbox(slow=SLOW) as mailbox:

        def one(share: int) -> None:
            with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=120) as client:
                for _ in range(share):
                    client.sendmail(SENDER, "a@b.org", data)

        with ThreadPoolExecutor(CONNECTIONS) as clients:
            plain = timed(lambda: list(clients.map(one, [count // CONNECTIONS] * CONNECTIONS)))
    print(
        f"notifications out, {count} mails of {len(data) // 1000} kB,"
        f" {SLOW * 1000:.0f} ms each at the relay"
    )
    print(
        f"  fsfax dispatcher  {count / ours:6.0f} mails/s   {ours / plain:.1f}x the time of smtplib"
    )
    print(f"  bare smtplib   {count / plain:6.0f} mails/s")
    print(f"  memory of the dispatcher: {before:.0f} MB after 20 mails, {after:.0f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--notifications", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fsfax-bench-") as folder:
        mails_in(Path(folder), given.mails)
        notifications_out(Path(folder), given.notifications)


if __name__ == "__main__":
    main()
