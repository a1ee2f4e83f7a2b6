"""The inbox: received faxes as files, stored before FreeSWITCH's copy is removed.

Each fax is two files, named by the call's id alone (never by far-end words): ``<id>.tif`` and
``<id>.json``, the result. The record is written last: a TIFF without one is half a delivery,
and storing again replaces it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from fsfax.durable import write_whole
from fsfax.engine.results import RxResult
from fsfax.errors import InvalidRequest, SpoolError

_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")


class Inbox:
    """A folder of received faxes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, call_id: str) -> bool:
        """Tell whether the fax of that call is stored completely."""
        return self._path(call_id, "json").is_file()

    def keep(self, call_id: str, source: Path) -> Path:
        """Copy a received TIFF into the inbox, safely on disk when this returns.

        Raises:
            SpoolError: it cannot be read or written; nothing was removed anywhere.
        """
        target = self._path(call_id, "tif")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(target, source.read_bytes())
        except OSError as error:
            raise SpoolError(
                f"the received fax {source} could not be stored in {self.folder}:"
                f" {error.strerror}; FreeSWITCH's file is kept, the next start tries again"
            ) from error
        return target

    def record(self, result: RxResult) -> Path:
        """Write the result beside the TIFF: from now on the fax counts as stored.

        Raises:
            SpoolError: it cannot be written.
        """
        target = self._path(result.call_id, "json")
        text = json.dumps(result.as_dict(), indent=2, ensure_ascii=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(target, f"{text}\n".encode())
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
