"""One HTTP exchange: the address that was checked is connected to, TLS, answers of any form."""

from __future__ import annotations

import os
import socket
import ssl as plain_ssl
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import gevent
import pytest
import trustme
from gevent import ssl

from fsfax.egress import exchange
from fsfax.egress.exchange import Exchange, HubYield, Resolver, resolve
from fsfax.egress.target import Address, parse_url
from fsfax.errors import ConfigurationError, FetchError, FetchForbidden
from fsfax.settings import FetchSettings
from tests.egress.web_server import PDF, RawServer, Visit, WebServer, closed_port

LOOPBACK = FetchSettings(connect=5, read=5, total=10, allow_networks=("127.0.0.0/8",))


def with_(**changes: object) -> FetchSettings:
    return FetchSettings(**{**LOOPBACK.model_dump(), **changes})


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


def answer(
    url: str, settings: FetchSettings = LOOPBACK, resolver: Resolver = resolve, host: str = ""
) -> bytes:
    """Send a GET and return the body of the answer."""
    target = parse_url(url)
    with Exchange(target, settings, resolver) as connection:
        connection.send_request("GET", target.path, [("Host", host or target.authority)])
        return b"".join(connection.body())


def refused(url: str, settings: FetchSettings = LOOPBACK, **options: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        answer(url, settings, **options)
    return caught.value


def to_loopback(host: str, port: int) -> list[Address]:
    return [IPv4Address("127.0.0.1")]


class TestAnswers:
    def test_status_headers_and_body(self, server: WebServer) -> None:
        server.handler = lambda visit: visit.send(
            b"HTTP/1.1 413 Too Large\r\nX-A: one\r\nx-a: two\r\nX-U: \xc3\xbc\r\n"
            b"X-L: \xfc\r\nContent-Length: 2\r\n\r\nno"
        )
        target = parse_url(server.url("/a?b=c"))
        with Exchange(target, LOOPBACK, resolve) as connection:
            connection.send_request(
                "POST", target.path, [("Host", "x"), ("Content-Length", "3")], b"abc"
            )
            assert connection.status == 413
            assert connection.headers == {
                "x-a": "one",
                "x-u": "ü",
                "x-l": "ü",  # Latin-1, because it is not UTF-8
                "content-length": "2",
            }
            assert list(connection.body()) == [b"no"]
        (visit,) = server.visits
        assert (visit.method, visit.path, visit.body) == ("POST", "/a?b=c", b"abc")

    @pytest.mark.parametrize(
        ("says", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end"),
            (
                b"HTTP/1.1 103 Early Hints\r\n\r\n"
                * 8
                + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: x\r\n\r\n",
                b"abc",
            ),
        ],
    )
    def test_every_way_to_end_a_body(self, says: bytes, body: bytes) -> None:
        with RawServer(says, close=True) as server:
            assert answer(server.url()) == body

    @pytest.mark.parametrize(
        ("says", "words", "temporary"),
        [
            (b"", "closed the connection", True),
            (b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection", True),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
                "closed the connection",
                True,
            ),
            (b"220 mail.example ESMTP\r\n", "proper HTTP", False),
            (b"HTTP/1.1 999999 OK\r\n\r\n", "proper HTTP", False),
            (
                b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
                "headers are too long",
                False,
            ),
            (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, "no final response", False),
        ],
        ids=["nothing", "half a header", "half a body", "mail", "status", "long", "interim"],
    )
    def test_answers_that_are_errors(self, says: bytes, words: str, temporary: bool) -> None:
        with RawServer(says, close=True) as server:
            error = refused(server.url())
            assert f"127.0.0.1:{server.port} " in str(error)
        assert words in str(error)
        assert error.temporary is temporary

    def test_a_silent_server_is_left_after_the_read_limit(self) -> None:
        with RawServer(b"HTTP/1.1 200 OK\r\n") as server:
            error = refused(server.url(), with_(read=0.05))
        assert "timed out after 0.05 s" in str(error)
        assert "fetch.read" in str(error)
        assert error.temporary

    def test_the_connection_is_closed_after_the_exchange(self) -> None:
        with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as server:
            assert answer(server.url()) == b"ok"
            assert server.gone.wait(5)


def test_names_and_numbers_are_resolved_without_repetition() -> None:
    assert resolve("127.0.0.1", 80) == [ip_address("127.0.0.1")]
    assert resolve("0x7f.1", 80) == [ip_address("127.0.0.1")]
    assert resolve("::1", 80) == [ip_address("::1")]
    found = resolve("localhost", 80)
    assert len(found) == len(set(found))
    assert set(found) <= {ip_address("127.0.0.1"), ip_address("::1")}
    with pytest.raises(socket.gaierror):
        resolve("a name with blanks", 80)


def test_other_greenlets_get_a_turn_after_enough_work(monkeypatch: pytest.MonkeyPatch) -> None:
    other = gevent.spawn(lambda: None)
    hub_yield = HubYield()
    monkeypatch.setattr(exchange, "_TURN", 3600.0)
    hub_yield.yield_if_due()
    assert not other.ready()
    monkeypatch.setattr(exchange, "_TURN", 0.0)
    hub_yield.yield_if_due()
    assert other.ready()


class TestAddresses:
    def test_loopback_is_forbidden_unless_allowed(self, server: WebServer) -> None:
        error = refused(server.url(), with_(allow_networks=()))
        assert isinstance(error, FetchForbidden)
        assert "fetch.allow_networks" in str(error)
        assert isinstance(refused(server.url(), FetchSettings()), FetchForbidden)
        assert server.visits == []
        assert answer(server.url(), with_(allow_networks=(), allow_private=True)) == PDF

    @pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
    def test_the_addresses_of_a_name_decide(self, server: WebServer, host: str) -> None:
        assert isinstance(refused(server.url(host=host), with_(allow_networks=())), FetchForbidden)
        assert answer(server.url(host=host), with_(allow_private=True)) == PDF

    def test_the_connection_is_made_to_the_address(self, server: WebServer) -> None:
        """The name itself exists nowhere: nothing but the checked address can have been used."""
        assert answer(server.url(host="no.such.example"), resolver=to_loopback) == PDF
        assert server.visits[0].headers["host"] == f"no.such.example:{server.port}"

    def test_one_forbidden_address_among_others(self, server: WebServer) -> None:
        mixed = [ip_address("127.0.0.1"), ip_address("::1")]
        error = refused(server.url(host="mixed.example"), resolver=lambda *_: mixed)
        assert isinstance(error, FetchForbidden)
        assert server.visits == []

    def test_the_next_address_is_tried(self, server: WebServer) -> None:
        two = [ip_address("127.9.9.9"), ip_address("127.0.0.1")]  # the server is on .0.1 alone
        assert answer(server.url(host="two.example"), resolver=lambda *_: two) == PDF

    def test_a_refused_connection(self) -> None:
        error = refused(f"http://127.0.0.1:{closed_port()}/")
        assert "was refused" in str(error)
        assert error.temporary

    @pytest.mark.parametrize(
        ("code", "temporary"),
        [
            (socket.EAI_NONAME, False),
            (socket.EAI_FAIL, False),
            (socket.EAI_AGAIN, True),
            (socket.EAI_SYSTEM, True),
        ],
    )
    def test_a_name_that_is_not_found(self, code: int, temporary: bool) -> None:
        def failing(host: str, port: int) -> list[Address]:
            raise socket.gaierror(code, "why")

        error = refused("http://no.such.example/", resolver=failing)
        assert "no.such.example was not found" in str(error)
        assert error.temporary is temporary

    def test_a_name_without_addresses(self) -> None:
        assert "was not found" in str(refused("http://none.example/", resolver=lambda *_: []))

    def test_a_name_service_that_does_not_answer(self) -> None:
        def silent(host: str, port: int) -> list[Address]:
            gevent.sleep(30)
            return []

        error = refused("http://slow.example/", with_(connect=0.05), resolver=silent)
        assert "timed out after 0.05 s" in str(error)
        assert error.temporary


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    context = ssl.SSLContext(plain_ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("fax.example", "127.0.0.1").configure_cert(context)
    with WebServer(tls=context) as running:
        yield running


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> FetchSettings:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return with_(ca_file=path)


class TestTls:
    def test_by_name_and_by_address(self, tls: WebServer, trusting: FetchSettings) -> None:
        by_name = tls.url("/a", host="fax.example", scheme="https")
        assert answer(by_name, trusting, resolver=to_loopback) == PDF
        assert tls.visits[0].headers["host"] == f"fax.example:{tls.port}"
        assert answer(tls.url(scheme="https"), trusting) == PDF

    def test_the_name_must_be_in_the_certificate(
        self, tls: WebServer, trusting: FetchSettings
    ) -> None:
        """Of the URL, not of the Host header."""
        url = tls.url(host="other.example", scheme="https")
        error = refused(url, trusting, resolver=to_loopback, host="fax.example")
        assert "certificate of other.example" in str(error)
        assert not error.temporary
        assert tls.visits == []

    def test_an_unknown_authority(self, tls: WebServer) -> None:
        error = refused(tls.url(scheme="https"))
        assert "certificate" in str(error)
        assert "fetch.ca_file" in str(error)
        assert tls.visits == []

    def test_no_tls_at_all(self) -> None:
        with RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP on this port") as server:
            error = refused(server.url(scheme="https"))
        assert "cannot agree on TLS" in str(error)
        assert not error.temporary

    def test_a_handshake_that_is_broken_off(self) -> None:
        with RawServer(close=True) as server:
            error = refused(server.url(scheme="https"))
        assert "was broken off" in str(error)
        assert error.temporary

    def test_a_handshake_that_never_ends(self) -> None:
        """Octets that arrive one by one must not start the time limit again."""

        def one_by_one() -> Iterator[bytes]:
            yield b"\x16\x03\x03\x40\x00"
            while True:
                gevent.sleep(0.02)
                yield b"\x02"

        with RawServer(one_by_one()) as server:
            error = refused(server.url(scheme="https"), with_(connect=0.2))
        assert "timed out after 0.2 s" in str(error)
        assert error.temporary

    def test_a_cut_connection_is_no_end(self, tls: WebServer, trusting: FetchSettings) -> None:
        """Without close_notify, an answer that ends with the connection was cut (RFC 9112 9.8)."""

        def cut(visit: Visit) -> None:
            visit.send(b"HTTP/1.0 200 OK\r\n\r\n" + PDF)
            os.close(visit.socket.detach())

        tls.handler = cut
        error = refused(tls.url(scheme="https"), trusting)
        assert "before everything was sent" in str(error)
        assert error.temporary

    def test_an_authority_that_cannot_be_read(self, tls: WebServer, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"fetch\.ca_file"):
            answer(tls.url(scheme="https"), with_(ca_file=tmp_path / "none.pem"))
        (tmp_path / "bad.pem").write_text("no certificate")
        with pytest.raises(ConfigurationError, match=r"fetch\.ca_file"):
            answer(tls.url(scheme="https"), with_(ca_file=tmp_path / "bad.pem"))
