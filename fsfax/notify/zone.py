"""Clocks of people: a time zone as a fax has it, IANA name or POSIX string, as `tzinfo`. Pure.

Python reads POSIX strings (IEEE Std 1003.1, 8.3) only as the last line of a TZif file (RFC 8536),
so one is made around them: a header and a block without transitions, twice, and that line.
"""

from __future__ import annotations

import io
import struct
import zoneinfo
from datetime import UTC, tzinfo
from functools import lru_cache

from fsfax.errors import InvalidRequest
from fsfax.runtime.timezone import posix_timezone

_HEADER = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
_BLOCK = struct.pack(">lbb", 0, 0, 0) + b"UTC\0"


@lru_cache(maxsize=64)
def zone_of(*names: str) -> tzinfo:
    """Return the zone that the first good name means; UTC where there is none."""
    for name in filter(None, names):
        try:
            posix = posix_timezone(name)
            data = 2 * (_HEADER + _BLOCK) + b"\n" + posix.encode() + b"\n"
            return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=name)
        except (InvalidRequest, ValueError):
            continue
    return UTC
