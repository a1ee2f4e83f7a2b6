"""`fsfax serve` in a process of its own, with the stand-in softswitch of the test process.

`ApiUser` is what such a service and an application without a process have in common.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxboxes
from fsfax.accounts.tokens import Scope, Tokens
from fsfax.db.database import Database
from fsfax.jobs.store import JobStore
from fsfax.mail.smtplog import SmtpLog
from fsfax.testing import LiveSoftswitch
from tests.forked_command import start_fsfax

_SERVING = re.compile(r"serving (http\S+) ")
SOON = 60.0


def until(condition: Callable[[], Any], what: str, timeout: float = SOON) -> Any:
    """Wait until a condition is true; return its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.02)
    return value


def problem(answer: httpx.Response, code: int) -> Any:
    """Return the data of an error, after a check of its envelope."""
    assert answer.status_code == code, answer.text
    envelope = answer.json()
    assert envelope["status"] == "error"
    assert envelope["error"] == str(code)
    assert envelope["message"]
    assert envelope["request_id"] == answer.headers["X-Request-ID"]
    return envelope["data"]


class ApiUser:
    """An account of the API, a client with its token, and the stores of the API's database."""

    url: str
    account: str
    token: str
    client: httpx.Client
    """Sends the account's token; its base URL is the account's."""
    anyone: httpx.Client
    """Sends no token."""

    def use(self, database: Database) -> None:
        """Open the stores of the database."""
        self.store = JobStore(database)
        self.accounts = Accounts(database)
        self.tokens = Tokens(database)
        self.faxboxes = Faxboxes(database)
        self.smtplog = SmtpLog(database)

    def new_token(self, account: str | None = None, *scopes: Scope) -> str:
        wanted = scopes or (Scope.READ, Scope.WRITE)
        return self.tokens.create(account or self.account, scopes=wanted)[1]

    def send(self, document: Path, to: str, **more: Any) -> dict[str, Any]:
        """Create a fax of a file; return its data."""
        data = {"to_number": to, "from_number": "15550100", **more}
        answer = self.client.put(
            "/faxes",
            files=[
                ("content", ("fax.json", json.dumps({"data": data}), "application/json")),
                ("content", (document.name, document.read_bytes(), "application/pdf")),
            ],
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["data"]
        return made

    def get(self, path: str, code: int = 200, **query: Any) -> Any:
        """Return the data of an answer."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == code, answer.text
        return answer.json()["data"]


class Service(ApiUser):
    """A running service, an account of its own in it, and a client with its token."""

    def __init__(
        self, database_url: str, switch: LiveSoftswitch, folder: Path, *words: str, **settings: Any
    ) -> None:
        self.database = Database(database_url)
        self.database.upgrade()
        self.use(self.database)
        self.switch = switch
        self.folder = folder
        node = switch.node_settings()
        described = {
            "name": node.name,
            "port": node.port,
            "password": node.password.get_secret_value(),
            "gateways": [{"name": gateway.name} for gateway in node.gateways],
        }
        self.environment = {
            **os.environ,
            "FSFAX_NODES": json.dumps([described]),
            "FSFAX_SPOOL": str(switch.root),
            "FSFAX_DATABASE": database_url,
            "FSFAX_JOBS__POLL": "0.05",
            "FSFAX_API__RATE": "0",
            **{f"FSFAX_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.log = folder / "serve.log"
        self.words = words
        self.start()
        self.account = self.accounts.create("mine").id
        self.token = self.new_token()
        self.anyone = httpx.Client(timeout=60.0)
        self.client = self._client()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/v2/accounts/{self.account}",
            headers={"X-Auth-Token": self.token},
            timeout=60.0,
        )

    def start(self) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = start_fsfax(
                *("serve", "--port", "0", *self.words),
                stdout=2,
                stderr=log.fileno(),
                environment=self.environment,
                cwd=self.folder,
            )

        def serving() -> re.Match[str] | None:
            text = self.log.read_bytes()[before:].decode()
            assert self.process.poll() is None, text
            return _SERVING.search(text)

        found = until(serving, "the service is up")
        self.url: str = found[1]

    def again(self, number: int = signal.SIGTERM) -> None:
        """Stop the process and start another one, on another port."""
        self.client.close()
        self.process.send_signal(number)
        self.process.wait(60)
        self.start()
        self.client = self._client()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.client.close()
        self.anyone.close()
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.store.close()
        return code

    def over(self, id: str) -> dict[str, Any]:
        """Wait until a fax is over; return it."""
        over = ("completed", "failed", "cancelled")

        def done() -> dict[str, Any] | None:
            fax: dict[str, Any] = self.get(f"/faxes/outgoing/{id}")
            return fax if fax["status"] in over else None

        fax: dict[str, Any] = until(done, f"{id} is over")
        return fax
