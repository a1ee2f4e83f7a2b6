"""One converter for all tests of documents, a function that converts with it, and documents."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from fsfax.document import Converter
from fsfax.settings import DocumentSettings
from tests.document.pels import Pels, pels
from tests.document.samples import make_pdf, text_content


@pytest.fixture(scope="session")
def converter() -> Iterator[Converter]:
    settings = DocumentSettings(
        workers=2, max_pages=60, max_bytes=20_000_000, max_pixels=30_000_000, timeout=20
    )
    with Converter(settings) as converter:
        yield converter


@pytest.fixture
def fax(converter: Converter, tmp_path: Path) -> Callable[..., list[Pels]]:
    """Convert bytes or an image and return the pels of the fax pages."""
    count = 0

    def run(document: bytes | Image.Image, name: str = "document", **options: object) -> list[Pels]:
        nonlocal count
        count += 1
        source, target = tmp_path / f"{count}-{name}", tmp_path / f"{count}.tif"
        if isinstance(document, Image.Image):
            buffer = io.BytesIO()
            document.save(buffer, "PNG")
            document = buffer.getvalue()
        source.write_bytes(document)
        converter.convert(source, target, **options)  # type: ignore[arg-type]
        return pels(target)

    return run


@pytest.fixture
def tiff(converter, tmp_path):
    source, target = tmp_path / "in.pdf", tmp_path / "fax.tif"
    source.write_bytes(make_pdf([text_content(), "", text_content(9)]))
    converter.convert(source, target)
    return target


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.pdf"
    path.write_bytes(make_pdf([text_content(5)]))
    return path
