"""``fsfax convert``: documents to TIFF-F and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.document import inspect
from tests.cli.commands import Run, lines
from tests.forked_command import run_fsfax


def test_a_document_becomes_a_fax_and_a_fax_pdf_and_png(letter: Path, tmp_path: Path) -> None:
    fax, pdf, png = tmp_path / "a.tif", tmp_path / "b.pdf", tmp_path / "c.png"
    done = run_fsfax("convert", letter, fax, "--resolution", "standard", "--json")
    assert lines(done)[0]["pages"] == 2
    assert {page.resolution for page in inspect(fax).pages} == {"standard"}
    assert lines(run_fsfax("convert", fax, pdf, "--json"))[0]["pages"] == 2
    assert run_fsfax("convert", fax, png, "--page", "2").returncode == 0
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        ("letter.pdf", "out.doc", exits.USAGE),
        ("letter.pdf", "out.pdf", exits.DOCUMENT),
        ("missing.tif", "out.png", exits.DOCUMENT),
    ],
)
def test_what_cannot_be_converted(
    run: Run, letter: Path, source: str, target: str, code: int
) -> None:
    run("convert", str(letter.parent / source), str(letter.parent / target), code=code)
    assert not (letter.parent / target).exists()
