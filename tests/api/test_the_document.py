"""Every request of the API's document, by curl, verbatim but for host, account, token and ids."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fsfax.document import inspect
from tests.api.service import Service, until
from tests.document.web_server import WebServer

pytestmark = pytest.mark.spandsp

JSON = (
    '{"data":{"document":{"url":"URL","method":"get"},"retries":3,"from_name":"Test Fax",'
    '"from_number":"18884732963","to_name":"To Name","to_number":"18884732963"}}'
)


def curl(service: Service, *words: str, folder: Path | None = None) -> dict[str, Any]:
    """Run curl; return the envelope."""
    done = subprocess.run(
        ["curl", "-sS", "-v", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=True,
    )
    envelope: dict[str, Any] = json.loads(done.stdout)
    assert envelope["request_id"]
    return envelope


def place(service: Service, rest: str = "") -> str:
    return f"{service.url}/v2/accounts/{service.account}/faxes{rest}"


def token(service: Service) -> list[str]:
    return ["-H", f"X-Auth-Token: {service.token}"]


@pytest.fixture(scope="module")
def service(new_service: Any) -> Service:
    # The document's fax is fetched from a server of this machine.
    service: Service = new_service(fetch__allow_private="true")
    return service
