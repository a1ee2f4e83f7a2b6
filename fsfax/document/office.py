"""Office documents that LibreOffice converts to PDF. No I/O, but `soffice_path` searches PATH.

The kind is found from the first bytes, and from the name where these do not say enough: all old
Microsoft documents begin alike, and so do other files (installers, thumbnails).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from fsfax.settings import DocumentSettings


@dataclass(frozen=True, slots=True)
class OfficeKind:
    """A kind of office document: media type, extension, and the name shown in messages."""

    media_type: str
    suffix: str
    shown: str


_OPEN = "application/vnd.oasis.opendocument."
_MICROSOFT = "application/vnd.openxmlformats-officedocument."
_KINDS = (
    OfficeKind(f"{_OPEN}text", ".odt", "an OpenDocument text"),
    OfficeKind(f"{_OPEN}spreadsheet", ".ods", "an OpenDocument spreadsheet"),
    OfficeKind(f"{_OPEN}presentation", ".odp", "an OpenDocument presentation"),
    OfficeKind(f"{_OPEN}graphics", ".odg", "an OpenDocument drawing"),
    OfficeKind(f"{_MICROSOFT}wordprocessingml.document", ".docx", "a Word document"),
    OfficeKind(f"{_MICROSOFT}spreadsheetml.sheet", ".xlsx", "an Excel sheet"),
    OfficeKind(f"{_MICROSOFT}presentationml.presentation", ".pptx", "a PowerPoint presentation"),
    OfficeKind("application/msword", ".doc", "an old Word document"),
    OfficeKind("application/vnd.ms-excel", ".xls", "an old Excel sheet"),
    OfficeKind("application/vnd.ms-powerpoint", ".ppt", "an old PowerPoint presentation"),
    OfficeKind("application/rtf", ".rtf", "a Rich Text document"),
)
_BY_SUFFIX = {kind.suffix: kind for kind in _KINDS}
_BY_TYPE = {kind.media_type: kind for kind in _KINDS}
SUFFIXES = {kind.media_type: kind.suffix for kind in _KINDS}
"""Extensions of office documents by media type."""

_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] 2.2
_RICH_TEXT = b"{\\rtf"

_FOLDERS = {b"word/": ".docx", b"xl/": ".xlsx", b"ppt/": ".pptx"}
_PACKAGE = (b"[Content_Types].xml", b"_rels/.rels")
"""The names that make a ZIP archive an Office Open XML package (ECMA-376, part 2)."""


def kind_of(head: bytes, name: str = "") -> OfficeKind | None:
    """Return the kind of an office document from its beginning and name; None if it is none.

    ``head`` is the first `fsfax.document.kinds.HEAD` bytes.
    """
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    named = _BY_SUFFIX.get(suffix)
    if head.startswith(_RICH_TEXT):
        return _BY_SUFFIX[".rtf"]
    if head.startswith(_COMPOUND):
        return named if suffix in (".doc", ".xls", ".ppt") else None
    if not head.startswith(_ZIP):
        return None
    # OpenDocument 1.3, part 2, 3.3: the first file is its media type, and not compressed.
    if head[30:38] == b"mimetype":
        rest = head[38:]
        found = [kind for kind in _KINDS[:4] if rest.startswith(kind.media_type.encode())]
        return found[-1] if found else None
    if not any(word in head for word in _PACKAGE):
        return None
    if suffix in _FOLDERS.values():
        return named
    return next((_BY_SUFFIX[to] for word, to in _FOLDERS.items() if word in head), None)


def kind_of_media_type(media_type: str) -> OfficeKind | None:
    """Return the kind of a stored document by its media type; None if it is no office document."""
    return _BY_TYPE.get(media_type)


def soffice_path() -> str | None:
    """Return the path of LibreOffice; None where it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def available(settings: DocumentSettings) -> bool:
    """Return whether LibreOffice is installed and the settings allow its use."""
    return settings.office and soffice_path() is not None
