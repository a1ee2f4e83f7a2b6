"""A PostgreSQL server for the tests: a fresh cluster in a temporary folder, on a Unix socket only.

Debian's package has the programs in /usr/lib/postgresql/<version>/bin. The server refuses to run
as root; as root, it is run as the package's user ``postgres``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

import psycopg

# None of these weakens what is lost when a process is killed: the operating system stays up, so
# what was written to a file is there afterwards, whether or not it was forced to the disk.
_FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off", "log_checkpoints=off")
_END = 30.0
"""Seconds that the server's processes may take to end after it was killed."""
_IDLE = 0.5
"""Seconds that a test's last connection may take to end."""

# Differs from the template's if a test changed tables, indexes, triggers, functions, the planner's
# statistics or the version, or if it left more than a few MB behind.
_SHAPE = """
SELECT md5(string_agg(concat_ws(' ', oid, relname, reltuples, relpages, attname, atttypid,
                                attnotnull, attisdropped), ',' ORDER BY oid, attnum)),
       (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
       (SELECT count(*) FROM pg_constraint), (SELECT min(version_num) FROM alembic_version),
       pg_database_size(current_database()) >> 24
FROM pg_class JOIN pg_attribute ON attrelid = oid
WHERE relnamespace = 'public'::regnamespace
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, the newest version's, None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class Server:
    """A running cluster; `database` gives a database in it, `give_back` takes one for the next."""

    def __init__(self, folder: Path) -> None:
        bin = programs()
        if bin is None:
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        self._bin = bin
        self.folder = folder
        self._data = folder / "data"
        self._user = "postgres" if os.geteuid() == 0 else None
        self._shape: tuple[object, ...] | None = None
        self._empty: list[str] = []
        folder.mkdir(parents=True)
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        self._run(
            "initdb",
            "-D",
            self._data,
            "-U",
            "fsfax",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        settings = ("listen_addresses=", "max_connections=60", *_FAST)
        options = " ".join([f"-k {self.folder}", *(f"-c {setting}" for setting in settings)])
        self._run(
            "pg_ctl", "start", "-w", "-D", self._data, "-l", self.folder / "log", "-o", options
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop the server. ``immediate`` is a crash: the next start replays the write-ahead log."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def kill(self) -> None:
        """Send SIGKILL to the server, as the kernel's memory killer does, and wait for its end."""
        pid = self._pid()
        if pid is None:
            raise RuntimeError("the server does not run")
        processes = [pid, *_children(pid)]
        os.kill(pid, signal.SIGKILL)
        # Its children end themselves when they notice that it is gone; before that, the memory
        # that they share is in use and a new server refuses to start.
        deadline = time.monotonic() + _END
        while any(_runs(process) for process in processes):
            if time.monotonic() > deadline:
                raise RuntimeError(f"of {processes}, some run {_END:.0f} s after the kill")
            time.sleep(0.002)

    def restart_after_kill(self) -> None:
        # Until its parent has reaped it, a killed server still counts as running for a new one.
        for lock in (self._data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)
        self.start()

    def ensure_running(self) -> None:
        """Start the server if a test stopped or killed it and did not start it again."""
        pid = self._pid()
        if pid is None or not _runs(pid):
            self.restart_after_kill()

    def _pid(self) -> int | None:
        """Return the process id of the server, None if it was stopped."""
        try:
            return int((self._data / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None

    def url(self, name: str) -> str:
        return f"postgresql://fsfax@/{name}?host={self.folder}"

    def database(self, template: str = "template1") -> str:
        """Return the URL of a database that is as ``template``: a new copy, or one given back."""
        if template == "template1" and self._empty:
            return self._empty.pop()
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """Empty a copy of ``template1`` for the next test, which is quicker than a new copy.

        It is left as it is, and not used again, if it is still connected to or was changed in
        more than its rows.
        """
        if self._shape is None:
            new = self.database("template1")
            with psycopg.connect(new, autocommit=True) as connection:
                self._shape = connection.execute(_SHAPE).fetchone()
            self._empty.append(new)
        with contextlib.suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as emptying:
            deadline = time.monotonic() + _IDLE
            while emptying.execute(_OTHERS).fetchone() != (0,):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.001)
            if emptying.execute(_SHAPE).fetchone() == self._shape:
                emptying.execute(_emptying(emptying).encode())
                self._empty.append(url)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        options = (
            {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        )
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            **options,
        )
        if done.returncode:
            log = self.folder / "log"
            words = log.read_text() if log.exists() else (done.stdout or b"").decode()
            raise RuntimeError(f"{program} failed: {words[-2000:]}")


def _status(pid: str | int) -> tuple[str, int] | None:
    """Return state and parent of a process from /proc, None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def _runs(pid: int) -> bool:
    """Return whether the process runs; a zombie does not, it only waits for its parent."""
    status = _status(pid)
    return status is not None and status[0] not in "ZX"


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (status := _status(entry.name)) and status[1] == pid:
            found.append(int(entry.name))
    return found


def _emptying(connection: psycopg.Connection) -> str:
    """Return the SQL that deletes all rows, whatever refers to them, and starts counting anew."""
    tables = connection.execute(
        "SELECT quote_ident(tablename) FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    ).fetchall()
    sequences = connection.execute("SELECT quote_ident(sequencename) FROM pg_sequences").fetchall()
    return ";".join(
        [
            "SET session_replication_role = replica",
            *(f"DELETE FROM {table}" for (table,) in tables),  # noqa: S608
            *(f"ALTER SEQUENCE {sequence} RESTART" for (sequence,) in sequences),
        ]
    )
