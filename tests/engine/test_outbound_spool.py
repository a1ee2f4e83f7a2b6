"""Files of the outbound spool: put there unchanged, and swept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsfax import DocumentError
from fsfax.document import Converter
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.errors import DocumentNotFound, DocumentUnsupported, SpoolError


@pytest.fixture
def outgoing(tmp_path: Path) -> OutboundSpool:
    return OutboundSpool(tmp_path / "spool", Converter())


def test_a_file_is_linked_under_the_attempt(outgoing: OutboundSpool, converted: Path) -> None:
    prepared = outgoing.take("an-id", converted)
    assert (prepared.pages, prepared.bytes) == (3, converted.stat().st_size)
    target = outgoing.path("an-id")
    assert target == outgoing.folder / "an-id.tif"
    assert target.samefile(converted), "not copied where a link will do"
    target.unlink()
    assert converted.exists()


def test_a_file_is_copied_where_it_cannot_be_linked(
    outgoing: OutboundSpool, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    outgoing.take("an-id", converted)
    target = outgoing.path("an-id")
    assert not target.samefile(converted)
    assert target.read_bytes() == converted.read_bytes()


def test_an_older_file_is_replaced(
    outgoing: OutboundSpool, converted: Path, tmp_path: Path
) -> None:
    outgoing.folder.mkdir(parents=True)
    outgoing.path("an-id").write_bytes(b"old")
    link = tmp_path / "symbolic.tif"
    link.symlink_to(converted)
    outgoing.take("an-id", link)
    assert outgoing.path("an-id").read_bytes() == converted.read_bytes()
    assert not outgoing.path("an-id").is_symlink(), "FreeSWITCH may not see where it leads"


def test_what_is_no_fax_is_refused(
    outgoing: OutboundSpool, converted: Path, tmp_path: Path
) -> None:
    with pytest.raises(DocumentNotFound):
        outgoing.take("an-id", tmp_path / "nowhere.tif")
    (tmp_path / "text.tif").write_bytes(b"no TIFF at all")
    with pytest.raises(DocumentError):
        outgoing.take("an-id", tmp_path / "text.tif")
    (tmp_path / "short.tif").write_bytes(converted.read_bytes()[:-2000])
    with pytest.raises(DocumentError):
        outgoing.take("an-id", tmp_path / "short.tif")
    from PIL import Image

    Image.new("RGB", (100, 100)).save(tmp_path / "photo.tif")
    with pytest.raises(DocumentUnsupported, match="page 1 is none"):
        outgoing.take("an-id", tmp_path / "photo.tif")
    assert not outgoing.path("an-id").exists()


def test_a_spool_that_cannot_be_written(converted: Path, tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    with pytest.raises(SpoolError):
        OutboundSpool(tmp_path / "spool", Converter()).take("an-id", converted)


def put(outgoing: OutboundSpool, *names: str) -> None:
    outgoing.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (outgoing.folder / name).write_bytes(b"II*\0")


def test_leftovers_are_swept(outgoing: OutboundSpool) -> None:
    assert outgoing.sweep((), 0) == []
    half = ".lost.tif.0123456789ab.part"
    foreign = ["notes.txt", "lost.tiff", "two words.tif", ".hidden"]
    put(outgoing, "lost.tif", "kept.tif", half, *foreign)
    assert outgoing.sweep({"kept"}, 3600) == [], "they are too young"
    assert outgoing.sweep({"kept"}, 0) == ["lost"]
    assert {path.name for path in outgoing.folder.iterdir()} == {"kept.tif", *foreign}


def test_a_young_link_to_an_old_document_stays(outgoing: OutboundSpool, converted: Path) -> None:
    os.utime(converted, (0, 0))
    outgoing.take("an-id", converted)
    assert outgoing.sweep((), 600) == []
    assert outgoing.path("an-id").exists()


def test_what_cannot_be_removed_stops_nothing(outgoing: OutboundSpool) -> None:
    put(outgoing, "b.tif")
    (outgoing.folder / "a.tif").mkdir()
    assert outgoing.sweep((), 0) == ["b"]
