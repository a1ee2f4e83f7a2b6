"""The inbox: faxes are stored completely, listed, read back and removed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from fsfax import Doubt, Outcome, RxResult, Status
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call, judge_received
from fsfax.errors import InvalidRequest, SpoolError


def received(call_id: str, file: Path | None = None) -> RxResult:
    return RxResult(
        call_id=call_id,
        success=True,
        status=Status.SUCCEEDED,
        outcome=Outcome.DELIVERED,
        error_message="",
        retry=False,
        doubt=Doubt.NONE,
        result_code=0,
        result_text="OK",
        result_cause="NORMAL_CLEARING",
        file=file,
    )


def stored(inbox: InboundSpool, call_id: str, when: int = 0) -> RxResult:
    source = inbox.folder.parent / "source.tif"
    source.write_bytes(b"II*\0" + call_id.encode())
    result = received(call_id, inbox.store_tiff(call_id, source))
    os.utime(inbox.store_record(result), (when, when))
    return result


@pytest.fixture
def inbox(tmp_path: Path) -> InboundSpool:
    return InboundSpool(tmp_path / "inbox")


def test_the_inbox_stores_a_fax_completely(tmp_path: Path) -> None:
    source = tmp_path / "x.tif"
    source.write_bytes(b"II*\0" + bytes(5000))
    inbox = InboundSpool(tmp_path / "inbox")
    call = Call("24f7d479-2e07", "b", 1.0, 2.0)
    assert not inbox.has(call.id)
    kept = inbox.store_tiff(call.id, source)
    assert kept.read_bytes() == source.read_bytes()
    assert not inbox.has(call.id), "without its record it is half a delivery"
    record = inbox.store_record(judge_received(Transcript(), call, file=kept, pages_in_file=1))
    assert inbox.has(call.id)
    assert json.loads(record.read_text())["pages_received"] == 1
    assert sorted(path.suffix for path in inbox.folder.iterdir()) == [".json", ".tif"]


@pytest.mark.parametrize("call_id", ["", "../x", "a/b", "a.b", "x" * 65])
def test_a_name_that_is_no_call_id_is_refused(tmp_path: Path, call_id: str) -> None:
    with pytest.raises(InvalidRequest):
        InboundSpool(tmp_path).store_tiff(call_id, tmp_path / "x.tif")


def test_a_full_inbox_loses_nothing(tmp_path: Path) -> None:
    source = tmp_path / "x.tif"
    source.write_bytes(b"II*\0")
    blocked = tmp_path / "inbox"
    blocked.touch()  # stands where the folder should be: nothing can be written
    with pytest.raises(SpoolError, match="stays"):
        InboundSpool(blocked).store_tiff("id", source)
    assert source.exists()
    assert stat.S_ISREG(source.stat().st_mode)
    with pytest.raises(SpoolError, match="record"):
        InboundSpool(blocked).store_record(judge_received(Transcript(), Call("id", "b", 1.0, 2.0)))


def test_the_oldest_pending_fax_is_first(inbox: InboundSpool) -> None:
    assert inbox.pending() == []
    for call_id, when in (("b", 20), ("a", 30), ("c", 10)):
        stored(inbox, call_id, when)
    (inbox.folder / "half.tif").write_bytes(b"II*\0")
    (inbox.folder / ".hidden.json.part").write_bytes(b"")
    (inbox.folder / "not an id.json").write_bytes(b"")
    assert inbox.pending() == ["c", "b", "a"]


def test_a_fax_is_loaded_as_it_was_stored(inbox: InboundSpool) -> None:
    result = stored(inbox, "a")
    assert inbox.load("a") == result
    inbox.store_record(received("b"))
    assert inbox.load("b").file is None


def test_a_folder_that_was_moved(inbox: InboundSpool) -> None:
    stored(inbox, "a")
    moved = InboundSpool(inbox.folder.rename(inbox.folder.with_name("moved")))
    file = moved.load("a").file
    assert file
    assert file.read_bytes() == b"II*\0a"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', '{"call_id": 5}'])
def test_a_record_that_cannot_be_read(inbox: InboundSpool, text: str) -> None:
    stored(inbox, "a")
    (inbox.folder / "a.json").write_text(text)
    with pytest.raises(SpoolError, match=r"a\.json"):
        inbox.load("a")
    with pytest.raises(SpoolError, match="no record"):
        inbox.load("missing")
    with pytest.raises(InvalidRequest):
        inbox.load("../a")


def test_a_removed_fax_is_gone(inbox: InboundSpool) -> None:
    stored(inbox, "a")
    stored(inbox, "b")
    inbox.remove("a")
    assert sorted(path.name for path in inbox.folder.iterdir()) == ["b.json", "b.tif"]
    assert not inbox.has("a")
    inbox.remove("a")
    inbox.remove("never-there")
    inbox.store_record(received("no-page"))
    inbox.remove("no-page")
    assert inbox.pending() == ["b"]


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_a_crash_while_it_is_removed(
    inbox: InboundSpool, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    """After any step the fax is either pending and complete, or its files are removed later."""

    class Crash(BaseException):
        pass

    stored(inbox, "a")
    steps = 0

    def wrap(name: str) -> None:
        real = getattr(Path, name)

        def step(path: Path, *args: object, **options: object) -> object:
            nonlocal steps
            if steps == survives:
                raise Crash
            steps += 1
            return real(path, *args, **options)

        monkeypatch.setattr(Path, name, step)

    for name in ("replace", "unlink", "rename"):
        wrap(name)
    with pytest.raises(Crash):
        inbox.remove("a")
    monkeypatch.undo()
    if survives == 0:
        assert inbox.load("a").file
        assert (inbox.folder / "a.tif").exists()
        return
    assert inbox.has("a"), "FreeSWITCH's copy is not stored once more"
    assert inbox.pending() == []
    assert list(inbox.folder.iterdir()) == []


def test_stored_again_while_it_was_being_removed(inbox: InboundSpool) -> None:
    stored(inbox, "a")
    (inbox.folder / "a.json").rename(inbox.folder / "a.gone")
    stored(inbox, "a")
    assert inbox.pending() == ["a"]
    assert (inbox.folder / "a.tif").exists()


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    inbox = InboundSpool(tmp_path / "file")
    assert inbox.pending() == []
    with pytest.raises(SpoolError):
        inbox.remove("a")
