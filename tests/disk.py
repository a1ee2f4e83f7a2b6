"""A disk that is full."""

from __future__ import annotations

import contextlib
from pathlib import Path


def fill(file: Path) -> None:
    """Write zeros to a file until the file system has no space left."""
    with file.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
