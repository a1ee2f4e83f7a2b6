"""Files that are written completely or not at all, even if the power fails."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_atomic(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target``; it is on the disk when this returns.

    It is written to a temporary file in the same folder, synced and renamed, and the folder is
    synced: without that a rename may be lost when the power fails (see fsync(2)).

    Raises:
        OSError: it cannot be written; ``target`` is unchanged.
    """
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)
