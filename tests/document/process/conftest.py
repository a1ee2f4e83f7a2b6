"""Documents that pdfium needs minutes to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.document.samples import make_pdf, text_content

SLOW = 120


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    path = tmp_path / "slow.pdf"
    path.write_bytes(make_pdf([text_content()] * SLOW))
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """One page, drawn in one request that takes pdfium minutes.

    A worker that draws it is busy until it is stopped, and no other document is drawn by it before
    that: a document of many pages is drawn in portions, with other documents in between.
    """
    path = tmp_path / "endless.pdf"
    path.write_bytes(make_pdf(["3 w 0 0 m 595 842 l S 595 0 m 0 842 l S\n" * 400_000]))
    return path
