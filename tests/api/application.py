"""The WSGI application in the test's own process, without a server, a worker or a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from fsfax.api.app import ApiApplication
from fsfax.api.metrics import Nodes
from fsfax.api.services import Services
from fsfax.db.database import Database
from fsfax.engine.observations import Dialling, Observation, PageDone
from fsfax.jobs.claims import Claims, NodeCapacity
from fsfax.jobs.leases import Leases
from fsfax.jobs.settle import Settlement
from fsfax.runtime.threads import Threads
from fsfax.settings import ApiSettings, Settings
from fsfax.testing import sample_tiff
from fsfax.values.outcome import Outcome
from fsfax.values.results import PageRecord
from tests.api.service import ApiUser
from tests.jobs.results import result

_NODE = NodeCapacity(node="a", core="core-1", capacity=0, gateways={"gw": 0})


class Application(ApiUser):
    """The application, an account of its own in it, and clients that call it directly."""

    def __init__(self, database: Database, nodes: Nodes | None = None, **api: Any) -> None:
        self.use(database)
        self.database = database
        self.settings = Settings(
            database=database.url.render_as_string(hide_password=False),
            api=ApiSettings(**{"rate": 0, **api}),
        )
        self.threads = Threads(2)
        self.services = Services(database, self.settings, self.threads)
        self.api = ApiApplication(self.services, nodes)
        self.url = "http://localhost"
        self.account = self.accounts.create("mine").id
        self.token = self.new_token()
        self.anyone = httpx.Client(transport=httpx.WSGITransport(app=self.api), base_url=self.url)
        self.client = httpx.Client(
            transport=httpx.WSGITransport(app=self.api),
            base_url=f"{self.url}/v2/accounts/{self.account}",
            headers={"X-Auth-Token": self.token},
        )

    def close(self) -> None:
        """End the threads and the clients."""
        self.client.close()
        self.anyone.close()
        self.threads.close()

    def sent(self, letter: Path, folder: Path, to: str = "15550123") -> str:
        """Create a fax and settle it, and others that are due, as delivered: two pages, no call."""
        id: str = self.send(letter, to)["id"]
        leases = Leases(self.database, "test", 60.0)
        leases.register()
        claims = Claims(self.database, leases.worker_id, self.settings)
        settlement = Settlement(self.database, leases.worker_id, self.settings)
        for preparation in claims.claim_unprepared(100):
            settlement.prepared(preparation, sample_tiff(folder / "fax.tif", 2), 2)
        while claimed := claims.claim([_NODE]):
            (claim,) = claimed
            seen: list[Observation] = [
                Dialling(at=1.0, node="a", gateway="gw", call_id=claim.attempt.id),
                *(_page(number) for number in (1, 2)),
            ]
            for observation in seen:
                settlement.observe(claim, observation)
            settlement.settle(claim, result(Outcome.DELIVERED, confirmed=2))
        leases.retire()
        return id


def _page(number: int) -> PageDone:
    record = PageRecord(
        number=number,
        seconds=1.0,
        image_bytes=1000,
        width=1728,
        rows=2200,
        x_resolution=8031,
        y_resolution=7700,
        bad_rows=0,
        longest_bad_row_run=0,
        encoding="T.6",
    )
    return PageDone(at=1.0, page=record, total=2)
