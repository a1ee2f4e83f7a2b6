"""Every request of the documentation of Kazoo's Faxes API, by curl, with this host and its ids."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fsfax.document import inspect
from fsfax.mail.smtplog import SmtpLog
from tests.api.service import Service, until

pytestmark = pytest.mark.spandsp

JSON = (
    '{"data":{"document":{"url":"URL","method":"get"},"retries":3,"from_name":"Test Fax",'
    '"from_number":"18884732963","to_name":"To Name","to_number":"18884732963"}}'
)


class Curl:
    """Runs the documentation's commands."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder

    def __call__(self, method: str, rest: str, *words: str) -> dict[str, Any]:
        """``curl -v -X METHOD words -H X-Auth-Token …``; the envelope of the answer."""
        done = self.run(method, rest, *words)
        envelope: dict[str, Any] = json.loads(done)
        assert envelope["status"] == "success", envelope
        assert envelope["request_id"]
        assert envelope["revision"]
        assert envelope["auth_token"] == self.service.token
        return envelope

    def run(self, method: str, rest: str, *words: str) -> bytes:
        place = f"{self.service.url}/v2/accounts/{self.service.account}/faxes{rest}"
        token = f"X-Auth-Token: {self.service.token}"
        done = subprocess.run(
            ["curl", "-v", "-X", method, *words, "-H", token, place],
            capture_output=True,
            cwd=self.folder,
            timeout=60,
            check=True,
        )
        return done.stdout


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def service(new_service: Any) -> Service:
    # The document's fax is fetched from a server of this machine.
    service: Service = new_service(fetch__allow_private="true")
    return service


