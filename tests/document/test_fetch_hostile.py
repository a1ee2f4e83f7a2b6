"""Servers with endless, broken or slow answers; a full disk, a busy hub, a caller that gives up."""

from __future__ import annotations

import gzip
import itertools
import resource
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.document.fetch import fetch
from fsfax.egress.request import FetchRequest
from fsfax.errors import FetchError
from fsfax.settings import FetchSettings
from tests.egress.web_server import PDF, RawServer, WebServer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SETTINGS = FetchSettings(
    connect=5, read=5, total=20, max_bytes=1_000_000, allow_networks=("127.0.0.0/8",)
)


def with_(**changes: object) -> FetchSettings:
    return FetchSettings(**{**SETTINGS.model_dump(), **changes})


def failure(server: WebServer, into: Path, limits: FetchSettings = SETTINGS) -> FetchError:
    """Fetch, expect an error, and that nothing stays behind."""
    with pytest.raises(FetchError) as caught:
        fetch(FetchRequest(url=server.url()), into, limits)
    assert list(into.iterdir()) == []
    assert caught.value.status is None
    return caught.value


def endless(start: bytes, then: bytes) -> Iterator[bytes]:
    return itertools.chain([start], itertools.repeat(then))


def dripping(start: bytes, then: bytes, pause: float = 0.02) -> Iterator[bytes]:
    yield start
    while True:
        gevent.sleep(pause)
        yield then


