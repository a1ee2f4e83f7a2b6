"""Texts of strangers made harmless, for lines, headers, file names and logs. Pure.

Station ids, caller names and the names of a client come from elsewhere. What is left of them
here is one line of visible characters: no control characters, no line breaks, nothing that turns
the direction of writing round (bidi controls are of Unicode's category Cf), not too long.
"""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9+_-]+")

LONGEST = 64
"""Characters of a name; a station id has 20 (ITU-T T.30, 5.3.6.2.4)."""


def one_line(text: object, limit: int = LONGEST) -> str:
    """Return a text as one line of at most ``limit`` visible characters.

    ``=?`` is taken apart: a mail program would read it as an encoded word (RFC 2047) and show,
    or obey, what is inside.
    """
    visible = "".join(" " if _is_hidden(c) else c for c in str(text)[: 4 * limit + 64])
    line = _SPACES.sub(" ", visible).strip().replace("=?", "= ?")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _is_hidden(char: str) -> bool:
    category = unicodedata.category(char)
    # Cc control, Cf format, Cs surrogate, Co private, Cn unassigned; Zl, Zp line breaks.
    return category[0] == "C" or category in ("Zl", "Zp")


def file_name(text: object, limit: int = 40) -> str:
    """Return what of a text may stand in a file name anywhere, "" if that is nothing."""
    return _NOT_IN_NAMES.sub("-", str(text)[: 4 * limit])[:limit].strip("-")