@pytest.fixture(scope="module")
def web(letter: Path) -> Iterator[str]:
    """``http://myserver.com`` of the document."""
    handler = partial(Quiet, directory=str(letter.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def curl(service: Service, letter: Path, tmp_path_factory: pytest.TempPathFactory) -> Curl:
    folder = tmp_path_factory.mktemp("curl")
    (folder / "fax.pdf").write_bytes(letter.read_bytes())
    data = {"to_number": "18884732963", "from_number": "18884732964", "retries": 3}
    (folder / "fax.json").write_text(json.dumps({"data": data}))
    return Curl(service, folder)


_NO_RESULT = {
    "error_message": "",
    "fax_bad_rows": 0,
    "fax_error_correction": False,
    "fax_receiver_id": "",
    "fax_speed": 0,
    "pages_sent": 0,
    "success": False,
    "time_elapsed": 0,
}


def test_create_with_a_url(curl: Curl, service: Service, web: str) -> None:
    asked = JSON.replace("URL", f"{web}/letter.pdf")
    made = curl("PUT", "", "-d", asked)["data"]
    expected = json.loads(asked)["data"]
    assert {name: made[name] for name in expected} == expected
    assert made["attempts"] == 0
    assert made["tx_result"] == _NO_RESULT
    assert made["fax_timezone"] == "undefined"
    shown = curl("GET", f"/outgoing/{made['id']}")["data"]
    assert {name: shown[name] for name in expected} == expected
    assert shown["created"] > 63626410973
    assert service.over(made["id"])["status"] == "completed"


def test_create_with_a_document(curl: Curl, service: Service) -> None:
    made = curl(
        "PUT",
        "",
        *("-H", "Content-Type: multipart/mixed"),
        *("-F", "content=@fax.json; type=application/json"),
        *("-F", "content=@fax.pdf; type=application/pdf"),
    )["data"]
    assert (made["status"], made["retries"]) == ("attaching_files", 3)
    done = service.over(made["id"])
    assert (done["status"], done["tx_result"]["pages_sent"]) == ("completed", 2)


def test_create_by_the_alias(curl: Curl, web: str) -> None:
    made = curl("PUT", "/outgoing", "-d", JSON.replace("URL", f"{web}/letter.pdf"))["data"]
    assert made["id"]


def test_outgoing_list(curl: Curl, service: Service, web: str) -> None:
    later = JSON.replace("URL", f"{web}/letter.pdf").replace(
        '"retries":3', '"retries":3,"not_before":"2099-01-01T00:00:00Z"'
    )
    made = curl("PUT", "", "-d", later)["data"]
    envelope = curl("GET", "/outgoing")
    assert isinstance(envelope["start_key"], list)
    assert envelope["page_size"] == len(envelope["data"])
    (row,) = [row for row in envelope["data"] if row["id"] == made["id"]]
    assert (row["from"], row["to"], row["status"]) == ("18884732963", "18884732963", "pending")
    shown = curl("GET", f"/outgoing/{made['id']}")["data"]
    assert (shown["delivered"], shown["status"]) == ("undefined", "pending")
    service.store.cancel(made["id"])


@pytest.fixture(scope="module")
def sent(curl: Curl, service: Service, web: str) -> dict[str, Any]:
    """A fax that was sent, and received at the other end of the softswitch."""
    made = curl("PUT", "", "-d", JSON.replace("URL", f"{web}/letter.pdf"))["data"]
    return service.over(made["id"])


def test_outbox(curl: Curl, sent: dict[str, Any]) -> None:
    rows = {row["id"]: row for row in curl("GET", "/outbox")["data"]}
    row = rows[sent["id"]]
    assert (row["status"], row["tx_result"]["success"]) == ("completed", True)
    one = curl("GET", f"/outbox/{sent['id']}")["data"]
    assert one["tx_result"] == sent["tx_result"]
    assert set(_NO_RESULT) < set(one["tx_result"])
    assert one["tx_result"]["fax_speed"] == 14400
    assert one["tx_result"]["pages_sent"] == one["tx_result"]["transferred_pages"] == 2
    assert isinstance(one["delivered"], int)


def test_payload_of_the_outbox(curl: Curl, sent: dict[str, Any]) -> None:
    pdf = curl.folder / "payload.pdf"
    pdf.write_bytes(curl.run("GET", f"/outbox/{sent['id']}/attachment"))
    found = inspect(pdf)
    assert (found.kind, len(found.pages)) == ("pdf", 2)


def test_resubmit(curl: Curl, service: Service, sent: dict[str, Any]) -> None:
    again = curl("PUT", f"/outbox/{sent['id']}", "-d", '{"action": "resubmit", "data": {}}')["data"]
    assert again["id"] != sent["id"]
    assert (again["attempts"], again["tx_result"]) == (0, _NO_RESULT)
    assert service.over(again["id"])["status"] == "completed"


def test_inbox(curl: Curl, service: Service, sent: dict[str, Any]) -> None:
    # A fax to an unknown number belongs to the default account: assign the number.
    service.accounts.change(service.account, numbers=["18884732999"])
    again = curl(
        "PUT",
        f"/outbox/{sent['id']}",
        "-d",
        '{"action": "resubmit", "data": {"to_number": "18884732999"}}',
    )["data"]
    service.over(again["id"])
    (row,) = until(lambda: curl("GET", "/inbox")["data"], "the fax is in the inbox")
    one = curl("GET", f"/inbox/{row['id']}")["data"]
    assert (one["to_number"], one["from_number"]) == ("18884732999", "18884732963")
    assert one["rx_result"]["success"]
    assert one["rx_result"]["transferred_pages"] == 2
    assert curl("GET", f"/incoming/{row['id']}")["data"]["status"] == "completed"
    pdf = curl.folder / "received.pdf"
    pdf.write_bytes(curl.run("GET", f"/inbox/{row['id']}/attachment"))
    assert len(inspect(pdf).pages) == 2
    assert curl("DELETE", f"/inbox/{row['id']}/attachment")["data"] == {}
    assert b"no attachment found" in curl.run("GET", f"/inbox/{row['id']}/attachment")
    assert curl("DELETE", f"/inbox/{row['id']}")["data"]["id"] == row["id"]
    assert b"bad_identifier" in curl.run("GET", f"/inbox/{row['id']}")
    assert curl("GET", "/inbox")["data"] == []


def test_smtplog(curl: Curl, service: Service) -> None:
    record = SmtpLog(service.database).add(
        account_id=service.account,
        from_address="a@example.com",
        to_address="1@box.example.com",
        errors=["no valid attachment"],
    )
    (row,) = curl("GET", "/smtplog")["data"]
    assert (row["id"], row["error"]) == (record.id, "no valid attachment")
    one = curl("GET", f"/smtplog/{record.id}")["data"]
    assert (one["from"], one["errors"]) == ("a@example.com", ["no valid attachment"])


def test_remove_from_the_outbox(curl: Curl, service: Service, sent: dict[str, Any]) -> None:
    id = sent["id"]
    assert curl("DELETE", f"/outbox/{id}/attachment")["data"] == {}
    shown = curl("GET", f"/outbox/{id}")["data"]
    assert shown["tx_result"]["success"]
    # A URL is known, and nothing is fetched from it again.
    assert b"no attachment found" in curl.run("GET", f"/outbox/{id}/attachment")
    assert curl("DELETE", f"/outbox/{id}")["data"]["_read_only"]["deleted"] is True
    assert b"bad_identifier" in curl.run("GET", f"/outbox/{id}")
