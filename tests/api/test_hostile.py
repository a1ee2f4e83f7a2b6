"""Hostile, broken, slow and disconnected clients cause no fault of the service."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.cli.sample import sample_pdf
from tests.api.bodies import FAX, MULTIPART, faxes, part, parts, refused
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until

repeatedly = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service(
        "--api-only", api__max_upload=300_000, api__idle_timeout=1.0, api__body_timeout=2.0
    )


@pytest.fixture(autouse=True)
def no_fault(service: Service) -> Iterator[None]:
    """Check that no request is in the log as a fault."""
    yield
    text = service.log.read_text()
    assert "request_failed" not in text, text[text.index("request_failed") :][:3000]
    assert "Traceback" not in text, text[text.index("Traceback") :][:3000]


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
    def test_bytes_that_are_not_http(self, service: Service, data: bytes) -> None:
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
    def test_ambiguous_heads_are_refused(self, service: Service, lines: str) -> None:
        """Some proxy reads each of these in another way (RFC 9112, sections 2.2, 5.1, 5.2, 6)."""
        inner = head(service, "GET", "/faxes/inbox")
        with raw(service, head(service, "PUT", "/faxes", lines) + b"0\r\n\r\n" + inner) as c:
            answer = answer_of(c)
        assert answer.split()[1] in (b"400", b"501"), answer
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert b'"status": "error"' in answer

    def test_an_upgrade_does_not_disable_the_length(self, service: Service) -> None:
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

    def test_two_lengths_do_not_smuggle_a_request(self, service: Service) -> None:
        """Request smuggling (RFC 9112, section 11.2): the rest is not read as a request."""
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
            pass  # the answer was sent and the connection closed during the body
        else:
            refused(answer, 413)
        assert faxes(service) == before

    def test_a_slow_head(self, service: Service) -> None:
        """Slowloris: bytes at long intervals do not hold a connection open."""
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

    def test_a_client_that_disconnects_during_the_body(self, service: Service) -> None:
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

    def test_idle_connections_do_not_block_others(self, service: Service) -> None:
        address = urlsplit(service.url)
        waiting = [socket.create_connection((address.hostname, address.port)) for _ in range(100)]
        try:
            assert service.client.get("/faxes/inbox").status_code == 200
        finally:
            for connection in waiting:
                connection.close()

    def test_clients_that_disconnect_free_their_event_streams(self, service: Service) -> None:
        made = service.client.put(
            "/faxes",
            content=parts(
                part("application/json", FAX.encode()), part("application/pdf", sample_pdf(1))
            ),
            headers=MULTIPART,
        ).json()["data"]
        for _ in range(250):  # more than the streams that may be open
            with raw(service, head(service, "GET", f"/faxes/outgoing/{made['id']}/events")) as c:
                assert c.recv(20).split()[1] == b"200"
