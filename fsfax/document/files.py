"""Read a document and write a conversion's result, with I/O errors that say what to do."""

from __future__ import annotations

from pathlib import Path

from fsfax.errors import ConversionFailed, DocumentNotFound
from fsfax.runtime.atomic_file import write_atomic


def read_document(path: Path) -> bytes:
    """Return the bytes of a document.

    Raises:
        DocumentNotFound: it is missing, a folder, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DocumentNotFound(f"there is no file {path}; check the path") from None
    except IsADirectoryError:
        raise DocumentNotFound(
            f"{path} is a folder; name the document inside it", code="is_folder"
        ) from None
    except OSError as error:
        raise DocumentNotFound(
            f"{path} cannot be read: {error.strerror}; check its permissions", code="unreadable"
        ) from error


def write_result(target: Path, data: bytes) -> int:
    """Write the result of a conversion atomically and return its size in bytes.

    Raises:
        ConversionFailed: it cannot be written (``not_written``).
    """
    try:
        write_atomic(target, data)
    except OSError as error:
        raise ConversionFailed(
            f"{target} cannot be written: {error.strerror}; check the folder, its permissions "
            "and the free space",
            code="not_written",
        ) from error
    return len(data)
