"""The kind of a document, found from its first bytes and never from its name."""

from __future__ import annotations

import codecs
from typing import Literal

from fsfax.errors import DocumentEmpty, DocumentUnsupported

Kind = Literal["pdf", "tiff", "png", "jpeg", "text"]

HEAD = 4096
"""Bytes of a file's beginning that `sniff` needs."""

_PDF_WINDOW = 1024  # Readers accept rubbish before %PDF- up to here (ISO 32000-1, annex H).

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"{\\rtf", "a Rich Text document"),
    (b"%!PS", "a PostScript document"),
    (b"%!", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "an EPS document"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "a WebP image or a sound or film"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 image"),
    (b"\x97JB2", "a JBIG2 image"),
    (b"8BPS", "a Photoshop image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)

# A text may hold these control characters; with any other one the file is not a text.
_TEXT_CONTROLS = frozenset(b"\t\n\x0b\x0c\r\x1a\x1b")


def sniff(head: bytes) -> Kind:
    """Return the kind of a document from its beginning (`HEAD` bytes are enough).

    Raises:
        DocumentEmpty: there are no bytes.
        DocumentUnsupported: it is not a kind that can be faxed; the message names what it
            seems to be.
    """
    if not head:
        raise DocumentEmpty("the file is empty: it has no bytes; was it uploaded completely?")
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "tiff"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if b"%PDF-" in head[:_PDF_WINDOW]:
        return "pdf"
    for magic, name in _OTHERS:
        if head.startswith(magic) and (len(magic) > 2 or not is_text(head)):  # noqa: PLR2004
            raise _unsupported(name)
    if head[4:8] == b"ftyp":
        raise _unsupported("a HEIC or AVIF image or a film")
    if not is_text(head):
        raise _unsupported("data of no known kind")
    start = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:256].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise _unsupported("a web page")
    if start.startswith((b"<svg", b"<?xml")) and b"<svg" in head.lower():
        raise _unsupported("an SVG drawing")
    return "text"


def is_text(head: bytes) -> bool:
    """Return whether bytes look like text in UTF-8, UTF-16 with a byte order mark, or 8 bits."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _is_utf16(head)
    if any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in set(head)) or 0x7F in head:  # noqa: PLR2004
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # An 8-bit text is mostly letters; C1 controls (windows-1252 uses a few) are rare.
        return sum(byte >= 0x80 for byte in head) <= len(head) * 0.3  # noqa: PLR2004
    return True


def _is_utf16(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-16")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(char < " " and ord(char) not in _TEXT_CONTROLS for char in text)


def _unsupported(what: str) -> DocumentUnsupported:
    return DocumentUnsupported(
        f"this seems to be {what}, which cannot be faxed; save or print it as PDF "
        "(PDF, TIFF, PNG, JPEG and plain text are accepted)"
    )
