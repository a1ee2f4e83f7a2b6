"""Files that are there whole or not at all, even after a power cut."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_atomic(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target``, safely on disk when this returns.

    It is written beside its place under a name that nobody looks for, synced and renamed, and
    the folder is synced: a rename alone does not survive a power cut (see fsync(2)).

    Raises:
        OSError: it cannot be written; what stood at ``target`` before still does.
    """
    beside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        beside.unlink(missing_ok=True)
