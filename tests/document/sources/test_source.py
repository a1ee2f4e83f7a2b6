"""Documents opened by the kind that their bytes say; what is no document is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fsfax.document.limits import Limits
from fsfax.document.sources.image import ImageSource
from fsfax.document.sources.pdf import PdfSource
from fsfax.document.sources.source import open_source
from fsfax.errors import (
    DocumentEmpty,
    DocumentError,
    DocumentNotFound,
    DocumentTooLarge,
    DocumentUnsupported,
)
from tests.document.samples import make_pdf, marked_image

LIMITS = Limits(max_bytes=10_000, max_pages=3, max_pixels=1_000_000)


def image(form: str) -> Callable[[Path], object]:
    return lambda file: marked_image(100, 200).convert("L").save(file, form)


@pytest.mark.parametrize(
    ("write", "kind", "opened_by", "pages"),
    [
        (lambda file: file.write_bytes(make_pdf(["", ""])), "pdf", PdfSource, 2),
        (lambda file: file.write_bytes(b"one\ftwo\fthree"), "text", PdfSource, 3),
        (image("PNG"), "png", ImageSource, 1),
        (image("JPEG"), "jpeg", ImageSource, 1),
        (image("TIFF"), "tiff", ImageSource, 1),
    ],
    ids=["pdf", "text", "png", "jpeg", "tiff"],
)
def test_the_bytes_decide_and_not_the_name(
    tmp_path: Path, write: Callable[[Path], object], kind: str, opened_by: type, pages: int
) -> None:
    file = tmp_path / "document.doc"
    write(file)
    source = open_source(file, Limits(max_bytes=100_000, max_pages=3, max_pixels=1_000_000))
    try:
        assert (source.kind, type(source), len(source.sizes)) == (kind, opened_by, pages)
        assert all(size.width_mm > 0 and size.height_mm > 0 for size in source.sizes)
    finally:
        source.close()


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        (b"", DocumentEmpty, "empty"),
        (b"x" * 10_001, DocumentTooLarge, "too_many_bytes"),
        (b"a\fb\fc\fd", DocumentTooLarge, "too_many_pages"),
        (b"GIF89a\x01\0", DocumentUnsupported, "unsupported"),
    ],
)
def test_contents_that_are_refused(
    tmp_path: Path, content: bytes, error: type[DocumentError], code: str
) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)
    with pytest.raises(error) as caught:
        open_source(file, LIMITS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", "not_found"),
        ("", "is_folder"),
        ("x" * 300, "unreadable"),
        ("pipe", "not_a_file"),
    ],
)
def test_what_is_no_file(tmp_path: Path, name: str, code: str) -> None:
    """A pipe must not be opened: the read would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DocumentNotFound) as caught:
        open_source(tmp_path / name, LIMITS)
    assert caught.value.code == code
