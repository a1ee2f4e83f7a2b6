"""A document fetched from a web server: its kind, the request, HTTP errors, redirects."""

from __future__ import annotations

import gzip
import hashlib
import stat
import zlib
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from fsfax.document.fetch import Fetched, fetch
from fsfax.egress.exchange import resolve
from fsfax.egress.request import FetchRequest
from fsfax.egress.target import Address
from fsfax.errors import FetchError, FetchForbidden, InvalidFetch
from fsfax.settings import FetchSettings
from tests.egress.web_server import PDF, Visit, WebServer, closed_port

LOOPBACK = FetchSettings(
    connect=5, read=5, total=10, max_bytes=100_000, allow_networks=("127.0.0.0/8",)
)


def with_(**changes: object) -> FetchSettings:
    return FetchSettings(**{**LOOPBACK.model_dump(), **changes})


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture
def get(tmp_path: Path) -> Callable[..., Fetched]:
    def fetch_it(url: str, settings: FetchSettings = LOOPBACK, **fields: object) -> Fetched:
        resolver = fields.pop("resolver", resolve)
        return fetch(FetchRequest(url=url, **fields), tmp_path, settings, resolver=resolver)

    return fetch_it


@pytest.fixture
def refused(tmp_path: Path, get: Callable[..., Fetched]) -> Callable[..., FetchError]:
    """Fetch, expect an error, and that nothing stays behind."""

    def fetch_it(*args: object, **fields: object) -> FetchError:
        with pytest.raises(FetchError) as caught:
            get(*args, **fields)
        assert list(tmp_path.iterdir()) == []
        return caught.value

    return fetch_it


def redirect(location: str, status: int = 302) -> Callable[[Visit], None]:
    return lambda visit: visit.answer(status, b"moved", Location=location)


def to_loopback(host: str, port: int) -> list[Address]:
    return [IPv4Address("127.0.0.1")]


class TestTheDocument:
    def test_is_a_new_file(self, server: WebServer, tmp_path: Path) -> None:
        request = FetchRequest(url=server.url("/a b.pdf?x=y#page"))
        fetched = fetch(request, tmp_path, LOOPBACK)
        assert fetched == Fetched(
            path=fetched.path,
            media_type="application/pdf",
            size=len(PDF),
            sha256=hashlib.sha256(PDF).hexdigest(),
            url=server.url("/a%20b.pdf?x=y"),
        )
        assert fetched.path.read_bytes() == PDF
        assert fetched.path.suffix == ".pdf"
        assert stat.S_IMODE(fetched.path.stat().st_mode) == 0o600
        again = fetch(request, tmp_path, LOOPBACK)
        assert set(tmp_path.iterdir()) == {fetched.path, again.path}

    def test_is_requested_with_few_headers(
        self, server: WebServer, get: Callable[..., Fetched]
    ) -> None:
        get(server.url("/letter.pdf?x=y"))
        (visit,) = server.visits
        assert (visit.method, visit.path, visit.body) == ("GET", "/letter.pdf?x=y", b"")
        accept = visit.headers.pop("accept")
        assert "application/pdf" in accept
        assert visit.headers == {
            "host": f"127.0.0.1:{server.port}",
            "user-agent": "fsfax",
            "accept-encoding": "identity",
            "connection": "close",
        }

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            (PDF, "application/pdf"),
            (b"II*\x00" + bytes(100), "image/tiff"),
            (b"MM\x00*" + bytes(100), "image/tiff"),
            (b"\x89PNG\r\n\x1a\n" + bytes(9000), "image/png"),
            (b"\xff\xd8\xff\xe0" + bytes(100), "image/jpeg"),
            (b"Dear Sir", "text/plain"),
        ],
    )
    def test_has_the_media_type_of_its_bytes(
        self, server: WebServer, get: Callable[..., Fetched], body: bytes, media_type: str
    ) -> None:
        """Whatever the server calls it."""
        server.handler = lambda visit: visit.answer(200, body, Content_Type="application/x-evil")
        assert get(server.url("/letter.doc")).media_type == media_type

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<!DOCTYPE html><p>Please log in", "web page"),
            (b"PK\x03\x04" + bytes(100), "ZIP"),
            (bytes(5000), "no known kind"),
            (b"", "empty"),
        ],
    )
    def test_is_refused_if_it_cannot_be_faxed(
        self, server: WebServer, refused: Callable[..., FetchError], body: bytes, words: str
    ) -> None:
        server.handler = lambda visit: visit.answer(200, body, Content_Type="application/pdf")
        error = refused(server.url())
        assert words in str(error)
        assert not error.temporary
        assert error.status is None

    def test_a_film_is_not_fetched_to_its_end(
        self, server: WebServer, refused: Callable[..., FetchError]
    ) -> None:
        def film(visit: Visit) -> None:
            visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nRIFF" + bytes(5000))
            while visit.socket.recv(1):
                pass

        server.handler = film
        assert "film" in str(refused(server.url()))

    @pytest.mark.parametrize("coding", ["gzip", "X-Gzip", "identity"])
    def test_may_be_compressed(
        self, server: WebServer, get: Callable[..., Fetched], coding: str
    ) -> None:
        body = PDF if coding == "identity" else gzip.compress(PDF)
        server.handler = lambda visit: visit.answer(200, body, Content_Encoding=coding)
        assert get(server.url()).path.read_bytes() == PDF

    @pytest.mark.parametrize(
        ("body", "coding", "temporary"),
        [
            (zlib.compress(PDF), "br", False),
            (b"not gzip", "gzip", False),
            (gzip.compress(PDF, mtime=0)[:-20], "gzip", True),
        ],
    )
    def test_compressed_badly(
        self,
        server: WebServer,
        refused: Callable[..., FetchError],
        body: bytes,
        coding: str,
        temporary: bool,
    ) -> None:
        server.handler = lambda visit: visit.answer(200, body, Content_Encoding=coding)
        assert refused(server.url()).temporary is temporary

    def test_chunked_and_until_the_end(
        self, server: WebServer, get: Callable[..., Fetched]
    ) -> None:
        chunk = b"%x\r\n%s\r\n" % (len(PDF), PDF)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.handlers = {
            "/chunked": lambda visit: visit.send(head + chunk + b"0\r\nTrailer: x\r\n\r\n"),
            "/end": lambda visit: visit.send(b"HTTP/1.0 200 OK\r\n\r\n" + PDF),
            "/hints": lambda visit: (
                visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
                visit.answer(),
            ),
        }
        for path in server.handlers:
            assert get(server.url(path)).size == len(PDF)