ENDLESS = {
    "status line": (endless(b"HTTP/1.1 200 ", b"x" * 1000), "proper HTTP"),
    "header": (endless(OK + b"X: ", b"x" * 1000), "headers are too long"),
    "headers": (endless(OK, b"X: y\r\n" * 100), "headers are too long"),
    "interim answers": (
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
        "no final response",
    ),
    "body": (endless(OK + b"\r\n%PDF-", b"x" * 10_000), "too large"),
    "announced body": ([OK + b"Content-Length: 9999999999\r\n\r\n"], "too large"),
    "chunks": (
        endless(CHUNKED + b"5\r\n%PDF-\r\n", b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
        "large",
    ),
    "chunk": (endless(CHUNKED + b"ffffffffff\r\n%PDF-", b"x" * 10_000), "too large"),
    "chunk extension": (endless(CHUNKED + b"5;", b"x" * 1000), "proper HTTP"),
    "trailer": (endless(CHUNKED + b"5\r\n%PDF-\r\n0\r\n", b"X: y\r\n" * 100), "proper HTTP"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_answers_are_refused(tmp_path: Path, name: str) -> None:
    says, words = ENDLESS[name]
    with RawServer(says) as server:
        error = failure(server, tmp_path)
        assert server.gone.wait(10), "the connection was closed"
    assert words in str(error)
    assert not error.temporary
    assert server.sent < 12_000_000, "it was stopped, not read to some end"


@pytest.mark.parametrize(
    ("says", "temporary"),
    [
        (b"", True),
        (b"HTTP/1.1 2", True),
        (OK + b"Content-Le", True),
        (OK + b"Content-Length: 100\r\n\r\n%PDF-", True),
        (OK + b"Content-Length: 100\r\n\r\n", True),
        (CHUNKED + b"64\r\n%PDF-", True),
        (CHUNKED + b"5\r\n%PDF-\r\n", True),
        (CHUNKED + b"5\r\n%PDF-\r\n0\r\n", True),
        (CHUNKED + b"xyz\r\n%PDF-\r\n", False),
        (OK + b"Content-Length: -5\r\n\r\n", False),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n%PDF-x", False),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n%PDF-", False),
        (OK + b"No colon here\r\n\r\n", False),
        (OK + b"Location: a\x00b\r\n\r\n", False),
        (b"220 mail.example ESMTP\r\n", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"HTTP/1.1 99999 Huge\r\n\r\n", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", False),
    ],
)
def test_broken_answers_are_errors(tmp_path: Path, says: bytes, temporary: bool) -> None:
    with RawServer(says, close=True) as server:
        error = failure(server, tmp_path)
    assert error.temporary is temporary
    assert "closed the connection" in str(error) if temporary else "proper HTTP" in str(error)


@given(says=st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: OK + tail))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answer_is_a_document_or_an_error(tmp_path: Path, says: bytes) -> None:
    with RawServer(says, close=True) as server:
        try:
            fetched = fetch(FetchRequest(url=server.url()), tmp_path, SETTINGS)
        except FetchError:
            return
        fetched.path.unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_reset(tmp_path: Path) -> None:
    def reset(visit: object) -> None:
        visit.send(OK + b"Content-Length: 100000\r\n\r\n%PDF-")  # type: ignore[attr-defined]
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # closed at once, with RST
        visit.socket.setsockopt(1, 13, linger)  # type: ignore[attr-defined]

    with WebServer(reset) as server:
        assert failure(server, tmp_path).temporary


@pytest.mark.parametrize("says", [b"", OK, OK + b"Content-Length: 100\r\n\r\n%PDF-"])
def test_a_silent_server_times_out(tmp_path: Path, says: bytes) -> None:
    with RawServer(says) as server:
        error = failure(server, tmp_path, with_(read=0.1))
        assert server.gone.wait(10)
    assert "timed out after 0.1 s" in str(error)
    assert error.temporary


@pytest.mark.parametrize(
    ("start", "then"),
    [
        (OK, b"X"),
        (OK + b"Content-Length: 90000\r\n\r\n%PDF-", b"x"),
        (CHUNKED + b"5\r\n%PDF-\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_server_that_sends_octet_by_octet_times_out(
    tmp_path: Path, start: bytes, then: bytes
) -> None:
    """Slow enough to last for ever, fast enough never to be silent."""
    with RawServer(dripping(start, then)) as server:
        error = failure(server, tmp_path, with_(read=0.2, total=0.4))
        assert server.gone.wait(10)
    assert "timed out after 0.4 s (fetch.total)" in str(error)
    assert error.temporary


def test_the_total_is_over_all_hops(tmp_path: Path) -> None:
    def slow(visit: object) -> None:
        gevent.sleep(0.15)
        visit.answer(302, b"", Location="/")  # type: ignore[attr-defined]

    with WebServer(slow) as server:
        assert "fetch.total" in str(failure(server, tmp_path, with_(total=0.4, max_redirects=50)))


def bombs() -> Iterable[bytes]:
    bomb = gzip.compress(b"%PDF-" + bytes(50_000_000))
    return [OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb]


def test_a_gzip_bomb_is_refused_at_the_limit(tmp_path: Path) -> None:
    """50 MB in 50 kB: it is refused at the limit, without being in memory or on the disk."""
    with RawServer(bombs()) as server:
        tracemalloc.start()
        try:
            assert "too large" in str(failure(server, tmp_path))
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()


def longest_pause(during: gevent.Greenlet) -> float:
    """Return how long another greenlet had to wait at most, in seconds."""
    longest, last = 0.0, time.perf_counter()
    while not during.ready():
        gevent.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


def test_other_greenlets_run(tmp_path: Path) -> None:
    """Octets in chunks of one, from another thread, so that there is always something to read."""
    chunks = CHUNKED + b"5\r\n%PDF-\r\n" + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"
    with blocking_server(chunks) as url:
        work = gevent.spawn(fetch, FetchRequest(url=url), tmp_path, SETTINGS)
        pause = longest_pause(work)
        assert work.get().size == 60_005
    assert pause < 0.15


@contextmanager
def blocking_server(says: bytes) -> Iterator[str]:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """A worker that is stopped leaves no file and no connection."""
    with RawServer(OK + b"Content-Length: 100\r\n\r\n%PDF-") as server:
        work = gevent.spawn(fetch, FetchRequest(url=server.url()), tmp_path, SETTINGS)
        with gevent.Timeout(10):
            while not any(path.stat().st_size for path in tmp_path.iterdir()):
                gevent.sleep(0.005)
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".")
        assert part.suffix == ".part"
        work.kill()
        assert server.gone.wait(10)
    assert list(tmp_path.iterdir()) == []


def test_a_timeout_of_the_caller_is_raised_unchanged(tmp_path: Path) -> None:
    with RawServer(OK) as server:
        with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(0.1) as own:
            fetch(FetchRequest(url=server.url()), tmp_path, SETTINGS)
        assert caught.value is own
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: the kernel refuses the write alike."""
    import signal

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with WebServer() as server:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, old[1]))
            with pytest.raises(FetchError) as caught:
                fetch(FetchRequest(url=server.url()), tmp_path, SETTINGS)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)
        assert str(tmp_path) in str(caught.value)
        assert "check the free space" in str(caught.value)
        assert caught.value.temporary
        assert list(tmp_path.iterdir()) == []
        assert fetch(FetchRequest(url=server.url()), tmp_path, SETTINGS).size == len(PDF)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with WebServer() as server:
        with pytest.raises(FetchError) as caught:
            fetch(FetchRequest(url=server.url()), tmp_path / "none", SETTINGS)
        assert caught.value.temporary
        assert server.visits == [], "no request was made"


def test_no_file_or_socket_stays_open(tmp_path: Path) -> None:
    with RawServer(OK + b"Content-Length: 100\r\n\r\n%PDF-", close=True) as server:
        failure(server, tmp_path)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            failure(server, tmp_path)
        gevent.idle()
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_many_at_once(tmp_path: Path) -> None:
    with WebServer() as server:
        request = FetchRequest(url=server.url())
        work = [gevent.spawn(fetch, request, tmp_path, SETTINGS) for _ in range(50)]
        gevent.joinall(work, timeout=20, raise_error=True)
        assert len({greenlet.get().path for greenlet in work}) == 50
