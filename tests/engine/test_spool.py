"""The paths of one folder here and in FreeSWITCH, and whether FreeSWITCH sees a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.engine.spool import Spool
from fsfax.errors import SpoolError
from fsfax.settings import PathMapping
from tests.engine.recorded_link import RecordedLink

MAPPED = Spool(
    [
        PathMapping(local=Path("/srv/fax"), remote="/var/spool/fax"),
        PathMapping(local=Path("/srv/fax/in"), remote="/mnt/in"),
    ]
)


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("/srv/fax/out/a.tif", "/var/spool/fax/out/a.tif"),
        ("/srv/fax/in/a.tif", "/mnt/in/a.tif"),  # the longest prefix wins
        ("/srv/fax/inner/a.tif", "/var/spool/fax/inner/a.tif"),
    ],
)
def test_a_path_is_translated_in_both_directions(local: str, remote: str) -> None:
    assert MAPPED.remote(Path(local)) == remote
    assert MAPPED.local(remote) == Path(local)


def test_without_mapping_the_names_are_equal() -> None:
    assert Spool().remote(Path("/a/b.tif")) == "/a/b.tif"
    assert Spool().local("/a/b.tif") == Path("/a/b.tif")


def test_a_path_outside_every_mapping_is_refused() -> None:
    with pytest.raises(SpoolError, match="outside"):
        MAPPED.remote(Path("/srv/faxes/a.tif"))
    with pytest.raises(SpoolError, match="outside"):
        MAPPED.local("/etc/passwd")


@pytest.mark.parametrize("path", ["/var/spool/fax/../../../etc/passwd", "relative", ""])
def test_a_path_that_cannot_be_trusted(path: str) -> None:
    for spool in (MAPPED, Spool()):
        with pytest.raises(SpoolError, match="trusted"):
            spool.local(path)


def test_freeswitch_must_see_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    with pytest.raises(SpoolError, match="removed"):
        Spool().require(RecordedLink(file_exists="true"), file)
    file.touch()
    assert Spool().require(RecordedLink(file_exists="true"), file) == str(file)
    with pytest.raises(SpoolError, match="does not see"):
        Spool().require(RecordedLink(file_exists="false"), file)
    # A FreeSWITCH that does not know the command cannot be asked; the call will show.
    assert Spool().require(RecordedLink(), file) == str(file)


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    switch = RecordedLink(file_exists="true")
    Spool().probe(switch, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    assert switch.asked[0].startswith(f"file_exists {tmp_path}/new/.fsfax-probe-")
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(SpoolError, match="cannot write"):
        Spool().probe(switch, blocked / "folder")
