"""The kinds of office documents, found from their bytes; whether LibreOffice is there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.document import office
from fsfax.document.kinds import HEAD
from fsfax.settings import DocumentSettings

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def archive(*names: str, mimetype: str = "") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        if mimetype:
            made.writestr("mimetype", mimetype)
        for name in names:
            made.writestr(name, "x" * 100)
    return target.getvalue()


PACKAGE = ("[Content_Types].xml", "_rels/.rels")
KINDS = [
    (archive(mimetype="application/vnd.oasis.opendocument.text"), "", ".odt"),
    (archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "a.odt", ".ods"),
    (archive(*PACKAGE, "word/document.xml"), "", ".docx"),
    (archive(*PACKAGE, "xl/workbook.xml"), "a.bin", ".xlsx"),
    (archive(*PACKAGE, "docProps/app.xml"), "talk.PPTX", ".pptx"),
    (archive("_rels/.rels", "word/document.xml"), "", ".docx"),  # as LibreOffice writes it
    (COMPOUND, "old.doc", ".doc"),
    (COMPOUND, "OLD.XLS", ".xls"),
    (b"{\\rtf1 hello}", "", ".rtf"),
    # none
    (COMPOUND, "setup.msi", None),
    (COMPOUND, "", None),
    (archive("a.txt"), "a.zip", None),
    (archive("word/document.xml"), "a.docx", None),
    (archive(mimetype="application/epub+zip"), "a.odt", None),
    (archive(*PACKAGE, "docProps/app.xml"), "", None),
    (b"%PDF-1.4", "a.docx", None),
    (b"hello", "a.rtf", None),
    (b"", "a.docx", None),
]


@pytest.mark.parametrize(("data", "name", "suffix"), KINDS)
def test_kinds_are_found_from_their_bytes(data: bytes, name: str, suffix: str | None) -> None:
    kind = office.kind_of(data[:HEAD], name)
    assert (kind and kind.suffix) == suffix
    if kind:
        assert office.kind_of_media_type(kind.media_type) == kind
        assert office.SUFFIXES[kind.media_type] == suffix


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_have_a_kind_or_none(data: bytes, name: str) -> None:
    for start in (b"", b"PK\x03\x04", COMPOUND, archive(mimetype="x")[:38]):
        office.kind_of(start + data, name)


def test_a_kind_is_looked_up_by_its_media_type() -> None:
    docx = office.kind_of_media_type(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    )
    assert docx == office.OfficeKind(docx.media_type, ".docx", "a Word document")
    assert office.kind_of_media_type("application/pdf") is None


def test_libreoffice_is_searched_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert office.soffice_path() is None
    assert not office.available(DocumentSettings())
    for name in ("libreoffice", "soffice"):  # the second is preferred
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert office.soffice_path() == str(tmp_path / name)
    assert office.available(DocumentSettings())
    assert not office.available(DocumentSettings(office=False))
