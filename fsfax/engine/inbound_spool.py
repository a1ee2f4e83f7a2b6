"""The inbox: inbound faxes as files, stored before FreeSWITCH's copy is removed.

Each fax is two files, named by the call's id only (never by a text of the far end): ``<id>.tif``
and the record ``<id>.json`` with the result. The record is written last: a TIFF without a record
was stored incompletely, and storing it again replaces it.

A consumer lists `pending` faxes, `load`s each, stores it elsewhere, and only then `remove`s it.
Removing begins by renaming the record to ``<id>.gone``: from then on the fax is not pending, and
after a crash its files are known to be left over. (If the TIFF were removed first, a crash would
leave a record of a fax without pages; if the record were removed first, a TIFF that looks like one
that was stored incompletely.)
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fsfax.errors import InvalidRequest, SpoolError
from fsfax.runtime.atomic_file import write_atomic
from fsfax.values.results import RxResult

_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")


class InboundSpool:
    """A folder of inbound faxes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, call_id: str) -> bool:
        """Return whether the fax of that call is stored completely, or is being removed."""
        return any(self._path(call_id, kind).is_file() for kind in ("json", "gone"))

    def pending(self) -> list[str]:
        """Return the ids of the calls whose faxes are stored completely, the oldest first.

        A removal that a crash interrupted is finished at the same time.

        Raises:
            SpoolError: the folder cannot be read.
        """
        found: list[tuple[int, str]] = []
        try:
            if not self.folder.is_dir():
                return []
            for path in self.folder.iterdir():
                call_id = path.stem
                if not _ID.match(call_id):
                    continue
                if path.suffix == ".gone":
                    self._clean(call_id)
                elif path.suffix == ".json":
                    with suppress(FileNotFoundError):  # another consumer removed it just now
                        found.append((path.stat().st_mtime_ns, call_id))
        except OSError as error:
            raise SpoolError(f"the inbox {self.folder} cannot be read: {error.strerror}") from error
        return [call_id for _, call_id in sorted(found)]

    def load(self, call_id: str) -> RxResult:
        """Return the result of a stored fax; its ``file`` is the one in this folder.

        Raises:
            SpoolError: there is no such fax, or its record cannot be read.
        """
        path = self._path(call_id, "json")
        try:
            result = RxResult.from_dict(json.loads(path.read_bytes()))
        except OSError as error:
            raise SpoolError(f"there is no record {path}: {error.strerror}") from error
        except ValueError as error:
            raise SpoolError(f"{path} is not the record of a fax: {error}") from error
        # The folder may have been moved, or have another path for the process that wrote it.
        return replace(result, file=self._path(call_id, "tif")) if result.file else result

    def remove(self, call_id: str) -> None:
        """Remove a fax that the consumer has stored; has no effect when it is removed already.

        Raises:
            SpoolError: it cannot be removed.
        """
        try:
            with suppress(FileNotFoundError):
                self._path(call_id, "json").replace(self._path(call_id, "gone"))
            self._clean(call_id)
        except OSError as error:
            raise SpoolError(
                f"the fax {call_id} cannot be removed from {self.folder}: {error.strerror}"
            ) from error

    def _clean(self, call_id: str) -> None:
        """Finish a removal: the TIFF first, so that ``<id>.gone`` still marks it after a crash."""
        gone = self._path(call_id, "gone")
        if gone.is_file():
            self._path(call_id, "tif").unlink(missing_ok=True)
            gone.unlink(missing_ok=True)

    def store_tiff(self, call_id: str, source: Path) -> Path:
        """Copy a received TIFF into the inbox; it is synced to disk on return.

        Raises:
            SpoolError: it cannot be read or written; nothing was removed anywhere.
        """
        target = self._path(call_id, "tif")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The fax is not being removed any more.
            self._path(call_id, "gone").unlink(missing_ok=True)
            write_atomic(target, source.read_bytes())
        except OSError as error:
            raise SpoolError(
                f"the received fax {source} could not be stored in {self.folder}:"
                f" {error.strerror}; FreeSWITCH's file stays, and the next start stores it"
            ) from error
        return target

    def store_record(self, result: RxResult) -> Path:
        """Write the result beside the TIFF; from now on the fax counts as stored.

        Raises:
            SpoolError: it cannot be written.
        """
        target = self._path(result.call_id, "json")
        text = json.dumps(result.as_dict(), indent=2, ensure_ascii=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(target, f"{text}\n".encode())
        except OSError as error:
            raise SpoolError(
                f"the record of a received fax could not be stored in {self.folder}:"
                f" {error.strerror}"
            ) from error
        return target

    def _path(self, call_id: str, kind: str) -> Path:
        if not _ID.match(call_id):
            raise InvalidRequest(f"{call_id!r} is not the id of a call")
        return self.folder / f"{call_id}.{kind}"
