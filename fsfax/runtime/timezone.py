"""Time zones of faxes: IANA names or POSIX strings, for SpanDSP and for Python.

``fax_timezone`` goes to SpanDSP's own time zone code, which reads POSIX TZ strings
(IEEE Std 1003.1, 8.3: ``CET-1CEST,M3.5.0,M10.5.0/3``) and no names. The POSIX string of
a named zone is the last line of its TZif file (RFC 8536, 3.3).

Python reads POSIX strings only as the last line of a TZif file, so `tzinfo_of` makes one around
them: a header and a block without transitions, twice, and that line.
"""

from __future__ import annotations

import io
import re
import struct
import zoneinfo
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path

from fsfax.errors import InvalidRequest

_POSIX = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d{1,2}(?::\d\d){0,2}"
    r"(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)(?:[+-]?\d{1,2}(?::\d\d){0,2})?"
    r"(?:,[MJ]?[\d./:+-]+){0,2})?\Z"
)
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}\Z")

_TZIF_HEADER = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
_TZIF_BLOCK = struct.pack(">lbb", 0, 0, 0) + b"UTC\0"


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


@lru_cache(maxsize=64)
def tzinfo_of(*zones: str) -> tzinfo:
    """Return the first of ``zones`` that is valid, for `datetime`; UTC if none is."""
    for zone in filter(None, zones):
        try:
            posix = posix_timezone(zone)
            data = 2 * (_TZIF_HEADER + _TZIF_BLOCK) + b"\n" + posix.encode() + b"\n"
            return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=zone)
        except (InvalidRequest, ValueError):
            continue
    return UTC
