"""The task ``inspect``: what a worker reports about a document of each kind."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pypdf
import pytest

from fsfax.document.limits import Limits
from fsfax.document.process.inspect_task import inspect_document
from fsfax.errors import DocumentEncrypted, DocumentNotFound, DocumentTooLarge
from tests.document.samples import make_pdf, marked_image

LIMITS = Limits(max_bytes=1_000_000, max_pages=3, max_pixels=1_000_000)


def written(path: Path, **encryption: str) -> Path:
    writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(make_pdf([""], (612, 792)))))
    writer.add_metadata({"/Title": "A\x07 letter" + "x" * 300, "/Producer": "a test"})
    if encryption:
        writer.encrypt(**encryption)
    writer.write(path)
    return path


def test_a_pdf_has_sizes_title_and_software(tmp_path: Path) -> None:
    found = inspect_document(written(tmp_path / "a.pdf"), LIMITS)
    (page,) = found.pop("pages")
    assert page == {"width_mm": pytest.approx(215.9), "height_mm": pytest.approx(279.4)}
    assert found == {
        "kind": "pdf",
        "encrypted": "no",
        "title": "A letter" + "x" * 191,  # 200 characters, of which one cannot be printed
        "software": "a test",
        "form_fields": 0,
    }


def test_the_fields_of_a_form_are_counted(tmp_path: Path) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[100 700 300 720]>>"
    form = "/AcroForm<</Fields[4 0 R]>>"
    file = tmp_path / "form.pdf"
    file.write_bytes(make_pdf([""], page="/Annots[4 0 R]", root=form, more=[field]))
    assert inspect_document(file, LIMITS)["form_fields"] == 1


def test_encryption_is_reported(tmp_path: Path) -> None:
    by_owner = written(tmp_path / "1", user_password="", owner_password="o", algorithm="RC4-128")
    found = inspect_document(by_owner, LIMITS)
    assert (found["encrypted"], len(found["pages"])) == ("owner", 1)
    by_user = written(tmp_path / "2", user_password="u", owner_password="o", algorithm="RC4-128")
    with pytest.raises(DocumentEncrypted):
        inspect_document(by_user, LIMITS)


def test_a_pdf_that_only_pdfium_can_read_has_its_pages_and_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "odd.pdf"
    file.write_bytes(make_pdf([""]).replace(b"/Root 1 0 R", b"/Root 1 0 R/Info 7"))
    found = inspect_document(file, LIMITS)
    assert found.keys() == {"kind", "pages", "problems"}
    assert len(found["pages"]) == 1
    assert "pypdf cannot read this PDF (PdfReadError: " in found["problems"][0]


def test_an_image_has_its_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    marked_image(1000, 500).save(file, dpi=(100, 100))
    found = inspect_document(file, LIMITS)
    assert found["kind"] == "png"
    (page,) = found["pages"]
    assert page == {
        "width_mm": pytest.approx(254, abs=0.1),
        "height_mm": pytest.approx(127, abs=0.1),
        "width": 1000,
        "height": 500,
        "compression": "PNG L",
    }


def test_a_text_has_the_pages_of_its_layout(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\ftwo")
    found = inspect_document(file, LIMITS)
    assert (found["kind"], len(found["pages"])) == ("text", 2)
    assert found.keys() == {"kind", "pages"}
    assert json.loads(json.dumps(found)) == found


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentNotFound):
        inspect_document(tmp_path / "missing", LIMITS)
    file = tmp_path / "long.pdf"
    file.write_bytes(make_pdf([""] * 4))
    with pytest.raises(DocumentTooLarge, match="4 pages"):
        inspect_document(file, LIMITS)
