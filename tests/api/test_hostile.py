"""Clients that mean harm, are broken, slow or gone: nothing of it is a fault of the service."""

from __future__ import annotations

import base64
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.cli.sample import sample_pdf
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until

TO = "15550123"
LATER = "2099-01-01T00:00:00Z"
FAX = json.dumps({"data": {"to_number": TO, "from_number": "1", "not_before": LATER}})
MULTIPART = {"Content-Type": "multipart/mixed; boundary=b"}

repeatedly = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service(
        "--api-only", api__max_upload=300_000, api__idle_timeout=1.0, api__body_timeout=2.0
    )


@pytest.fixture(autouse=True)
def no_fault(request: pytest.FixtureRequest) -> Iterator[None]:
    """No request of any test here may end in the log as a fault."""
    yield
    for name in ("service", "patient"):
        if name in request.fixturenames:
            text = request.getfixturevalue(name).log.read_text()
            assert "request_failed" not in text, text[text.index("request_failed") :][:3000]
            assert "Traceback" not in text, text[text.index("Traceback") :][:3000]


def part(kind: str, content: bytes, *more: str) -> bytes:
    return "\r\n".join(["--b", f"Content-Type: {kind}", *more, "", ""]).encode() + content + b"\r\n"


def parts(*given: bytes) -> bytes:
    return b"".join(given) + b"--b--\r\n"


def refused(answer: httpx.Response, *codes: int) -> str:
    assert answer.status_code in codes, answer.text
    envelope = answer.json()
    assert (envelope["status"], envelope["error"]) == ("error", str(answer.status_code))
    return json.dumps(envelope["data"])


@contextmanager
def raw(service: Service, data: bytes = b"") -> Iterator[socket.socket]:
    address = urlsplit(service.url)
    with closing(socket.create_connection((address.hostname, address.port), 20)) as connection:
        connection.sendall(data)
        yield connection


