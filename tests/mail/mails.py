"""Mails to test with."""

from __future__ import annotations

import io
import struct
import zlib
from email.message import EmailMessage
from typing import Any

from PIL import Image

from fsfax.cli.sample import sample_pdf

PDF = sample_pdf(1)
OFFICE_HEAD = b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.textPK"


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("L", (width, height), 200).save(target, kind)
    return target.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header says that it is huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(chunk[4:]))


def mail(
    *attached: tuple[str, str, bytes],
    text: str | None = "Please fax this.",
    message_id: str | None = "<1@example.com>",
    **fields: str,
) -> EmailMessage:
    """A mail with (name, type, bytes) attached."""
    made = EmailMessage()
    made["From"] = "ann@example.com"
    made["To"] = "a fax"
    if message_id is not None:
        made["Message-ID"] = message_id
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    if text is not None:
        made.set_content(text)
    for name, media_type, data in attached:
        main, _, sub = media_type.partition("/")
        made.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return made


def raw(made: Any) -> bytes:
    """The bytes that are sent."""
    return bytes(made).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def letter(**fields: str | None) -> bytes:
    """The bytes of a mail with one PDF attached; ``fields``: as for `mail`."""
    return raw(mail(("letter.pdf", "application/pdf", PDF), **fields))  # type: ignore[arg-type]


LETTER = letter()
