"""The outbound folder of the spool: one TIFF-F for each attempt, ``out/<attempt id>.tif``.

A file is put there before anything is dialled and removed when the call is over.
`OutboundSpool.sweep` removes the files that killed processes left.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from fsfax.document import Converter
from fsfax.document.geometry import ResolutionName
from fsfax.document.inspection import inspect_tiff
from fsfax.engine.observations import Prepared
from fsfax.errors import DocumentNotFound, DocumentUnsupported, SpoolError
from fsfax.log import get_logger
from fsfax.runtime.threads import in_thread

_log = get_logger(__name__)

# Files of fsfax: <attempt id>.tif, or an unfinished one (see `fsfax.runtime.atomic_file`).
_NAME = re.compile(r"\.?(?P<id>[0-9A-Za-z-]{1,64})\.tif(?:\.[0-9a-f]{12}\.part)?\Z")


class OutboundSpool:
    """The folder of the files that are sent.

    Args:
        spool: the spool under our own path.
        converter: makes TIFF-F of other documents.
    """

    def __init__(self, spool: Path, converter: Converter) -> None:
        self.folder = spool.absolute() / "out"
        self._converter = converter

    def path(self, attempt_id: str) -> Path:
        """Return the path of an attempt's file."""
        return self.folder / f"{attempt_id}.tif"

    def convert(self, attempt_id: str, document: Path, resolution: ResolutionName) -> Prepared:
        """Convert a document into the spool.

        Raises:
            DocumentError: it cannot be faxed as it is.
            InvalidRequest: there is no such resolution.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self._converter.convert(document, self.path(attempt_id), resolution=resolution)
        return Prepared(at=time.time(), pages=len(made.pages), bytes=made.bytes)

    def put(self, attempt_id: str, document: Path) -> Prepared:
        """Put a TIFF-F into the spool unchanged: linked where that is possible, else copied.

        Raises:
            DocumentNotFound: it cannot be read.
            DocumentUnsupported: not every page of it is a fax page.
            DocumentDamaged: it is no TIFF, or no page of it can be read.
            SpoolError: the spool cannot be written.
        """
        return in_thread(lambda: self._take(self.path(attempt_id), document))

    def sweep(self, keep: Collection[str], older_than: float) -> list[str]:
        """Remove the files of all attempts but those in ``keep``; return those attempts' ids.

        Args:
            keep: ids of attempts whose files stay.
            older_than: seconds since a file was put here; younger ones may belong to an attempt
                that the caller does not know of yet.

        Raises:
            SpoolError: the folder cannot be read.
        """
        return in_thread(lambda: self._sweep(frozenset(keep), time.time() - older_than))

    def _sweep(self, keep: frozenset[str], before: float) -> list[str]:
        removed: list[str] = []
        try:
            paths = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        except OSError as error:
            raise SpoolError(f"{self.folder} cannot be read: {error.strerror}") from error
        for path in paths:
            name = _NAME.match(path.name)
            if name is None or name["id"] in keep:
                continue
            try:
                # Not mtime: a link has that of the document, however new the link is.
                if path.stat().st_ctime > before:
                    continue
                path.unlink()
            except OSError as error:
                _log.warning("leftover_not_removed", path=str(path), error=str(error))
                continue
            if path.suffix == ".tif":
                removed.append(name["id"])
        if removed:
            _log.info("spool_swept", folder=str(self.folder), files=len(removed))
        return removed

    def _take(self, target: Path, document: Path) -> Prepared:
        try:
            source = document.resolve(strict=True)
        except OSError as error:
            raise DocumentNotFound(f"there is no file {document}: {error.strerror}") from error
        found = inspect_tiff(source)
        if not found.fax:
            bad = [f"page {page.number} is none" for page in found.pages if not page.resolution]
            raise DocumentUnsupported(
                f"{document} cannot be sent as it is, because not every page is a fax page"
                f" ({'; '.join([*bad, *found.problems])}): let it be converted"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(source, target)
            except OSError:
                # Another file system, one without links, or a file of another user.
                shutil.copyfile(source, target)
        except OSError as error:
            raise SpoolError(
                f"{document} cannot be put into the spool {self.folder}: {error.strerror}; check"
                " its permissions and the free space"
            ) from error
        return Prepared(at=time.time(), pages=len(found.pages), bytes=found.bytes)
