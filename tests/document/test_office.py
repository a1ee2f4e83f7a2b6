"""Office documents: their kind found from their bytes, converted by a confined process."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.document import libreoffice, office
from fsfax.document.kinds import HEAD
from fsfax.document.libreoffice import to_pdf
from fsfax.errors import ConversionFailed, DocumentDamaged, DocumentUnsupported
from fsfax.settings import DocumentSettings

SETTINGS = DocumentSettings()
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
DOCX = office.of_type("application/vnd.openxmlformats-officedocument.wordprocessingml.document")
ODT = office.of_type("application/vnd.oasis.opendocument.text")
assert DOCX
assert ODT


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
        assert office.of_type(kind.media_type) == kind
        assert office.SUFFIXES[kind.media_type] == suffix


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_break_anything(data: bytes, name: str) -> None:
    for start in (b"", b"PK\x03\x04", COMPOUND, archive(mimetype="x")[:38]):
        office.kind_of(start + data, name)


# --- the process, with a test program in place of LibreOffice -------------------------------

Pretend = Callable[[str], None]


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Puts a shell script where LibreOffice is looked for; $OUT is where the PDF belongs."""

    def script(words: str) -> None:
        bin = tmp_path / "bin"
        bin.mkdir(exist_ok=True)
        program = bin / "soffice"
        program.write_text(f'#!/bin/sh\nOUT="$PWD/out/document.pdf"; mkdir -p out\n{words}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")

    return script


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "original-0"
    file.write_bytes(archive(*PACKAGE, "word/document.xml"))
    return file


def convert(document: Path, **settings: object) -> Path:
    return to_pdf(document, document.parent, DOCX, SETTINGS.model_copy(update=settings))


def test_secrets_do_not_reach_it(
    pretend: Pretend, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSFAX_DATABASE", "postgresql://u:hush-hush@host/x")
    pretend('env >"$OUT"')
    assert "hush-hush" not in convert(document).read_text()


@pytest.mark.parametrize("words", ["exit 0", "exit 1", ': >"$OUT"'])
def test_a_document_of_which_nothing_comes(pretend: Pretend, document: Path, words: str) -> None:
    pretend(words)
    with pytest.raises(DocumentDamaged, match="LibreOffice cannot read a Word document"):
        convert(document)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_other_greenlets_run_meanwhile(pretend: Pretend, document: Path) -> None:
    """The program waits for a file that only another greenlet makes."""
    pretend('while ! [ -e go ]; do sleep 0.01; done; echo "%PDF-1.4" >"$OUT"')
    place = document.parent / "office-original-0"

    def let_go() -> None:
        while not place.is_dir():
            gevent.sleep(0.01)
        (place / "go").touch()

    other = gevent.spawn(let_go)
    assert convert(document, timeout=60.0).is_file()
    other.join()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="util-linux has prlimit")
def test_it_has_limits(pretend: Pretend, document: Path) -> None:
    pretend('{ ulimit -d; ulimit -t; ulimit -c; } >"$OUT"')
    limits = convert(document, memory=1 << 30, timeout=77.0).read_text().split()
    assert limits == [str((1 << 30) // 1024), "77", "0"]


def test_it_has_no_network(pretend: Pretend, document: Path) -> None:
    if not libreoffice._isolation_command():
        pytest.skip("this system forbids unshare(1)")
    pretend('cat /proc/net/dev >"$OUT"')
    devices = convert(document).read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_where_it_is_not_installed_or_not_wanted(
    document: Path, monkeypatch: pytest.MonkeyPatch, pretend: Pretend
) -> None:
    pretend('echo "%PDF-1.4" >"$OUT"')
    assert office.installed(SETTINGS)
    assert not office.installed(DocumentSettings(office=False))
    with pytest.raises(DocumentUnsupported, match="save it as PDF"):
        convert(document, office=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert not office.installed(SETTINGS)
    with pytest.raises(DocumentUnsupported, match="not installed on the machine of this worker"):
        convert(document)


# --- LibreOffice itself ---------------------------------------------------------------------


needs_libreoffice = pytest.mark.skipif(
    office.program() is None, reason="LibreOffice is not installed (libreoffice-writer-nogui)"
)

_FLAT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3">
<office:body><office:text><text:p>Hello from an office.</text:p></office:text></office:body>
</office:document-content>"""
_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
 manifest:version="1.3">
<manifest:file-entry manifest:full-path="/"
 manifest:media-type="application/vnd.oasis.opendocument.text"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>"""


def odt() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        made.writestr("content.xml", _FLAT)
        made.writestr("META-INF/manifest.xml", _MANIFEST)
    return target.getvalue()


@needs_libreoffice
def test_a_real_document(tmp_path: Path) -> None:
    source = tmp_path / "original-0"
    source.write_bytes(odt())
    made = to_pdf(source, tmp_path, ODT, SETTINGS)
    assert made.read_bytes().startswith(b"%PDF-")


@needs_libreoffice
def test_a_real_document_that_is_damaged(tmp_path: Path) -> None:
    source = tmp_path / "original-0"
    source.write_bytes(odt()[:200])
    with pytest.raises((DocumentDamaged, ConversionFailed)):
        to_pdf(source, tmp_path, ODT, SETTINGS)
