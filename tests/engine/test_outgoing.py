"""Files of the outbound spool: converted, or put there unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsfax import Closed, DocumentError, Engine, InvalidRequest, PageDone, Prepared
from fsfax.document import Converter, compare
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.errors import DocumentNotFound, DocumentUnsupported, SpoolError
from fsfax.softswitch import number_of
from tests.engine.conftest import Stage


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


def test_sent_as_it_is(stage: Stage, engine: Engine, converted: Path) -> None:
    """Not converted once more, the chosen pages alone, and the source stays."""
    seen: list[object] = []
    result = engine.send(
        converted,
        number_of("fax"),
        as_is=True,
        resolution="superfine",
        start_page=2,
        on_progress=seen.append,
    )
    assert result.success, result
    assert result.pages_sent == 2
    (prepared,) = [each for each in seen if isinstance(each, Prepared)]
    assert (prepared.pages, prepared.bytes) == (3, converted.stat().st_size)
    pages = [each.page for each in seen if isinstance(each, PageDone)]
    assert [page.y_resolution < 4000 for page in pages] == [True, True]
    assert converted.exists()
    assert not list((stage.root / "out").glob("*.tif"))


def test_nothing_is_dialled_of_what_is_no_fax(stage: Stage, engine: Engine, letter: Path) -> None:
    with pytest.raises(DocumentError):
        engine.send(letter, number_of("fax"), as_is=True)
    assert stage.switch.calls == []


def test_converted_now_and_sent_later(
    stage: Stage, engine: Engine, letter: Path, converted: Path, tmp_path: Path
) -> None:
    conversion = engine.convert(letter, tmp_path / "later.tif", resolution="standard")
    assert len(conversion.pages) == 3
    assert compare(conversion.path, converted).identical
    assert engine.send(conversion.path, number_of("fax"), as_is=True, end_page=1).success
    assert engine.convert(letter, tmp_path / "default.tif").resolution == "fine"
    with pytest.raises(InvalidRequest):
        engine.convert(letter, tmp_path / "x.tif", resolution="4k")  # type: ignore[arg-type]
    with pytest.raises(DocumentNotFound):
        engine.convert(tmp_path / "nowhere.pdf", tmp_path / "x.tif")
    engine.close()
    with pytest.raises(Closed):
        engine.convert(letter, tmp_path / "x.tif")


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


def test_calls_under_way_are_not_swept(stage: Stage, engine: Engine, converted: Path) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
            (stage.root / "out" / "lost.tif").touch()
            assert engine.sweep(older_than=0) == ["lost"]
            assert (stage.root / "out" / f"{call.id}.tif").exists()
    assert call.result(30).success


def test_the_file_of_a_left_call_is_swept_unless_kept(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone):
            call.leave()
            break
    stage.switch.wait_idle(30)
    assert engine.sweep() == []
    assert engine.sweep({call.id}, older_than=0) == []
    assert engine.sweep(older_than=0) == [call.id]


def test_documents_and_folders_may_be_strings(
    stage: Stage, engine: Engine, letter: Path, tmp_path: Path
) -> None:
    made = engine.convert(str(letter), str(tmp_path / "letter.tif"))
    assert (tmp_path / "letter.tif").stat().st_size == made.bytes
    with engine.receive(str(tmp_path / "inbox")) as faxes:
        record = stage.switch.call_in(number_of("fax"), tmp_path / "letter.tif")
        fax = faxes.get(timeout=20)
    assert (fax.call_id, fax.file) == (record.uuid, tmp_path / "inbox" / f"{record.uuid}.tif")
    assert engine.send(str(letter), number_of("fax")).success
    started = engine.start(str(tmp_path / "letter.tif"), number_of("fax"), as_is=True)
    assert started.result().success
