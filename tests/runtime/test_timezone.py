"""Time zones as POSIX TZ strings, by name and as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.errors import InvalidRequest
from fsfax.runtime.timezone import posix_timezone


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
