"""Hostile, large and damaged documents and URLs cause no fault of the service."""

from __future__ import annotations

import base64
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli.sample import sample_pdf
from tests.api.bodies import FAX, LATER, MULTIPART, TO, part, parts
from tests.api.conftest import ServiceFactory
from tests.api.service import Service


@pytest.fixture(autouse=True)
def no_fault(service: Service) -> Iterator[None]:
    """Check that no request is in the log as a fault."""
    yield
    text = service.log.read_text()
    assert "request_failed" not in text, text[text.index("request_failed") :][:3000]
    assert "Traceback" not in text, text[text.index("Traceback") :][:3000]


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    """A service that accepts large uploads, with a worker that fetches."""
    return new_service(api__max_upload=200 * 2**20)


def test_a_large_upload_is_not_in_memory(service: Service, tmp_path: Path) -> None:
    """A hundred megabytes are uploaded and downloaded with a few megabytes of memory."""
    size = 99 * 2**20
    document = tmp_path / "large.pdf"
    pdf = sample_pdf(1)
    with document.open("wb") as file:
        file.write(pdf)
        for _ in range(size // 2**20):
            file.write(b"%" + os.urandom(2**19 - 1).hex().encode() + b"\n")
        file.write(pdf[pdf.rindex(b"startxref") :])

    def memory() -> int:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    service.get("/faxes/inbox")
    before = memory()
    sized = document.stat().st_size
    with document.open("rb") as file:
        answer = service.client.put(
            "/faxes",
            params={"to_number": TO, "from_number": "1", "not_before": LATER},
            content=iter(lambda: file.read(2**16), b""),
            headers={"Content-Type": "application/pdf", "Content-Length": str(sized)},
            timeout=300,
        )
    assert answer.status_code == 201, answer.text
    id = answer.json()["data"]["id"]
    service.client.delete(f"/faxes/outgoing/{id}")
    received = 0
    url = f"/faxes/outbox/{id}/attachment?format=original"
    with service.client.stream("GET", url, timeout=300) as stream:
        for piece in stream.iter_bytes():
            received += len(piece)
    assert received == sized > 95 * 2**20
    assert memory() - before < 40, "megabytes"


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.4", b"%PDF-1.7\n" + os.urandom(2000), b"II*\0\x08\0\0\0\xff\xff", b"\xff\xd8\xff"],
)
def test_a_damaged_document(service: Service, content: bytes) -> None:
    """It is accepted, since it is converted later; then the fax says why it failed."""
    answer = service.client.put(
        "/faxes",
        params={"to_number": TO, "from_number": "1"},
        content=content,
        headers={"Content-Type": "application/pdf"},
    )
    assert answer.status_code == 201, answer.text
    done = service.over(answer.json()["data"]["id"])
    assert done["status"] == "failed"
    assert done["tx_result"]["success"] is False
    assert "cut off or damaged" in done["tx_result"]["error_message"], done["tx_result"]


class _CountingHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()


def test_no_request_goes_into_the_private_network(service: Service) -> None:
    """Server-side request forgery: no URL of a fax reaches this machine or its networks."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _CountingHandler) as inside:
        inside.asked = 0  # type: ignore[attr-defined]
        threading.Thread(target=inside.serve_forever, daemon=True).start()
        port = inside.server_address[1]
        hosts = [
            "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0",
            "[::1]", "[::ffff:127.0.0.1]", "[::]", "127.0.0.1.", "user@127.0.0.1",
        ]  # fmt: skip
        urls = [f"http://{host}:{port}/a.pdf" for host in hosts]
        urls += [
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/",
            "http://192.168.1.1/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
        ]
        made: list[Any] = []
        for url in urls:
            data = {"to_number": TO, "from_number": "1", "retries": 0, "document": {"url": url}}
            answer = service.client.put("/faxes", json={"data": data})
            if answer.status_code == 400:
                continue
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["data"]["id"])
        assert len(made) > 8
        for id in made:
            done = service.over(id)
            assert done["status"] == "failed", done
            assert done["tx_result"]["pages_sent"] == 0
        inside.shutdown()
        assert inside.asked == 0  # type: ignore[attr-defined]


def test_an_uploaded_script_is_an_attachment_not_a_page(service: Service) -> None:
    """Text with a script is returned as an attachment with nosniff."""
    page = b"Hello <script>alert(1)</script>"
    coded = base64.b64encode(page)
    body = parts(
        part("application/json", FAX.encode()),
        part("text/plain", coded, 'Content-Disposition: attachment; filename="a.html"',
             "Content-Transfer-Encoding: base64"),
    )  # fmt: skip
    answer = service.client.put("/faxes", content=body, headers=MULTIPART)
    assert answer.status_code == 201, answer.text
    id = answer.json()["data"]["id"]
    service.client.delete(f"/faxes/outgoing/{id}")
    got = service.client.get(f"/faxes/outbox/{id}/attachment?format=original")
    assert got.content == page
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in got.headers["Content-Type"]
