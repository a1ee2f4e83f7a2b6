"""The service as a whole: TLS, a worker in another process, metrics, a restart."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until


class TestTls:
    def test_by_certificate(
        self, new_service: ServiceFactory, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
        service = new_service("--api-only", api__certificate=folder / "both.pem")
        assert service.url.startswith("https://")
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with httpx.Client(verify=trusting, headers={"X-Auth-Token": service.token}) as client:
            path = f"{service.url}/v2/accounts/{service.account}/faxes/outbox"
            assert client.get(path).json()["status"] == "success"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(f"{service.url}/healthz")

    def test_a_file_that_is_not_a_certificate(
        self, new_service: ServiceFactory, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.pem").write_text("nothing")
        with pytest.raises(AssertionError, match=r"bad\.pem or its key cannot be used"):
            new_service("--api-only", api__certificate=tmp_path / "bad.pem")


def test_the_worker_elsewhere(new_service: ServiceFactory, letter: Path) -> None:
    service = new_service("--api-only")
    assert service.anyone.get(f"{service.url}/readyz").json()["status"] == "ok"
    id = service.send(letter, "15550123")["id"]
    with (service.folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "fsfax", "worker"], stderr=log, env=service.environment
        )
    try:
        fax = service.over(id)
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert (fax["status"], fax["tx_result"]["pages_sent"]) == ("completed", 2)


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service()


def test_metrics(service: Service, letter: Path) -> None:
    def value(name: str, **labels: str) -> float | None:
        text = service.anyone.get(f"{service.url}/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    waiting = service.send(letter, "15550124", not_before="2099-01-01T00:00:00Z")["id"]
    service.over(service.send(letter, "15550123")["id"])
    service.over(service.send(letter, "5550101", retries=0)["id"])  # busy
    until(lambda: value("fsfax_calls_total", direction="out", outcome="busy"), "it is counted")
    assert value("fsfax_calls_total", direction="out", outcome="delivered") == 1
    assert value("fsfax_pages_total", direction="out") == 2
    # The stand-in is faster than any line: there are whole seconds, and may be none.
    assert value("fsfax_line_seconds_total", direction="out") is not None
    assert value("fsfax_jobs", direction="out", state="attaching_files") == 1
    assert value("fsfax_queue_age_seconds") == 0
    assert value("fsfax_workers") == 1
    assert value("fsfax_database_up") == 1
    assert value("fsfax_esl_link", state="up") == 1
    assert value("fsfax_esl_link", state="down") == 0
    assert value("fsfax_esl_calls") == 0
    assert value("fsfax_esl_drops") == 0
    route = "/v2/accounts/{account_id}/faxes"
    assert value("fsfax_http_requests_total", method="PUT", route=route, status="201") == 3
    assert service.client.delete(f"/faxes/outgoing/{waiting}").status_code == 200


def test_a_restart_during_a_request(new_service: ServiceFactory, letter: Path) -> None:
    """The old process answers its running request, while the new one serves the address."""
    service = new_service("--api-only")
    place = urlsplit(service.url)
    assert place.hostname
    assert place.port
    document = letter.read_bytes()
    half = len(document) // 2
    head = (
        f"PUT /v2/accounts/{service.account}/faxes?to_number=15550123&from_number=1 HTTP/1.1\r\n"
        f"Host: x\r\nX-Auth-Token: {service.token}\r\nContent-Type: application/pdf\r\n"
        f"Content-Length: {len(document)}\r\n\r\n"
    )
    old = service.process
    with (
        socket.create_connection((place.hostname, place.port), 30) as begun,
        socket.create_connection((place.hostname, place.port), 30) as idle,
    ):
        begun.sendall(head.encode() + document[:half])
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answered = b""
        while not answered.endswith(b"}"):
            answered += idle.recv(1000)
        assert b"200 OK" in answered
        new = _another(service, place.port)
        try:
            old.send_signal(signal.SIGTERM)
            assert idle.recv(1000) == b"", "an idle connection is closed at the stop"
            until(lambda: _is_new(service, new), "the new process answers")
            assert old.poll() is None
            begun.sendall(document[half:])
            answer = b""
            while piece := begun.recv(65536):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 201 ")
            assert b"connection: close" in answer.lower()
            assert old.wait(30) == 0
            (job,) = service.store.list(service.account).jobs
            assert service.get(f"/faxes/outgoing/{job.id}")["to_number"] == "15550123"
        finally:
            new.send_signal(signal.SIGTERM)
            assert new.wait(30) == 0


def _another(service: Service, port: int) -> subprocess.Popen[bytes]:
    log = service.folder / "new.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "fsfax", "serve", "--api-only", "--port", str(port)],
            stderr=stream,
            env=service.environment,
        )
    until(lambda: "serving " in log.read_text(), "the new process is up")
    return process


def _is_new(service: Service, new: subprocess.Popen[bytes]) -> bool:
    assert new.poll() is None
    log = service.folder / "new.log"
    service.anyone.get(f"{service.url}/healthz", headers={"X-Request-ID": "to-the-new-one"})
    return "to-the-new-one" in log.read_text()
