"""An office document converted to PDF by a confined LibreOffice process.

    soffice --headless --convert-to pdf document.docx

A hostile document is parsed by millions of lines of C++. So each conversion has its own process
group, a new profile that forbids macros, links and scripts, limits of memory, processor time and
file size (`prlimit`), and, where the system allows it, no network and a process namespace that
its children cannot leave (`unshare`). All of its processes are killed when its time is over, and
nothing but the PDF remains on the disk. LibreOffice runs one process for each profile: with its
own profile, a conversion neither waits for another one nor shares its process.

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

_POLL_SECONDS = 0.05
_LARGEST_PDF = 512 * 1024 * 1024
"""Bytes of the largest file that LibreOffice may write."""

_SETTINGS = {
    # Path, name and value: no macro runs, not even a signed one; no linked content is fetched.
    ("Common/Security/Scripting", "MacroSecurityLevel"): "3",
    ("Common/Security/Scripting", "DisableMacrosExecution"): "true",
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks"): "true",
    ("Common/Security/Scripting", "DisableActiveContent"): "true",
    ("Writer/Content/Update", "Link"): "0",
    ("Calc/Content/Update", "Link"): "2",
}

_NAMESPACES = ("--net", "--pid", "--fork", "--kill-child", "--")
_ISOLATION_COMMANDS = (
    ("unshare", *_NAMESPACES),
    ("unshare", "--user", "--map-current-user", *_NAMESPACES),
)
_LOG_TAIL = 4096
"""Bytes at the end of LibreOffice's output that are read for the log."""


def to_pdf(source: Path, folder: Path, kind: office.OfficeKind, settings: DocumentSettings) -> Path:
    """Convert an office document to PDF; return the path of the PDF, in ``folder``.

    The calling greenlet waits; others run.

    Raises:
        DocumentUnsupported: LibreOffice is not installed, or the settings forbid its use.
        DocumentDamaged: LibreOffice cannot convert the document.
        ConversionFailed: it took too long, or exceeded a limit.
        OSError: the folder cannot be written.
    """
    program = office.soffice_path()
    if program is None or not settings.office:
        raise DocumentUnsupported(
            f"this is {kind.shown}, and LibreOffice, which could make a PDF of it, is not installed"
            " on the machine of this worker; save it as PDF"
        )
    work = folder / f"office-{source.name}"
    try:
        pdf = _convert(program, source, work, kind, settings)
        return pdf.rename(folder / f"{source.name}.pdf")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _convert(
    program: str, source: Path, work: Path, kind: office.OfficeKind, settings: DocumentSettings
) -> Path:
    profile, out = work / "profile", work / "out"
    document = work / f"document{kind.suffix}"
    _write_profile(profile)
    shutil.copyfile(source, document)
    command = [
        *_limits(settings),
        *_isolation_command(),
        program,
        f"-env:UserInstallation={profile.absolute().as_uri()}",
        *("--headless", "--nologo", "--norestore", "--nolockcheck", "--nodefault"),
        *("--convert-to", "pdf", "--outdir", str(out), str(document)),
    ]
    log = work / "log"
    code = _run(command, work, log, settings.timeout)
    pdf = out / "document.pdf"
    # A process that failed may have left an incomplete PDF.
    if code == 0 and pdf.is_file() and not pdf.is_symlink() and pdf.stat().st_size:
        return pdf
    _log.warning("office_not_converted", kind=kind.suffix, code=code, output=_log_tail(log))
    if code < 0 or code > 128:  # noqa: PLR2004  # killed by a signal, as by a limit
        raise ConversionFailed(
            f"LibreOffice crashed while it converted {kind.shown} (too large or too complicated,"
            " perhaps); save it as PDF"
        )
    raise DocumentDamaged(f"LibreOffice cannot read {kind.shown}; open it, and save it as PDF")


def _log_tail(log: Path) -> str:
    """Return the last 300 characters that LibreOffice printed, in one line."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LOG_TAIL))
        text = stream.read(_LOG_TAIL).decode(errors="replace")
    printable = "".join(char for char in text if char.isprintable() or char == "\n")
    return " ".join(printable.split())[-300:]


def _run(command: list[str], work: Path, log: Path, seconds: float) -> int:
    """Run a command in the folder ``work`` with its output in ``log``; return its exit status.

    Raises:
        ConversionFailed: it took longer than ``seconds`` (``timeout``).
    """
    popen: Any = gevent.subprocess.Popen if is_module_patched("subprocess") else subprocess.Popen
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",  # draws without a screen
    }
    with log.open("wb") as output:
        process = popen(
            command,
            cwd=work,
            env=environment,
            stdin=-3,
            stdout=output,
            stderr=output,
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
            gevent.sleep(_POLL_SECONDS)
        return int(code)
    finally:
        # The whole group: `soffice` ends before its last children do.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            gevent.sleep(_POLL_SECONDS)


def _limits(settings: DocumentSettings) -> list[str]:
    """Return the prefix of a command that limits its memory, processor time and files."""
    if shutil.which("prlimit") is None:
        return []
    return [
        "prlimit",
        # Data, not address space: mapped libraries and fonts do not count.
        f"--data={settings.memory}",
        f"--cpu={max(1, round(settings.timeout))}",
        f"--fsize={_LARGEST_PDF}",
        "--core=0",
        "--",
    ]


@functools.cache
def _isolation_command() -> tuple[str, ...]:
    """Return the prefix of a command that gives it no network and its own process namespace.

    Empty where that is forbidden, as in many containers: then only its process group is killed.
    """
    for prefix in _ISOLATION_COMMANDS:
        if shutil.which(prefix[0]) is None:
            continue
        done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if done.returncode == 0:
            return prefix
    _log.warning("office_not_isolated", hint="unshare(1) is not permitted here")
    return ()


def _write_profile(profile: Path) -> None:
    """Write a user profile of LibreOffice with `_SETTINGS`, which documents cannot change."""
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
