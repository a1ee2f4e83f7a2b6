"""Bodies of requests: JSON and raw documents."""

from __future__ import annotations

import io
import json
from pathlib import Path

import falcon
import gevent
import pytest
from falcon import testing

from fsfax.api.bodies import LimitedReader, receive
from fsfax.api.envelope import ApiError
from tests.api.application import Application
from tests.api.bodies import TO, faxes, refused
from tests.api.conftest import ApplicationFactory


@pytest.fixture(scope="module")
def application(new_application: ApplicationFactory) -> Application:
    return new_application(max_upload=300_000)


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
def test_json_that_is_refused(application: Application, body: bytes) -> None:
    before = faxes(application)
    kind = {"Content-Type": "application/json"}
    refused(application.client.put("/faxes", content=body, headers=kind), 400, 413)
    assert faxes(application) == before


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 3000, b"PK\x03\x04" + bytes(100), b"not found\n", b"JVBERi0xLjcK"]
)
@pytest.mark.parametrize("kind", ["application/pdf", "image/tiff"])
def test_raw_documents_that_are_refused(
    application: Application, kind: str, content: bytes
) -> None:
    answer = application.client.put(
        "/faxes",
        params={"to_number": TO, "from_number": "1"},
        content=content,
        headers={"Content-Type": kind},
    )
    assert "fsfax-upload" not in refused(answer, 400)


class TestLimitedReader:
    def test_the_limit_is_the_last_byte_that_is_read(self) -> None:
        with LimitedReader(io.BytesIO(b"abc"), 3, 5.0) as body:
            assert (body.read(2), body.read(), body.read()) == (b"ab", b"c", b"")
        with LimitedReader(io.BytesIO(b"abcd"), 3, 5.0) as body, pytest.raises(ApiError) as caught:
            body.read()
        assert caught.value.status_code == 413

    def test_a_lost_connection(self) -> None:
        class Lost:
            def read(self, size: int = -1, /) -> bytes:
                raise ConnectionResetError

        with LimitedReader(Lost(), 3, 5.0) as body, pytest.raises(ApiError) as caught:
            body.read()
        assert caught.value.status_code == 400
        assert "connection was lost" in str(caught.value.data)

    def test_a_body_that_takes_too_long(self) -> None:
        class Slow:
            def read(self, size: int = -1, /) -> bytes:
                gevent.sleep(5)
                return b""

        with pytest.raises(ApiError) as caught, LimitedReader(Slow(), 3, 0.01) as body:
            body.read()
        assert caught.value.status_code == 408


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_json_under_any_label(application: Application, kind: str) -> None:
    data = {"to_number": TO, "from_number": "1", "document": {"url": "https://example.org/a"}}
    answer = application.client.put(
        "/faxes", content=json.dumps({"data": data}), headers={"Content-Type": kind} if kind else {}
    )
    assert answer.status_code == 201, answer.text


def test_another_media_type(application: Application) -> None:
    kind = {"Content-Type": "application/msword"}
    answer = application.client.put("/faxes", content=b"{}", headers=kind)
    assert "application/msword is not accepted" in refused(answer, 415)


def test_the_files_are_deleted_after_the_request(application: Application, tmp_path: Path) -> None:
    environ = testing.create_environ(
        method="PUT", headers={"Content-Type": "application/pdf"}, body="%PDF-1.4"
    )
    with receive(falcon.Request(environ), limit=100, seconds=5.0) as body:
        (file,) = body.files
        assert body.json is None
        assert file.read_bytes() == b"%PDF-1.4"
    assert not file.parent.exists()
