"""The sample letter of the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli.sample import sample_pdf
from fsfax.document import inspect


@pytest.mark.parametrize("pages", [1, 3, 12])
def test_it_is_a_pdf_of_so_many_pages(pages: int, tmp_path: Path) -> None:
    file = tmp_path / "sample.pdf"
    file.write_bytes(sample_pdf(pages))
    found = inspect(file)
    assert (found.kind, len(found.pages), found.problems) == ("pdf", pages, ())
    assert {(round(page.width_mm), round(page.height_mm)) for page in found.pages} == {(210, 297)}


def test_each_page_has_its_number() -> None:
    text = sample_pdf(2)
    assert b"(Sample letter, page 1)" in text
    assert b"(2 / 2)" in text


def test_the_bytes_are_always_the_same() -> None:
    assert sample_pdf() == sample_pdf(3)
