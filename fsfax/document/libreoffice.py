"""LibreOffice: an office document in, a PDF out, by a process that may do nothing else.

    soffice --headless --convert-to pdf document.docx

A document of somebody else's meets a million lines of C++. So each conversion has a process group
of its own, a fresh profile that forbids macros, links and scripts, limits of memory, processor
time and file size (`prlimit`), and, where the system lets us, no network at all and a process
namespace that its children cannot leave (`unshare`); all of it is killed when its time is over,
and nothing but the PDF stays on the disk. LibreOffice keeps one process for each profile: with a
profile of its own no conversion waits for, or shares, another one's.

The waiting greenlet polls the process. That works in every hub, and in a plain thread: gevent's
own ``wait`` needs child watchers, which only the main hub has.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.subprocess
from gevent.monkey import is_module_patched

from fsfax.document import office
from fsfax.errors import ConversionFailed, DocumentDamaged, DocumentUnsupported
from fsfax.log import get_logger
from fsfax.settings import DocumentSettings

_log = get_logger(__name__)

_LOOK = 0.05
_LARGEST_PDF = 512 * 1024 * 1024

_SETTINGS = {
    # Path, name and value: no macro, not even a signed one; nothing linked is fetched.
    ("Common/Security/Scripting", "MacroSecurityLevel"): "3",
    ("Common/Security/Scripting", "DisableMacrosExecution"): "true",
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks"): "true",
    ("Common/Security/Scripting", "DisableActiveContent"): "true",
    ("Writer/Content/Update", "Link"): "0",
    ("Calc/Content/Update", "Link"): "2",
}

_APART = ("--net", "--pid", "--fork", "--kill-child", "--")
_WAYS_APART = (
    ("unshare", *_APART),
    ("unshare", "--user", "--map-current-user", *_APART),
)
_LAST_WORDS = 4096


def to_pdf(source: Path, folder: Path, kind: office.OfficeKind, settings: DocumentSettings) -> Path:
    """Make a PDF of an office document; return its path, in ``folder``.

    The calling greenlet waits; others run.

    Raises:
        DocumentUnsupported: LibreOffice is not installed, or the settings forbid it.
        DocumentDamaged: it cannot make a PDF of this.
        ConversionFailed: it took too long, or broke a limit.
        OSError: the folder cannot be written.
    """
    program = office.program()
    if program is None or not settings.office:
        raise DocumentUnsupported(
            f"this is {kind.shown}, and LibreOffice, which could make a PDF of it, is not installed"
            " on the machine of this worker; save it as PDF"
        )
    place = folder / f"office-{source.name}"
    try:
        made = _convert(program, source, place, kind, settings)
        return made.rename(folder / f"{source.name}.pdf")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _convert(
    program: str, source: Path, place: Path, kind: office.OfficeKind, settings: DocumentSettings
) -> Path:
    profile, out = place / "profile", place / "out"
    document = place / f"document{kind.suffix}"
    _write_profile(profile)
    shutil.copyfile(source, document)
    command = [
        *_limits(settings),
        *_apart(),
        program,
        f"-env:UserInstallation={profile.absolute().as_uri()}",
        *("--headless", "--nologo", "--norestore", "--nolockcheck", "--nodefault"),
        *("--convert-to", "pdf", "--outdir", str(out), str(document)),
    ]
    log = place / "log"
    code = _run(command, place, log, settings.timeout)
    made = out / "document.pdf"
    # One that broke on the way may have left a piece of a PDF.
    if code == 0 and made.is_file() and not made.is_symlink() and made.stat().st_size:
        return made
    words = _last_words(log)
    _log.warning("office_not_converted", kind=kind.suffix, code=code, words=words)
    if code < 0 or code > 128:  # noqa: PLR2004  # killed by a signal, as a limit does it
        raise ConversionFailed(
            f"LibreOffice broke while it converted {kind.shown} (too large or too complicated,"
            " perhaps); save it as PDF"
        )
    raise DocumentDamaged(f"LibreOffice cannot read {kind.shown}; open it, and save it as PDF")


def _last_words(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LAST_WORDS))
        words = stream.read(_LAST_WORDS).decode(errors="replace")
    return " ".join("".join(sign for sign in words if sign.isprintable() or sign == "\n").split())[
        -300:
    ]


def _run(command: list[str], place: Path, log: Path, seconds: float) -> int:
    popen: Any = gevent.subprocess.Popen if is_module_patched("subprocess") else subprocess.Popen
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place),
        "TMPDIR": str(place),
        "LANG": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",  # draws without a screen
    }
    with log.open("wb") as words:
        process = popen(
            command,
            cwd=place,
            env=environment,
            stdin=-3,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    deadline = time.monotonic() + seconds
    try:
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                raise ConversionFailed(
                    f"LibreOffice took more than {seconds:.0f} s; save the document as PDF",
                    code="timeout",
                )
            gevent.sleep(_LOOK)
        return int(code)
    finally:
        # Also what it left behind: its starter ends before its last children do.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            gevent.sleep(_LOOK)


def _limits(settings: DocumentSettings) -> list[str]:
    if shutil.which("prlimit") is None:
        return []
    return [
        "prlimit",
        # Data, not address space: its libraries and fonts are mapped, and cost nothing.
        f"--data={settings.memory}",
        f"--cpu={max(1, round(settings.timeout))}",
        f"--fsize={_LARGEST_PDF}",
        "--core=0",
        "--",
    ]


@functools.cache
def _apart() -> tuple[str, ...]:
    """What to put before a command so that it has no network and leaves no process behind.

    Nothing where that is forbidden, as in many containers: then its process group is killed.
    """
    for prefix in _WAYS_APART:
        if shutil.which(prefix[0]) is None:
            continue
        done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if done.returncode == 0:
            return prefix
    _log.warning("office_not_apart", hint="unshare(1) may not be used here")
    return ()


def _write_profile(profile: Path) -> None:
    user = profile / "user"
    user.mkdir(parents=True)
    items = "".join(
        f'<item oor:path="/org.openoffice.Office.{path}"><prop oor:name="{name}"'
        f' oor:op="fuse"><value>{value}</value></prop></item>\n'
        for (path, name), value in _SETTINGS.items()
    )
    (user / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f"{items}</oor:items>\n"
    )
