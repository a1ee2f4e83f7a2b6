"""``fsfax inspect``: what a document contains, and its time on the line."""

from __future__ import annotations

from pathlib import Path

from fsfax.cli import exits
from fsfax.testing import sample_tiff
from tests.cli.commands import Run, lines


def test_a_fax(run: Run, tmp_path: Path) -> None:
    fax = str(sample_tiff(tmp_path / "a.tif", 2))
    (found,) = lines(run("inspect", fax))
    assert found["fax"] is True
    assert len(found["pages"]) == 2
    assert found["seconds_on_line"]["9600"] > found["seconds_on_line"]["14400"] > 5
    words = run("inspect", fax, "--no-json").stdout
    assert "page 2: 215 x 285 mm, 1728 x 2200 pels, 204 x 196 dpi, fine, MMR" in words
    assert "on the line at 14400 bit/s: about" in words


def test_a_document_that_is_not_a_fax(run: Run, letter: Path) -> None:
    words = run("inspect", str(letter), "--no-json").stdout
    assert "letter.pdf: pdf, 2 pages" in words
    assert "on the line" not in words


def test_a_missing_file(run: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pdf")
    assert "missing.pdf" in run("inspect", missing, code=exits.DOCUMENT).stderr
