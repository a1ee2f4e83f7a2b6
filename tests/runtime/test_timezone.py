"""Time zones as POSIX TZ strings, by name and as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fsfax.errors import InvalidRequest
from fsfax.runtime.timezone import posix_timezone, tzinfo_of


@pytest.mark.parametrize(
    "zone", ["CET-1CEST,M3.5.0,M10.5.0/3", "UTC0", "<+0530>-5:30", "EST5EDT,M3.2.0,M11.1.0"]
)
def test_posix_zones_pass(zone: str) -> None:
    assert posix_timezone(zone) == zone


def test_a_zone_name_becomes_a_posix_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Dublin").write_bytes(
        b"TZif2" + bytes(80) + b"\nIST-1GMT0,M10.5.0,M3.5.0/1\n"
    )
    (tmp_path / "Broken").write_bytes(b"not a zone\n")
    monkeypatch.setattr("zoneinfo.TZPATH", (str(tmp_path / "missing"), str(tmp_path)))
    assert posix_timezone("Europe/Dublin") == "IST-1GMT0,M10.5.0,M3.5.0/1"
    for wrong in ("Broken", "../etc/passwd", "", "Europe/Atlantis"):
        with pytest.raises(InvalidRequest):
            posix_timezone(wrong)


AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("names", "hour"),
    [
        (("Europe/Berlin",), 13),
        (("", "America/New_York"), 7),
        (("Mars/Olympus", "CET-1CEST,M3.5.0,M10.5.0/3"), 13),
        (("", ""), 12),
        (("../../etc/passwd",), 12),
    ],
)
def test_the_first_valid_zone_is_used_and_utc_if_none_is(names: tuple[str, ...], hour: int) -> None:
    assert AT.astimezone(tzinfo_of(*names)).hour == hour
