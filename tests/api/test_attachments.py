"""Documents of faxes: formats, ranges, caches, pictures of pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.document import inspect
from tests.api.application import Application
from tests.api.service import problem


@pytest.fixture(scope="module")
def path(application: Application, letter: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"/faxes/outbox/{application.sent(letter, tmp_path_factory.mktemp('fax'))}"


class TestAttachment:
    @pytest.mark.parametrize(
        ("query", "accept", "kind"),
        [
            ("", "*/*", "application/pdf"),
            ("", "application/pdf", "application/pdf"),
            ("", "image/tiff", "image/tiff"),
            ("", "image/tiff;q=0.5, application/pdf", "application/pdf"),
            ("?format=tiff", "application/pdf", "image/tiff"),
            ("?format=pdf", "*/*", "application/pdf"),
            ("?format=original", "*/*", "application/pdf"),
            ("?accept=image/tiff", "*/*", "image/tiff"),
        ],
    )
    def test_formats(
        self,
        application: Application,
        path: str,
        query: str,
        accept: str,
        kind: str,
        tmp_path: Path,
    ) -> None:
        url = f"{path}/attachment{query}"
        answer = application.client.get(url, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        file = tmp_path / "fax"
        file.write_bytes(answer.content)
        assert len(inspect(file).pages) == 2

    def test_the_original_has_the_bytes_that_were_uploaded(
        self, application: Application, path: str, letter: Path
    ) -> None:
        answer = application.client.get(f"{path}/attachment?format=original&disposition=inline")
        assert answer.content == letter.read_bytes()
        assert answer.headers["Content-Disposition"].startswith("inline; ")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_format_that_is_not_available(self, application: Application, path: str) -> None:
        url = f"{path}/attachment"
        problem(application.client.get(url, headers={"Accept": "application/json"}), 406)
        problem(application.client.get(f"{url}?format=gif"), 400)

    def test_ranges(self, application: Application, path: str) -> None:
        url = f"{path}/attachment?format=tiff"
        whole = application.client.get(url).content
        for given, part in (
            ("bytes=0-99", whole[:100]),
            ("bytes=100-", whole[100:]),
            ("bytes=-7", whole[-7:]),
            (f"bytes=5-{len(whole) * 2}", whole[5:]),
        ):
            answer = application.client.get(url, headers={"Range": given})
            assert (answer.status_code, answer.content) == (206, part), given
        beyond = application.client.get(url, headers={"Range": f"bytes={len(whole)}-"})
        problem(beyond, 416)
        assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"

    def test_a_client_that_has_the_document_gets_304(
        self, application: Application, path: str
    ) -> None:
        url = f"{path}/attachment"
        etag = application.client.get(url).headers["ETag"]
        answer = application.client.get(url, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content) == (304, b"")

    def test_pictures_of_pages(self, application: Application, path: str) -> None:
        for number in (1, 2):
            answer = application.client.get(f"{path}/pages/{number}?width=200")
            assert answer.content[:8] == b"\x89PNG\r\n\x1a\n"
        problem(application.client.get(f"{path}/pages/3"), 404)
        problem(application.client.get(f"{path}/pages/0"), 404)
        problem(application.client.get(f"{path}/pages/1?width=1"), 400)
