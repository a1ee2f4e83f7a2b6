"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, a socket alone.

Debian's package has the programs in /usr/lib/postgresql/<version>/bin. The server refuses to run
as root; as root it is run as the package's user ``postgres``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import uuid
from pathlib import Path

import psycopg


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, the newest version's, None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class Server:
    """A running cluster; `database` makes a fresh database in it."""

    def __init__(self, folder: Path) -> None:
        bin = programs()
        if bin is None:
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        self._bin = bin
        self.folder = folder
        self._data = folder / "data"
        self._user = "postgres" if os.geteuid() == 0 else None
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
        # No TCP at all: the socket is in our folder.
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=60 -c fsync=off"
        self._run(
            "pg_ctl", "start", "-w", "-D", self._data, "-l", self.folder / "log", "-o", options
        )

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is a crash: the next start recovers from the write-ahead log."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def kill(self) -> None:
        """SIGKILL to the server's processes, as the kernel's memory killer does it."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        group = os.getpgid(pid)
        os.kill(pid, 9)
        # Its children end themselves when they see that it is gone.
        while (
            subprocess.run(["pgrep", "-g", str(group)], capture_output=True, check=False).returncode
            == 0
        ):
            pass

    def restart_after_kill(self) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self.start()

    def url(self, name: str) -> str:
        return f"postgresql://fsfax@/{name}?host={self.folder}"

    def database(self, template: str = "template1") -> str:
        """Make a fresh database; return its URL."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

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
            raise RuntimeError(f"{program} failed: {words}")
