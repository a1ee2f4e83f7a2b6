"""Files of the outbound spool: converted or put there unchanged, and swept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax import DocumentError
from fsfax.document import Converter
from fsfax.document.inspection import inspect_tiff
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.errors import DocumentNotFound, DocumentUnsupported, InvalidRequest, SpoolError


@pytest.fixture
def outbound(tmp_path: Path) -> Iterator[OutboundSpool]:
    with Converter() as converter:
        yield OutboundSpool(tmp_path / "spool", converter)


def test_a_file_is_linked_under_the_attempt(outbound: OutboundSpool, converted: Path) -> None:
    prepared = outbound.put("an-id", converted)
    assert (prepared.pages, prepared.bytes) == (3, converted.stat().st_size)
    target = outbound.path("an-id")
    assert target == outbound.folder / "an-id.tif"
    assert target.samefile(converted), "not copied where a link will do"
    target.unlink()
    assert converted.exists()


def test_a_file_is_copied_where_it_cannot_be_linked(
    outbound: OutboundSpool, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    outbound.put("an-id", converted)
    target = outbound.path("an-id")
    assert not target.samefile(converted)
    assert target.read_bytes() == converted.read_bytes()


def test_an_older_file_is_replaced(
    outbound: OutboundSpool, converted: Path, tmp_path: Path
) -> None:
    outbound.folder.mkdir(parents=True)
    outbound.path("an-id").write_bytes(b"old")
    link = tmp_path / "symbolic.tif"
    link.symlink_to(converted)
    outbound.put("an-id", link)
    assert outbound.path("an-id").read_bytes() == converted.read_bytes()
    assert not outbound.path("an-id").is_symlink(), "FreeSWITCH may not see where it leads"


def test_a_file_that_is_not_tiff_f_is_refused(
    outbound: OutboundSpool, converted: Path, tmp_path: Path
) -> None:
    with pytest.raises(DocumentNotFound):
        outbound.put("an-id", tmp_path / "nowhere.tif")
    (tmp_path / "text.tif").write_bytes(b"no TIFF at all")
    with pytest.raises(DocumentError):
        outbound.put("an-id", tmp_path / "text.tif")
    (tmp_path / "short.tif").write_bytes(converted.read_bytes()[:-2000])
    with pytest.raises(DocumentError):
        outbound.put("an-id", tmp_path / "short.tif")
    from PIL import Image

    Image.new("RGB", (100, 100)).save(tmp_path / "photo.tif")
    with pytest.raises(DocumentUnsupported, match="page 1 is none"):
        outbound.put("an-id", tmp_path / "photo.tif")
    assert not outbound.path("an-id").exists()


def test_a_spool_that_cannot_be_written(converted: Path, tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    with pytest.raises(SpoolError):
        OutboundSpool(tmp_path / "spool", Converter()).put("an-id", converted)


def put(outbound: OutboundSpool, *names: str) -> None:
    outbound.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (outbound.folder / name).write_bytes(b"II*\0")


def test_leftovers_are_swept(outbound: OutboundSpool) -> None:
    assert outbound.sweep((), 0) == []
    half = ".lost.tif.0123456789ab.part"
    foreign = ["notes.txt", "lost.tiff", "two words.tif", ".hidden"]
    put(outbound, "lost.tif", "kept.tif", half, *foreign)
    assert outbound.sweep({"kept"}, 3600) == [], "they are too young"
    assert outbound.sweep({"kept"}, 0) == ["lost"]
    assert {path.name for path in outbound.folder.iterdir()} == {"kept.tif", *foreign}


def test_a_young_link_to_an_old_document_stays(outbound: OutboundSpool, converted: Path) -> None:
    os.utime(converted, (0, 0))
    outbound.put("an-id", converted)
    assert outbound.sweep((), 600) == []
    assert outbound.path("an-id").exists()


def test_a_file_that_cannot_be_removed_does_not_stop_the_sweep(outbound: OutboundSpool) -> None:
    put(outbound, "b.tif")
    (outbound.folder / "a.tif").mkdir()
    assert outbound.sweep((), 0) == ["b"]


def test_a_document_is_converted_into_the_spool(outbound: OutboundSpool, letter: Path) -> None:
    prepared = outbound.convert("an-id", letter, "standard")
    target = outbound.path("an-id")
    assert (prepared.pages, prepared.bytes) == (3, target.stat().st_size)
    assert inspect_tiff(target).fax
    with pytest.raises(InvalidRequest, match="4k"):
        outbound.convert("other", letter, "4k")  # type: ignore[arg-type]
    with pytest.raises(DocumentNotFound):
        outbound.convert("other", letter.with_name("missing.pdf"), "fine")
    assert [path.name for path in outbound.folder.iterdir()] == ["an-id.tif"]
