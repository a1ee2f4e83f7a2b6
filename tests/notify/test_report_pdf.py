"""The transmission report as a PDF."""

from __future__ import annotations

from pathlib import Path

import pypdf
import pytest

from fsfax.notify.report_pdf import report_pdf
from tests.jobs.results import DELIVERED, TROUBLE
from tests.notify.faxes import an_attempt, mail_of
from tests.notify.mailbox import parts


def test_the_report_is_attached_as_a_pdf(tmp_path: Path) -> None:
    mail = mail_of(attempts=(an_attempt(1, TROUBLE), an_attempt(2, DELIVERED)))
    file = tmp_path / "report.pdf"
    file.write_bytes(parts(mail)["fax-20261123-1300-15550100-report.pdf"])
    (page,) = pypdf.PdfReader(file, strict=True).pages
    text = page.extract_text()
    assert "TRANSMISSION REPORT" in text
    assert "Attempt 2:" in text
    assert "14400 bit/s" in text


def test_a_long_report_continues_on_the_next_page(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(report_pdf("\n".join(f"Zeile {n} äöü€ (\\) {'x' * 100}" for n in range(50))))
    pages = pypdf.PdfReader(file, strict=True).pages
    assert len(pages) == 2
    text = "\n".join(page.extract_text() for page in pages)
    assert all(f"Zeile {n} äöü€ (\\)" in text for n in range(50))


def test_the_font_is_courier(tmp_path: Path) -> None:
    """Readers have the 14 standard fonts by these names (ISO 32000-1, 9.6.2.2)."""
    file = tmp_path / "report.pdf"
    file.write_bytes(report_pdf("a line"))
    (page,) = pypdf.PdfReader(file, strict=True).pages
    font = page["/Resources"]["/Font"]["/F1"]  # type: ignore[index]
    assert (font["/Subtype"], font["/BaseFont"]) == ("/Type1", "/Courier")
    assert font["/Encoding"] == "/WinAnsiEncoding"


@pytest.mark.parametrize(("lines", "pages"), [(0, 1), (1, 1), (54, 1), (55, 2), (100_000, 20)])
def test_a_page_has_54_lines_and_a_report_at_most_20_pages(
    tmp_path: Path, lines: int, pages: int
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(report_pdf("x\n" * lines))
    assert len(pypdf.PdfReader(file, strict=True).pages) == pages


def test_a_letter_that_the_font_lacks_becomes_a_question_mark(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(report_pdf("Łódź ½ €"))
    (page,) = pypdf.PdfReader(file, strict=True).pages
    assert page.extract_text().strip() == "?ód? ½ €"