def answer_of(connection: socket.socket) -> bytes:
    """Everything until the service closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def head(service: Service, method: str, path: str, *more: str) -> bytes:
    lines = [
        f"{method} /v2/accounts/{service.account}{path} HTTP/1.1",
        "Host: x",
        f"X-Auth-Token: {service.token}",
        *more,
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1")


def faxes(service: Service) -> int:
    return len(service.store.list(service.account, limit=1000).jobs)


class TestAddresses:
    @pytest.mark.parametrize(
        "path",
        [
            "/faxes/outbox/../../../../etc/passwd",
            "/faxes/outbox/..%2f..%2fetc%2fpasswd",
            "/faxes/outbox/%00",
            "/faxes/outbox/%ff%fe",
            "/faxes/outbox/%F0%9F%93%A0",
            "/faxes/outbox/' OR '1'='1",
            "/faxes/outbox/%25s%25n",
            "/faxes/outbox/202611-" + "0" * 31 + "%0a",
            "/faxes/outbox/" + "9" * 3000,
            "/faxes//outbox",
            "/faxes/outbox/x/attachment/y",
            "/faxes/outbox/x/pages/99999999999999999999",
            "/faxboxes/%20/faxes/outgoing",
            "/faxes/smtplog/%00",
        ],
    )
    def test_paths(self, service: Service, path: str) -> None:
        for method in ("GET", "DELETE"):
            with raw(
                service, head(service, method, path.replace(" ", "%20"), "Connection: close")
            ) as c:
                answer = answer_of(c)
            assert answer.split()[1] in (b"404", b"405"), answer
            assert b"root:" not in answer

    @repeatedly
    @given(
        st.text(max_size=60), st.sampled_from(["/faxes/outbox/", "/faxes/outgoing/", "/faxboxes/"])
    )
    def test_any_id(self, service: Service, id: str, path: str) -> None:
        quoted = "".join(f"%{byte:02x}" for byte in id.encode(errors="surrogatepass"))
        with_id = service.client.get(path + quoted)
        assert with_id.status_code in (200, 404), with_id.text  # 200: no id makes it the list

    @repeatedly
    @given(
        st.dictionaries(
            st.sampled_from(
                ["page_size", "start_key", "created_from", "created_to", "modified_from", "ascending",
                 "paginate", "filter_id", "filter_", "filter_not_x", "has_key", "has_value", "format"]
            ),
            st.text(max_size=30),
            max_size=4,
        )
    )  # fmt: skip
    def test_any_query(self, service: Service, query: dict[str, str]) -> None:
        pairs = "&".join(
            name + "=" + "".join(f"%{byte:02x}" for byte in value.encode(errors="surrogatepass"))
            for name, value in query.items()
        )
        answer = service.client.get(f"/faxes/outbox?{pairs}")
        assert answer.status_code in (200, 400, 404), answer.text


class TestHeads:
    @pytest.mark.parametrize(
        "data",
        [
            b"\r\n\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
            b"PUT /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nabc",
            b"PUT /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\nabc",
        ],
    )
    def test_no_http(self, service: Service, data: bytes) -> None:
        try:
            with raw(service, data) as connection:
                answer = answer_of(connection)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        assert answer == b"" or answer.split()[1][:1] == b"4", answer[:300]
        assert service.client.get("/faxes/inbox").status_code == 200

    @pytest.mark.parametrize(
        "lines",
        [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: +5",
            "Content-Length: 5_0",
            "Content-Length : 5",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding:\x0bchunked",
            "X: a\rTransfer-Encoding: chunked",
            "X: a\r\n Transfer-Encoding: chunked",
            "no colon\r\nContent-Length: 5",
            "Host: y",
            "X: \0",
        ],
    )
    def test_heads_with_two_meanings(self, service: Service, lines: str) -> None:
        """Each of these is read otherwise by some proxy (RFC 9112, sections 2.2, 5.1, 5.2, 6)."""
        inner = head(service, "GET", "/faxes/inbox")
        with raw(service, head(service, "PUT", "/faxes", lines) + b"0\r\n\r\n" + inner) as c:
            answer = answer_of(c)
        assert answer.split()[1] in (b"400", b"501"), answer
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert b'"status": "error"' in answer

    def test_an_upgrade_is_no_way_around_the_length(self, service: Service) -> None:
        lines = head(service, "PUT", "/faxes", "Connection: Upgrade", "Upgrade: websocket",
                     "Content-Type: application/json", "Content-Length: 2")  # fmt: skip
        inner = head(service, "GET", "/faxes/inbox", "Connection: close")
        with raw(service, lines + b"{}" + inner) as connection:
            answer = answer_of(connection)
        assert answer.count(b"HTTP/1.1 400") == 1
        assert answer.count(b"HTTP/1.1 200") == 1

    def test_a_refusal_comes_before_100_continue(self, service: Service) -> None:
        lines = head(service, "PUT", "/faxes", "Content-Type: application/pdf",
                     "Content-Length: 999999999", "Expect: 100-continue")  # fmt: skip
        with raw(service, lines) as connection:
            answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 413"), answer

    def test_two_lengths_are_no_second_request(self, service: Service) -> None:
        """Request smuggling (RFC 9112, section 11.2): what comes after is not taken as a request."""
        inner = head(service, "DELETE", "/faxboxes/x", "Content-Length: 0")
        outer = head(
            service,
            "PUT",
            "/faxes",
            "Transfer-Encoding: chunked",
            f"Content-Length: {4 + len(inner)}",
        )
        with raw(service, outer + b"0\r\n\r\n" + inner) as connection:
            answer = answer_of(connection)
        # Either it is refused, or the chunked length holds and the connection ends.
        assert answer.count(b"HTTP/1.1 ") == 1, answer

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Accept", "a/b;q=x,,;;*"),
            ("Accept", "image/tiff;q=" + "9" * 400),
            ("Range", "bytes=9-1,,x"),
            ("If-None-Match", '"\\\\"""'),
            ("If-Modified-Since", "yesterday"),
            ("Content-Type", "multipart/mixed; boundary=\xff"),
            ("Content-Type", ";;;="),
            ("X-Request-ID", "a" * 1000),
            ("X-File-Name", "../../x\x7f;"),
            ("Last-Event-ID", "-1e99"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Cookie", "a=b;" * 500),
            ("Forwarded", "for=127.0.0.1"),
            ("Transfer-Encoding", "gzip"),
        ],
    )
    def test_strange_headers(self, service: Service, name: str, value: str) -> None:
        lines = head(service, "GET", "/faxes/outbox", f"{name}: {value}", "Connection: close")
        with raw(service, lines) as connection:
            answer = answer_of(connection)
        assert answer.split()[1] in (b"200", b"400", b"406", b"501"), answer


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b'{"data": []}',
            b'{"data": null}',
            b'{"data": {"to_number": NaN}}',
            b'{"data": {"to_number": "1", "from_number": "1", "retries": ' + b"9" * 5000 + b"}}",
            b'{"data": {"to_number": "1\\u0000", "from_number": "1"}}',
            b'{"data": {"to_number": "1", "from_number": "\\ud800"}}',
            b"[" * 100_000,
            b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
            b"\xff\xfe{}",
            b'{"data": {"to_number": "1\\r\\nexec", "from_number": "1", "document": {"url": "http://x"}}}',
            b'{"data": {"to_number": "1", "from_number": "1", "document": {"url": "http://"}}}',
            b'{"data": {"to_number": "1", "from_number": "1", "document": {"url": "http://a b/"}}}',
            b'{"data": {"to_number": "1", "from_number": "1", "document": {"url": "http://[::1"}}}',
            b'{"data": {"to_number": "1", "from_number": "1", "document": {"url": "http://x", "host": "a\\r\\nb: c"}}}',
            b'{"data": {"to_number": "1", "from_number": "1", "fax_timezone": "../../etc/passwd", "document": {"url": "http://x"}}}',
        ],
    )  # fmt: skip
    def test_json(self, service: Service, body: bytes) -> None:
        before = faxes(service)
        kind = {"Content-Type": "application/json"}
        refused(service.client.put("/faxes", content=body, headers=kind), 400, 413)
        assert faxes(service) == before

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"--b--\r\n",
            b"no parts at all",
            part("application/json", FAX.encode()),
            part("application/json", FAX.encode())[:-9],
            parts(part("application/json", FAX.encode()), part("application/json", FAX.encode())),
            parts(part("application/json", FAX.encode()), *[part("application/pdf", b"x")] * 64),
            parts(part("application/json", b"{" + b" " * 250_000)),
            parts(b"--b\r\n" + b"A: b\r\n" * 100 + b"\r\nx\r\n"),
            parts(b"--b\r\nContent-Type: " + b"x" * 20_000 + b"\r\n\r\nx\r\n"),
            parts(b"--b\r\nno colon\r\n\r\nx\r\n"),
            parts(
                part("application/json", FAX.encode()),
                part("application/pdf", b"!", "Content-Transfer-Encoding: base64"),
            ),
            parts(
                part("application/json", FAX.encode()),
                part("application/pdf", b"=41", "Content-Transfer-Encoding: quoted-printable"),
            ),
            parts(part("application/json", FAX.encode()), part("application/pdf", b"")),
            parts(
                part("application/json", FAX.encode()),
                part("multipart/mixed; boundary=c", b"--c--"),
            ),
            parts(
                part("application/json", FAX.encode()),
                part("application/pdf", base64.b64encode(sample_pdf(1))),
            ),
            parts(part("application/pdf", sample_pdf(1))),
        ],
    )
    def test_multipart(self, service: Service, body: bytes) -> None:
        before = faxes(service)
        told = refused(service.client.put("/faxes", content=body, headers=MULTIPART), 400)
        assert "fsfax-upload" not in told
        assert faxes(service) == before

    @pytest.mark.parametrize(
        "boundary", ["", "; boundary=", "; boundary=" + "x" * 71, '; boundary="\\']
    )
    def test_boundaries(self, service: Service, boundary: str) -> None:
        kind = {"Content-Type": f"multipart/form-data{boundary}"}
        refused(service.client.put("/faxes", content=b"--x--", headers=kind), 400)

    @repeatedly
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [b"--b\r\n", b"--b--", b"\r\n", b"\r\n\r\n", b"Content-Type: application/json",
                     b"Content-Type: application/pdf", b'Content-Disposition: form-data; name="x"; filename*=utf-8\'\'%ff',
                     b"Content-Transfer-Encoding: base64", FAX.encode(), b"%PDF-1.4", b"\r", b"--"]
                ),
            ),
            max_size=12,
        )
    )  # fmt: skip
    def test_any_multipart(self, service: Service, pieces: list[bytes]) -> None:
        answer = service.client.put("/faxes", content=b"".join(pieces), headers=MULTIPART)
        refused(answer, 400)

    @pytest.mark.parametrize(
        ("disposition", "kept"),
        [
            ('filename="../../../etc/passwd"', "passwd"),
            ('filename="C:\\\\temp\\\\a.pdf"', "a.pdf"),
            ('filename="a\\"b;c|d`e.pdf"', None),
            ('filename=".."', "document-1"),
            ('filename=""', "document-1"),
            ("filename*=utf-8''%E2%82%AC%2F..%2Fx.pdf", "x.pdf"),
            ('filename="' + "ü" * 500 + '.pdf"', None),
            ('filename="<script>.pdf"', "_script_.pdf"),
        ],
    )
    def test_names_of_files(self, service: Service, disposition: str, kept: str | None) -> None:
        body = parts(
            part("application/json", FAX.encode()),
            part(
                "application/pdf", sample_pdf(1), f"Content-Disposition: attachment; {disposition}"
            ),
        )
        answer = service.client.put("/faxes", content=body, headers=MULTIPART)
        assert answer.status_code == 201, answer.text
        (document,) = service.store.documents(answer.json()["data"]["id"])
        assert kept is None or document.name == kept
        assert not set(document.name) & set('/\\"<>|`;')
        assert len(document.name.encode()) <= 120

    @pytest.mark.parametrize(
        "content", [b"", b"\0" * 3000, b"PK\x03\x04" + bytes(100), b"not found\n", b"JVBERi0xLjcK"]
    )
    @pytest.mark.parametrize("kind", ["application/pdf", "image/tiff"])
    def test_raw_documents(self, service: Service, kind: str, content: bytes) -> None:
        answer = service.client.put(
            "/faxes",
            params={"to_number": TO, "from_number": "1"},
            content=content,
            headers={"Content-Type": kind},
        )
        assert "fsfax-upload" not in refused(answer, 400)


