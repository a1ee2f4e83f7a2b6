"""Time zones for the header line.

``fax_timezone`` goes to SpanDSP's own time zone code, which reads POSIX TZ strings
(IEEE Std 1003.1, 8.3: ``CET-1CEST,M3.5.0,M10.5.0/3``) and knows no names. The POSIX string of
a named zone is the last line of its TZif file (RFC 8536, 3.3).
"""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path

from fsfax.errors import InvalidRequest

_POSIX = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d{1,2}(?::\d\d){0,2}"
    r"(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)(?:[+-]?\d{1,2}(?::\d\d){0,2})?"
    r"(?:,[MJ]?[\d./:+-]+){0,2})?\Z"
)
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}\Z")


def posix_timezone(zone: str) -> str:
    """Return the POSIX TZ string of ``zone``, which may be one already, or an IANA name.

    Raises:
        InvalidRequest: it is neither, or this machine has no data of that zone.
    """
    if _POSIX.match(zone):
        return zone
    if _NAME.match(zone):
        for folder in zoneinfo.TZPATH:
            try:
                data = (Path(folder) / zone).read_bytes()
            except OSError:
                continue
            footer = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")
            if data.startswith(b"TZif") and _POSIX.match(footer):
                return footer
    raise InvalidRequest(
        f"{zone!r} is not a time zone known here: use a POSIX string such as"
        " CET-1CEST,M3.5.0,M10.5.0/3, or an IANA name such as Europe/Dublin (Debian package"
        " tzdata)"
    )