class TestTheRequest:
    def test_a_post(self, server: WebServer, get: Callable[..., Fetched]) -> None:
        get(
            server.url(),
            method="post",
            content='{"id": "ü"}',
            content_type="application/json",
            host="intranet:8080",
            referer="https://app/fax?id=1",
        )
        (visit,) = server.visits
        assert (visit.method, visit.body) == ("POST", '{"id": "ü"}'.encode())
        assert visit.headers["content-type"] == "application/json"
        assert visit.headers["host"] == "intranet:8080"
        assert visit.headers["referer"] == "https://app/fax?id=1"

    def test_a_post_of_nothing(self, server: WebServer, get: Callable[..., Fetched]) -> None:
        get(server.url(), method="post")
        (visit,) = server.visits
        assert visit.headers["content-length"] == "0"
        assert visit.headers["content-type"] == "text/plain; charset=utf-8"

    def test_content_is_of_a_post(self, server: WebServer, get: Callable[..., Fetched]) -> None:
        get(server.url(), content="secret", content_type="text/plain")
        (visit,) = server.visits
        assert visit.body == b""
        assert "content-type" not in visit.headers

    def test_credentials(self, server: WebServer, get: Callable[..., Fetched]) -> None:
        fetched = get(server.url(host="me:pass@127.0.0.1"))
        assert server.visits[0].headers["authorization"] == "Basic bWU6cGFzcw=="
        assert "pass" not in fetched.url

    def test_no_proxy_from_the_environment(
        self, server: WebServer, get: Callable[..., Fetched], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
        assert get(server.url()).size == len(PDF)


class TestHttpErrors:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416, 204, 206, 304, 300, 302])
    def test_permanent(
        self, server: WebServer, refused: Callable[..., FetchError], status: int
    ) -> None:
        body = b"" if status in (204, 304) else b"<html>sorry"
        server.handler = lambda visit: visit.answer(status, body)
        error = refused(server.url())
        assert str(error) == f"could not retrieve file, HTTP response {status}"
        assert (error.status, error.temporary) == (status, False)

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
    def test_temporary(
        self, server: WebServer, refused: Callable[..., FetchError], status: int
    ) -> None:
        server.handler = lambda visit: visit.answer(status, b"busy")
        error = refused(server.url())
        assert str(error) == f"could not retrieve file, HTTP response {status}"
        assert (error.status, error.temporary) == (status, True)


