"""The spool: one folder under two paths.

fsfax writes a TIFF that FreeSWITCH reads: in a container or over a network share FreeSWITCH may
have another path for the same folder. A `Spool` translates between the two paths for one node and
checks, before anything is dialled, that FreeSWITCH sees the file.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fsfax.engine.marks import ApiCommand
from fsfax.errors import CommandFailed, SpoolError
from fsfax.log import get_logger
from fsfax.settings import PathMapping

_log = get_logger(__name__)


class Spool:
    """The path mapping of one node.

    Without a mapping both sides use the same path. With mappings, a path outside all of them is
    an error: FreeSWITCH would not find the file.
    """

    def __init__(self, mappings: Sequence[PathMapping] = ()) -> None:
        # The longest prefix first, so that a folder inside another one can have its own mapping.
        self._mappings = sorted(
            ((Path(m.local).absolute(), PurePosixPath(m.remote)) for m in mappings),
            key=lambda pair: len(pair[0].parts),
            reverse=True,
        )

    def remote(self, local: Path) -> str:
        """Return the path by which FreeSWITCH knows one of our files.

        Raises:
            SpoolError: the file is outside every mapped folder.
        """
        path = Path(local).absolute()
        if not self._mappings:
            return str(path)
        for ours, theirs in self._mappings:
            if path.is_relative_to(ours):
                return str(theirs / path.relative_to(ours))
        folders = ", ".join(str(ours) for ours, _ in self._mappings)
        raise SpoolError(
            f"{path} is outside the folders that FreeSWITCH shares ({folders}): move the spool"
            " there, or add a mapping to the node's spool setting"
        )

    def local(self, remote: str) -> Path:
        """Return the path by which we know one of FreeSWITCH's files.

        Raises:
            SpoolError: the path is not absolute, has a ``..``, or is outside every mapped
                folder: no other file may be opened.
        """
        path = PurePosixPath(remote)
        if not path.is_absolute() or ".." in path.parts:
            raise SpoolError(f"FreeSWITCH named a file that cannot be trusted: {remote!r}")
        if not self._mappings:
            return Path(path)
        by_remote = sorted(self._mappings, key=lambda pair: len(pair[1].parts), reverse=True)
        for ours, theirs in by_remote:
            if path.is_relative_to(theirs):
                return ours / path.relative_to(theirs)
        folders = ", ".join(str(theirs) for _, theirs in by_remote)
        raise SpoolError(
            f"FreeSWITCH's file {remote!r} is outside the folders that it shares with us"
            f" ({folders}): add a mapping to the node's spool setting"
        )

    def require(self, link: ApiCommand, local: Path) -> str:
        """Return the path by which FreeSWITCH knows a file, after asking whether it sees it.

        Raises:
            SpoolError: we or FreeSWITCH cannot see the file; nothing must be dialled then,
                because the call would be answered and end without a fax result.
            EslError: FreeSWITCH could not be asked.
        """
        if not local.is_file():
            raise SpoolError(f"{local} does not exist: it was removed before it could be sent")
        path = self.remote(local)
        try:
            answer = link.api("file_exists", path).strip()
        except CommandFailed as error:
            # An old FreeSWITCH, or one without mod_commands' file_exists: it cannot be asked.
            _log.warning("file_exists_unanswered", path=path, reply=error.reply)
            return path
        if answer != "true":
            raise SpoolError(
                f"FreeSWITCH does not see {path} (our {local}): check that the folder is shared"
                " with it, that its user may read it, and the node's spool mapping"
            )
        return path

    def probe(self, link: ApiCommand, folder: Path) -> str:
        """Write a small file into ``folder`` and ask FreeSWITCH for it; return its path there.

        Raises:
            SpoolError: the folder cannot be written by us or is not seen by FreeSWITCH.
            EslError: FreeSWITCH could not be asked.
        """
        file = folder / f".fsfax-probe-{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"fsfax")
        except OSError as error:
            raise SpoolError(f"cannot write into the spool {folder}: {error.strerror}") from error
        try:
            return self.require(link, file)
        finally:
            file.unlink(missing_ok=True)
