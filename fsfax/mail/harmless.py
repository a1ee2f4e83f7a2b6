"""Words of strangers made harmless: subjects, file names, addresses.

They come into the database, into JSON, logs, mails and pages. What is left of them is one line
without control characters, without half surrogates (which are no UTF-8), and without the
characters that turn the direction of a text around (``invoice\\u202efdp.exe`` looks like a PDF).
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that are not seen, or that are none (Unicode, table 4-4)."""

_NOT_IN_A_NAME = re.compile(r'[/\\:*?"<>|]')
_LONGEST_NAME = 100
_LONGEST_BYTES = 200  # file systems have 255


def one_line(text: object, limit: int = 1000) -> str:
    """Return a text as one line of at most ``limit`` characters that can be seen."""
    # What is cut is longer than what is kept: white space may collapse.
    seen = (_seen(sign) for sign in str(text)[: 4 * limit])
    return " ".join("".join(seen).split())[:limit].rstrip()


def file_name(name: object) -> str:
    """Return the name of a file of somebody else's as one that can be a name here; "" if none.

    It has no folder, does not begin with a dot or a dash, and keeps its extension when it is cut.
    """
    line = one_line(str(name).replace("\\", "/").rpartition("/")[2], 4 * _LONGEST_NAME)
    plain = _NOT_IN_A_NAME.sub("_", line).strip(" .").lstrip("-. ")
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension) > 10:  # noqa: PLR2004  # no extension that anybody knows
        stem, dot, extension = plain, "", ""
    while len(stem) + len(dot + extension) > _LONGEST_NAME or (
        len(f"{stem}{dot}{extension}".encode()) > _LONGEST_BYTES
    ):
        stem = stem[:-1]
    return f"{stem}{dot}{extension}"


def _seen(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign.isspace() or category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in _HIDDEN else sign
