"""Foreign text made fit for databases, logs, terminals, mails and file names. Pure.

Station ids, caller names, file names, mail subjects and the error texts of other programs are
chosen by the far end, by senders and by clients. Each function below is one policy:

    one_line        one visible line of bounded length: database, JSON, reports, answers
    mail_header     the same, and no encoded word (RFC 2047): header fields of a mail
    escaped         one line in which nothing is lost: log lines and terminals
    file_name       the name of a file, with its extension, that every file system takes
    file_name_part  ASCII letters and digits for a file name that fsfax composes itself

All of them are idempotent, leave ordinary text as it is, and return text without line breaks,
control characters (Unicode category Cc), format characters (Cf: bidirectional controls such as the
right-to-left override that makes ``invoice\\u202efdp.exe`` look like a PDF, zero-width characters)
and surrogates (Cs, which UTF-8 cannot encode). The result is still foreign text: quote it for HTML,
SQL, URLs and shells as usual.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 64
"""Characters of a name. A station id has 20 (ITU-T T.30, 5.3.6.2.4)."""

_NOT_IN_FILE_NAMES = re.compile(r'[/\\:*?"<>|]')
_NOT_IN_PARTS = re.compile(r"[^A-Za-z0-9+_-]+")
_MAX_FILE_NAME = 100
_MAX_FILE_NAME_BYTES = 200  # file systems have 255
_MAX_EXTENSION = 10


def one_line(text: object, limit: int = MAX_NAME) -> str:
    """Return ``text`` as one line of at most ``limit`` visible characters.

    White space and control characters become single spaces; format characters, surrogates,
    private and unassigned characters are dropped. A text that is cut ends in "…".
    """
    return _cut(_visible(text, limit), limit)


def mail_header(text: object, limit: int) -> str:
    """Return `one_line` of ``text`` without encoded words.

    ``=?`` is taken apart: a mail program would read ``=?utf-8?B?…?=`` as an encoded word
    (RFC 2047) and show, or act on, what is inside.
    """
    return _cut(_visible(text, limit).replace("=?", "= ?"), limit)


def escaped(text: object) -> str:
    r"""Return ``text`` as one line, with invisible characters as escapes: ``\x1b``, ``\u202e``.

    Each white space character becomes a space. The length is not limited.
    """
    return "".join(_escape(character) for character in str(text))


def file_name(text: object) -> str:
    """Return ``text`` as the name of a file, "" if nothing of it can be one.

    It has no folder, begins with neither a dot nor a dash, and has at most 100 characters and 200
    bytes of UTF-8. A name that is cut retains its extension.
    """
    last = str(text).replace("\\", "/").rpartition("/")[2]
    line = _visible(last, 4 * _MAX_FILE_NAME)[: 4 * _MAX_FILE_NAME]
    name = _NOT_IN_FILE_NAMES.sub("_", line).strip(" .").lstrip("-. ")
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    while len(stem) + len(dot + extension) > _MAX_FILE_NAME or (
        len(f"{stem}{dot}{extension}".encode()) > _MAX_FILE_NAME_BYTES
    ):
        stem = stem[:-1]
    return f"{stem}{dot}{extension}"


def file_name_part(text: object, limit: int) -> str:
    """Return the ASCII letters, digits, ``+``, ``-`` and ``_`` of ``text``, at most ``limit``.

    Runs of other characters become one dash, except at the ends.
    """
    return _NOT_IN_PARTS.sub("-", str(text)[: 4 * limit])[:limit].strip("-")


def _visible(text: object, limit: int) -> str:
    """Return visible characters and single spaces; work is bounded by ``limit``, not by ``text``.

    What is read is longer than the limit, since runs of white space become one space.
    """
    line = "".join(_replacement(character) for character in str(text)[: 4 * limit + 64])
    return " ".join(line.split())


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    # Cc control, Cf format, Cs surrogate, Co private, Cn unassigned; Zl, Zp line breaks.
    if category in {"Cc", "Zl", "Zp"} or character.isspace():
        return " "
    return "" if category[0] == "C" else character


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")