class TestRedirects:
    @pytest.mark.parametrize(
        ("status", "method"),
        [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")],
    )
    def test_within_the_origin(
        self, server: WebServer, get: Callable[..., Fetched], status: int, method: str
    ) -> None:
        server.handlers["/old"] = redirect("/new?x", status)
        url = server.url("/old", host="me:pass@127.0.0.1")
        fetched = get(url, method="post", content="id=1", host="intranet", referer="http://r/")
        assert fetched.url == server.url("/new?x")
        old, new = server.visits
        assert (new.method, new.body) == (method, b"id=1" if method == "POST" else b"")
        for name in ("host", "referer", "authorization"):
            assert new.headers[name] == old.headers[name]

    def test_to_another_host_send_no_secrets(
        self, server: WebServer, get: Callable[..., Fetched]
    ) -> None:
        with WebServer() as other:
            server.handlers["/"] = redirect(other.url("/x", host="localhost"))
            fetched = get(
                server.url(host="me:pass@127.0.0.1"),
                resolver=to_loopback,
                host="intranet",
                referer="http://secret/",
            )
            (visit,) = other.visits
        assert fetched.url == other.url("/x", host="localhost")
        assert visit.headers["host"] == f"localhost:{other.port}"
        assert not {"authorization", "referer"} & set(visit.headers)
        assert "intranet" not in str(visit.headers)

    def test_back_to_the_origin_send_no_secrets(
        self, server: WebServer, get: Callable[..., Fetched]
    ) -> None:
        """The other host must not choose which URL the secrets are sent to."""
        with WebServer(redirect(server.url("/chosen"))) as other:
            server.handlers["/"] = redirect(other.url(host="localhost"))
            url = server.url(host="me:pass@127.0.0.1")
            get(url, referer="http://secret/", resolver=to_loopback)
        headers = server.visits[-1].headers
        assert server.visits[-1].path == "/chosen"
        assert not {"authorization", "referer"} & set(headers)

    def test_do_not_send_a_post_to_another_host(
        self, server: WebServer, refused: Callable[..., FetchError]
    ) -> None:
        with WebServer() as other:
            server.handler = redirect(other.url(), 307)
            error = refused(server.url(), method="post", content="secret")
            assert other.visits == []
        assert "another host" in str(error)
        assert not error.temporary

    @pytest.mark.parametrize("place", ["/für".encode(), "/für".encode("latin-1")])
    def test_with_letters_outside_ascii(
        self, server: WebServer, get: Callable[..., Fetched], place: bytes
    ) -> None:
        server.handlers["/"] = lambda visit: visit.send(
            b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n\r\n"
        )
        assert get(server.url()).url == server.url("/f%C3%BCr")

    def test_to_two_places(self, server: WebServer, get: Callable[..., Fetched]) -> None:
        server.handlers["/"] = lambda visit: visit.send(
            b"HTTP/1.1 302 Found\r\nLocation: /one\r\nLocation: /two\r\n\r\n"
        )
        assert get(server.url()).url == server.url("/one")

    def test_in_a_circle(self, server: WebServer, refused: Callable[..., FetchError]) -> None:
        server.handler = redirect("/")
        error = refused(server.url(), with_(max_redirects=3))
        assert "more than 3 redirects" in str(error)
        assert not error.temporary
        assert len(server.visits) == 4

    def test_can_be_forbidden(self, server: WebServer, refused: Callable[..., FetchError]) -> None:
        server.handlers["/"] = redirect("/next")
        assert "fetch.max_redirects" in str(refused(server.url(), with_(max_redirects=0)))

    @pytest.mark.parametrize(
        ("location", "words"),
        [
            ("file:///etc/passwd", "http://"),
            ("gopher://127.0.0.1/", "http://"),
            ("http://169.254.169.254/latest/meta-data/", "link-local"),
            ("http://[::1]/", "loopback"),
            ("http://[::ffff:10.0.0.1]/", "private"),
            ("http://10.1.2.3/", "private"),
            ("http://0.0.0.0/", "unspecified"),
            ("http://0/", "unspecified"),
            ("http://[::]/", "unspecified"),
            ("http://167772161/", "private"),  # 10.0.0.1 in one number
            ("http://012.1/", "private"),  # … in octal, and short
            ("http://0xa.0x1/", "private"),
            ("http://[64:ff9b::a9fe:a9fe]/", "link-local"),
            ("//[", "malformed"),
        ],
    )
    def test_to_forbidden_addresses(
        self, server: WebServer, refused: Callable[..., FetchError], location: str, words: str
    ) -> None:
        server.handlers["/"] = redirect(location)
        error = refused(server.url())
        assert words in str(error)
        assert not error.temporary

    def test_a_name_is_looked_up_once_a_hop(
        self, server: WebServer, refused: Callable[..., FetchError]
    ) -> None:
        """DNS rebinding: what was checked is what is connected to, and the next hop is new."""
        answers = ["127.0.0.1", "10.0.0.1"]
        asked: list[tuple[str, int]] = []

        def rebinding(host: str, port: int) -> list[Address]:
            asked.append((host, port))
            return [ip_address(answers.pop(0))]

        server.handlers["/"] = redirect("/again")
        error = refused(server.url(host="rebind.example"), resolver=rebinding)
        assert isinstance(error, FetchForbidden)
        assert "10.0.0.1" in str(error)
        assert asked == [("rebind.example", server.port)] * 2
        assert [visit.path for visit in server.visits] == ["/"]


@pytest.mark.parametrize(
    "fields",
    [
        {"referer": "https://a.org/\r\nX-Other: 1"},
        {"host": "a.org\r\nX-Other: 1"},
        {"method": "delete"},
        {"url": "gopher://x/"},
    ],
)
def test_a_stored_request_is_checked_before_it_is_sent(
    tmp_path: Path, server: WebServer, fields: dict[str, str]
) -> None:
    """Else the job would fail with an internal error, again and again."""
    request = FetchRequest.from_dict({"url": server.url("/a.pdf"), **fields})
    with pytest.raises(InvalidFetch):
        fetch(request, tmp_path, LOOPBACK)
    assert server.visits == []