class TestLimits:
    def test_a_length_over_the_limit(self, service: Service) -> None:
        lines = head(
            service, "PUT", "/faxes", "Content-Type: application/pdf", "Content-Length: 999999999"
        )
        with raw(service, lines) as connection:
            answer = answer_of(connection)
        assert answer.split()[1] == b"413", "before the body was sent"
        assert b"must not be more than 300000 bytes" in answer

    @pytest.mark.parametrize(
        "kind", ["application/pdf", "application/json", MULTIPART["Content-Type"]]
    )
    def test_more_than_the_limit_in_chunks(self, service: Service, kind: str) -> None:
        def pieces() -> Iterator[bytes]:
            if kind.startswith("multipart"):
                yield part("application/pdf", b"")[:-2]
            for _ in range(200):
                yield b" " * 10_000

        before = faxes(service)
        try:
            answer = service.client.put("/faxes", content=pieces(), headers={"Content-Type": kind})
        except httpx.TransportError:
            pass  # it was told, and the connection closed, while it still sent
        else:
            refused(answer, 413)
        assert faxes(service) == before

    def test_a_slow_head(self, service: Service) -> None:
        """Slowloris: a byte now and then does not keep a connection open."""
        with raw(service, b"GET / HTTP/1.1\r\n") as connection:
            begun = time.monotonic()
            connection.settimeout(0.2)
            while time.monotonic() - begun < 15:
                try:
                    connection.sendall(b"A: b\r\n")
                    if not connection.recv(100):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            assert time.monotonic() - begun < 10

    def test_a_slow_body(self, service: Service) -> None:
        before = faxes(service)
        lines = head(
            service, "PUT", "/faxes", "Content-Type: application/json", "Content-Length: 5000"
        )
        with raw(service, lines) as connection:
            begun = time.monotonic()
            connection.settimeout(0.2)
            received = b""
            while time.monotonic() - begun < 15:
                try:
                    connection.sendall(b" ")
                    piece = connection.recv(65536)
                    received += piece
                    if not piece:
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        assert received.split()[1] == b"408", received
        assert b"the body was not complete after 2 s" in received
        assert faxes(service) == before

    def test_gone_in_the_middle(self, service: Service) -> None:
        before = faxes(service)
        body = parts(part("application/json", FAX.encode()), part("application/pdf", sample_pdf(1)))
        for cut in (1, len(body) // 2, len(body) - 1):
            kind = f"Content-Type: {MULTIPART['Content-Type']}"
            lines = head(service, "PUT", "/faxes", kind, f"Content-Length: {len(body)}")
            with raw(service, lines + body[:cut]):
                pass
        answered = lambda: service.log.read_text().count("path=/v2/accounts")  # noqa: E731
        service.client.get("/faxes/inbox")
        until(answered, "it was logged")
        assert faxes(service) == before

    def test_many_that_only_wait(self, service: Service) -> None:
        address = urlsplit(service.url)
        waiting = [socket.create_connection((address.hostname, address.port)) for _ in range(100)]
        try:
            assert service.client.get("/faxes/inbox").status_code == 200
        finally:
            for connection in waiting:
                connection.close()

    def test_whoever_follows_and_goes(self, service: Service) -> None:
        made = service.client.put(
            "/faxes",
            content=parts(
                part("application/json", FAX.encode()), part("application/pdf", sample_pdf(1))
            ),
            headers=MULTIPART,
        ).json()["data"]
        for _ in range(250):  # more than may follow at once
            with raw(service, head(service, "GET", f"/faxes/outgoing/{made['id']}/events")) as c:
                assert c.recv(20).split()[1] == b"200"


@pytest.fixture(scope="module")
def patient(new_service: ServiceFactory) -> Service:
    """Large uploads, and a worker that fetches."""
    return new_service(api__max_upload=200 * 2**20)


def test_a_large_upload_is_not_in_memory(patient: Service, tmp_path: Path) -> None:
    """A hundred megabytes come in, and are handed out again, in a few."""
    size = 99 * 2**20
    document = tmp_path / "large.pdf"
    pdf = sample_pdf(1)
    with document.open("wb") as file:
        file.write(pdf)
        for _ in range(size // 2**20):
            file.write(b"%" + os.urandom(2**19 - 1).hex().encode() + b"\n")
        file.write(pdf[pdf.rindex(b"startxref") :])

    def memory() -> int:
        status = Path(f"/proc/{patient.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    patient.get("/faxes/inbox")
    before = memory()
    sized = document.stat().st_size
    with document.open("rb") as file:
        answer = patient.client.put(
            "/faxes",
            params={"to_number": TO, "from_number": "1", "not_before": LATER},
            content=iter(lambda: file.read(2**16), b""),
            headers={"Content-Type": "application/pdf", "Content-Length": str(sized)},
            timeout=300,
        )
    assert answer.status_code == 201, answer.text
    id = answer.json()["data"]["id"]
    patient.client.delete(f"/faxes/outgoing/{id}")
    received = 0
    url = f"/faxes/outbox/{id}/attachment?format=original"
    with patient.client.stream("GET", url, timeout=300) as stream:
        for piece in stream.iter_bytes():
            received += len(piece)
    assert received == sized > 95 * 2**20
    assert memory() - before < 40, "megabytes"


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.4", b"%PDF-1.7\n" + os.urandom(2000), b"II*\0\x08\0\0\0\xff\xff", b"\xff\xd8\xff"],
)
def test_a_damaged_document(patient: Service, content: bytes) -> None:
    """It is taken, since drawing it takes its time; then the fax says why it failed."""
    answer = patient.client.put(
        "/faxes",
        params={"to_number": TO, "from_number": "1"},
        content=content,
        headers={"Content-Type": "application/pdf"},
    )
    assert answer.status_code == 201, answer.text
    done = patient.over(answer.json()["data"]["id"])
    assert done["status"] == "failed"
    assert done["tx_result"]["success"] is False
    assert "cut off or damaged" in done["tx_result"]["error_message"], done["tx_result"]


class _Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()


def test_nobody_inside_is_asked(patient: Service) -> None:
    """Server-side request forgery: a URL of a fax opens no door to what is behind this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Asked) as inside:
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
            answer = patient.client.put("/faxes", json={"data": data})
            if answer.status_code == 400:
                continue
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["data"]["id"])
        assert len(made) > 8
        for id in made:
            done = patient.over(id)
            assert done["status"] == "failed", done
            assert done["tx_result"]["pages_sent"] == 0
        inside.shutdown()
        assert inside.asked == 0  # type: ignore[attr-defined]


def test_a_document_of_somebody_is_no_page_of_ours(patient: Service) -> None:
    """Handed in as text with a script in it, it comes back as an attachment, not to be sniffed."""
    page = b"Hello <script>alert(1)</script>"
    coded = base64.b64encode(page)
    body = parts(
        part("application/json", FAX.encode()),
        part("text/plain", coded, 'Content-Disposition: attachment; filename="a.html"',
             "Content-Transfer-Encoding: base64"),
    )  # fmt: skip
    answer = patient.client.put("/faxes", content=body, headers=MULTIPART)
    assert answer.status_code == 201, answer.text
    id = answer.json()["data"]["id"]
    patient.client.delete(f"/faxes/outgoing/{id}")
    got = patient.client.get(f"/faxes/outbox/{id}/attachment?format=original")
    assert got.content == page
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in got.headers["Content-Type"]
