"""Multipart bodies: good ones, broken ones, names of files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.api import multipart
from fsfax.api.envelope import ApiError
from fsfax.cli.sample import sample_pdf
from tests.api.application import Application
from tests.api.bodies import FAX, MULTIPART, faxes, part, parts, refused
from tests.api.conftest import ApplicationFactory


@pytest.fixture(scope="module")
def application(new_application: ApplicationFactory) -> Application:
    return new_application(max_upload=300_000)


repeatedly = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


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
def test_multipart_bodies_that_are_refused(application: Application, body: bytes) -> None:
    before = faxes(application)
    errors = refused(application.client.put("/faxes", content=body, headers=MULTIPART), 400)
    assert "fsfax-upload" not in errors
    assert faxes(application) == before


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=" + "x" * 71, '; boundary="\\']
)
def test_boundaries_that_are_refused(application: Application, boundary: str) -> None:
    kind = {"Content-Type": f"multipart/form-data{boundary}"}
    refused(application.client.put("/faxes", content=b"--x--", headers=kind), 400)


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
def test_any_multipart(application: Application, pieces: list[bytes]) -> None:
    answer = application.client.put("/faxes", content=b"".join(pieces), headers=MULTIPART)
    refused(answer, 400)


@pytest.mark.parametrize(
    ("disposition", "stored"),
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
def test_names_of_files(application: Application, disposition: str, stored: str | None) -> None:
    body = parts(
        part("application/json", FAX.encode()),
        part("application/pdf", sample_pdf(1), f"Content-Disposition: attachment; {disposition}"),
    )
    answer = application.client.put("/faxes", content=body, headers=MULTIPART)
    assert answer.status_code == 201, answer.text
    (document,) = application.store.documents(answer.json()["data"]["id"])
    assert stored is None or document.name == stored
    assert not set(document.name) & set('/\\"<>|`;')
    assert len(document.name.encode()) <= 120


class TestParse:
    """The parser alone, with a body in pieces."""

    def parse(
        self, body: bytes, folder: Path, size: int = 1, max_json: int = 1000
    ) -> tuple[bytes | None, tuple[Path, ...]]:
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        return multipart.parse(pieces, "b", folder, max_json)

    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_parts_in_order(self, tmp_path: Path, size: int) -> None:
        text, files = self.parse(
            parts(
                part("application/pdf", b"%PDF-1", 'Content-Disposition: x; filename="a.pdf"'),
                part("application/json", b'{"a": 1}'),
                part("application/pdf", b"%PDF-2", 'Content-Disposition: x; filename="a.pdf"'),
                part("text/plain", b"a form field"),
            ),
            tmp_path,
            size,
        )
        assert text == b'{"a": 1}'
        assert [file.name for file in files] == ["a.pdf", "a.pdf"]
        assert [file.read_bytes() for file in files] == [b"%PDF-1", b"%PDF-2"]

    @pytest.mark.parametrize("size", [1, 5, 10_000])
    @pytest.mark.parametrize("prefix", [b"", b"data:application/pdf;base64,"])
    def test_base64(self, tmp_path: Path, size: int, prefix: bytes) -> None:
        content = bytes(range(256)) * 5
        coded = prefix + base64.encodebytes(content)
        body = parts(part("application/octet-stream", coded, "Content-Transfer-Encoding: base64"))
        _, (file,) = self.parse(body, tmp_path, size)
        assert file.read_bytes() == content

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (part("application/json", b"{}"), 400),
            (parts(part("application/json", b"x" * 1001)), 413),
            (parts(*[part("application/json", b"{}")] * 2), 400),
            (
                parts(part("application/octet-stream", b"!", "Content-Transfer-Encoding: base64")),
                400,
            ),
        ],
    )
    def test_bodies_that_are_refused(self, tmp_path: Path, body: bytes, code: int) -> None:
        with pytest.raises(ApiError) as caught:
            self.parse(body, tmp_path)
        assert caught.value.status_code == code

    def test_text_that_is_labelled_as_an_image(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        file.write_bytes(b"not found\n")
        multipart.check_label(file, "text/plain")
        for kind in ("application/pdf", "image/tiff"):
            with pytest.raises(ApiError, match="400"):
                multipart.check_label(file, kind)
        file.write_bytes(b"\x00\x01binary")
        multipart.check_label(file, "application/pdf")
