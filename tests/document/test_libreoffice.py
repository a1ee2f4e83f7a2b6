"""Office documents to PDF: by a script in LibreOffice's place, and by LibreOffice if installed."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from fsfax.document import libreoffice, office
from fsfax.document.inspection import inspect
from fsfax.errors import ConversionFailed, DocumentDamaged, DocumentError, DocumentUnsupported
from fsfax.settings import DocumentSettings
from tests.document.samples import make_pdf, text_content

RTF = b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\f0 The quick brown fox.\\par\\page The second page.}"
KIND = office.OfficeKind("application/rtf", ".rtf", "a Rich Text document")
ODT = office.OfficeKind("application/vnd.oasis.opendocument.text", ".odt", "an OpenDocument text")
QUICK = DocumentSettings(timeout=0.7)

Fake = Callable[[str], None]


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a shell script in LibreOffice's place; OUT is the PDF it should make, IN the document."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "good.pdf").write_bytes(make_pdf([text_content()]))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(script: str) -> None:
        program = folder / "soffice"
        head = (
            "#!/bin/sh\n"
            f"NOTES={tmp_path} GOOD={tmp_path}/good.pdf\n"
            'while [ "$1" != --outdir ]; do shift; done\n'
            'OUT="$2/document.pdf" IN="$3"\nmkdir -p "$2"\n'
        )
        program.write_text(head + script)
        program.chmod(0o755)

    return write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "original-1"
    file.write_bytes(RTF)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_only_the_pdf_remains(fake: Fake, source: Path, folder: Path) -> None:
    fake('cp "$GOOD" "$OUT"; touch "$HOME/more"; env > "$NOTES/env"; cp "$IN" "$NOTES/seen"')
    made = libreoffice.to_pdf(source, folder, KIND, DocumentSettings())
    assert len(inspect(made).pages) == 1
    assert list(folder.iterdir()) == [made]
    notes = source.parent
    assert (notes / "seen").read_bytes() == RTF
    # Nothing of fsfax's environment: no password of a database, no token.
    names = {line.partition("=")[0] for line in (notes / "env").read_text().splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "SAL_USE_VCLPLUGIN", "PWD", "_", "OLDPWD"}


BAD = [
    ("sleep 1000", ConversionFailed, "took more than 1 s"),
    ("trap '' TERM INT HUP; while :; do sleep 1; done", ConversionFailed, "took more than"),
    ("kill -SEGV $$; sleep 1000", ConversionFailed, "LibreOffice"),
    ("sh -c 'kill -SEGV $$'", ConversionFailed, "crashed while it converted"),
    ("exit 0", DocumentDamaged, "cannot read a Rich Text document"),
    ("exit 1", DocumentDamaged, "cannot read a Rich Text document"),
    ("echo 'source file could not be loaded' >&2; exit 1", DocumentDamaged, "cannot read"),
    (': > "$OUT"', DocumentDamaged, "cannot read"),
    ('cp "$GOOD" "$OUT"; exit 3', DocumentDamaged, "cannot read"),
    ('cp "$GOOD" "$OUT"; sh -c "kill -KILL \\$\\$"; exit $?', ConversionFailed, "crashed"),
    ('ln -s "$GOOD" "$OUT"', DocumentDamaged, "cannot read"),
    ('mkdir "$OUT"; touch "$OUT/x"', DocumentDamaged, "cannot read"),
    # By a signal, or, where it is the first process of a namespace, by an error of write(2).
    ('exec cat /dev/zero > "$OUT"', DocumentError, "LibreOffice"),
    ("exec cat /dev/zero", DocumentError, "LibreOffice"),
]


@pytest.mark.parametrize(("script", "error", "words"), BAD, ids=[script for script, _, _ in BAD])
def test_failures_name_the_cause_and_leave_nothing(
    fake: Fake,
    source: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    error: type[DocumentError],
    words: str,
) -> None:
    monkeypatch.setattr(libreoffice, "_LARGEST_PDF", 1_000_000)
    fake(script)
    with pytest.raises(error, match=words):
        libreoffice.to_pdf(source, folder, KIND, QUICK)
    assert list(folder.iterdir()) == []
    assert source.read_bytes() == RTF


@pytest.mark.parametrize("end", ["sleep 1000", 'cp "$GOOD" "$OUT"', "exit 1", "kill -SEGV $$"])
def test_no_process_remains(fake: Fake, source: Path, folder: Path, end: str) -> None:
    # The second child leaves the process group: a signal to the group does not reach it.
    fake(f"sh -c 'sleep 1111.$PPID' & setsid sleep 2222.{os.getpid()} & sleep 0.2; {end}")
    before = sleepers()
    try:
        libreoffice.to_pdf(source, folder, KIND, QUICK)
    except DocumentError:
        assert "GOOD" not in end
    gevent.sleep(0.05)
    remaining = sleepers() - before
    if not libreoffice._isolation_command():
        remaining = {pid for pid in remaining if b"2222." not in command(pid)}
    assert not remaining


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def sleepers() -> set[int]:
    pids = {int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()}
    marks = (b"1111.", b"2222.%d" % os.getpid())
    return {pid for pid in pids if any(mark in command(pid) for mark in marks) and is_running(pid)}


def test_killing_the_greenlet_ends_its_process(fake: Fake, source: Path, folder: Path) -> None:
    fake("echo $$ > $NOTES/begun; sleep 1000")
    waiting = gevent.spawn(libreoffice.to_pdf, source, folder, KIND, DocumentSettings())
    while not (source.parent / "begun").exists():
        gevent.sleep(0.01)
    waiting.kill()
    assert waiting.ready()
    assert list(folder.iterdir()) == []


def converted(source: Path, folder: Path, **settings: object) -> str:
    limits = DocumentSettings().model_copy(update=settings)
    return libreoffice.to_pdf(source, folder, KIND, limits).read_text()


def test_no_secret_of_the_environment_reaches_libreoffice(
    fake: Fake, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSFAX_DATABASE", "postgresql://u:hush-hush@host/x")
    fake('env >"$OUT"')
    assert "hush-hush" not in converted(source, folder)


def test_other_greenlets_run_during_a_conversion(fake: Fake, source: Path, folder: Path) -> None:
    """The program waits for a file that only another greenlet makes."""
    fake('while ! [ -e go ]; do sleep 0.01; done; echo "%PDF-1.4" >"$OUT"')
    place = folder / "office-original-1"

    def let_go() -> None:
        while not place.is_dir():
            gevent.sleep(0.01)
        (place / "go").touch()

    other = gevent.spawn(let_go)
    assert converted(source, folder, timeout=60.0) == "%PDF-1.4\n"
    other.join()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="util-linux has prlimit")
def test_memory_processor_time_and_core_files_are_limited(
    fake: Fake, source: Path, folder: Path
) -> None:
    fake('{ ulimit -d; ulimit -t; ulimit -c; } >"$OUT"')
    limits = converted(source, folder, memory=1 << 30, timeout=77.0).split()
    assert limits == [str((1 << 30) // 1024), "77", "0"]


def test_libreoffice_has_no_network(fake: Fake, source: Path, folder: Path) -> None:
    if not libreoffice._isolation_command():
        pytest.skip("this system forbids unshare(1)")
    fake('cat /proc/net/dev >"$OUT"')
    devices = converted(source, folder).splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_settings_can_forbid_libreoffice(fake: Fake, source: Path, folder: Path) -> None:
    fake('echo "%PDF-1.4" >"$OUT"')
    with pytest.raises(DocumentUnsupported, match="save it as PDF"):
        converted(source, folder, office=False)


def test_libreoffice_is_not_installed(
    source: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DocumentUnsupported, match="not installed on the machine of this worker"):
        libreoffice.to_pdf(source, folder, KIND, DocumentSettings())


real = pytest.mark.skipif(
    office.soffice_path() is None, reason="LibreOffice is not installed: libreoffice-writer-nogui"
)


def open_document(body: str) -> bytes:
    target = io.BytesIO()
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "script")
    )
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content{names} office:version="1.2">'
            f"<office:body><office:text>{body}</office:text></office:body>"
            "</office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest'
            ' xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/"'
            ' manifest:media-type="application/vnd.oasis.opendocument.text"/>'
            '<manifest:file-entry manifest:full-path="content.xml"'
            ' manifest:media-type="text/xml"/></manifest:manifest>',
        )
    return target.getvalue()


@real
class TestRealLibreOffice:
    def test_rich_text(self, source: Path, folder: Path) -> None:
        made = libreoffice.to_pdf(source, folder, KIND, DocumentSettings())
        assert len(inspect(made).pages) == 2
        assert list(folder.iterdir()) == [made]

    def test_an_opendocument_text(self, tmp_path: Path, folder: Path) -> None:
        source = tmp_path / "original-1"
        source.write_bytes(open_document("<text:p>Hello</text:p>"))
        kind = office.kind_of(source.read_bytes()[:4096], "letter.odt")
        assert kind
        assert kind.suffix == ".odt"
        made = libreoffice.to_pdf(source, folder, kind, DocumentSettings())
        assert len(inspect(made).pages) == 1

    def test_a_document_that_cannot_be_read(self, tmp_path: Path, folder: Path) -> None:
        source = tmp_path / "original-1"
        source.write_bytes(open_document("<text:p>")[:-300])
        kind = office.kind_of(source.read_bytes()[:4096])
        assert kind
        with pytest.raises(DocumentDamaged, match="cannot read an OpenDocument text"):
            libreoffice.to_pdf(source, folder, kind, DocumentSettings())
        assert list(folder.iterdir()) == []

    def test_a_document_cut_short(self, tmp_path: Path, folder: Path) -> None:
        source = tmp_path / "original-1"
        source.write_bytes(open_document("<text:p>Hello</text:p>")[:200])
        with pytest.raises((DocumentDamaged, ConversionFailed)):
            libreoffice.to_pdf(source, folder, ODT, DocumentSettings())
