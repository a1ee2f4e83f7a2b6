"""Bodies of requests: JSON and raw documents."""

from __future__ import annotations

import pytest

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
