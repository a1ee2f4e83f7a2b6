"""One folder under two names, and the marks that FreeSWITCH keeps."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fsfax.engine import marks
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.spool import Spool
from fsfax.engine.transcript import Transcript
from fsfax.engine.verdict import Call, Fate, judge_received
from fsfax.errors import CommandFailed, InvalidRequest, SpoolError
from fsfax.settings import PathMapping


class Switch:
    """Answers as FreeSWITCH does."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def api(self, command: str, arg: str = "") -> str:
        self.asked.append(f"{command} {arg}")
        answer = self.answers.get(command, "-ERR no reply")
        if answer.startswith("-ERR"):
            raise CommandFailed("refused", reply=answer.removeprefix("-ERR "))
        return answer


MAPPED = Spool(
    [
        PathMapping(local=Path("/srv/fax"), remote="/var/spool/fax"),
        PathMapping(local=Path("/srv/fax/in"), remote="/mnt/in"),
    ]
)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("/srv/fax/out/a.tif", "/var/spool/fax/out/a.tif"),
        ("/srv/fax/in/a.tif", "/mnt/in/a.tif"),  # the longest prefix wins
        ("/srv/fax/inner/a.tif", "/var/spool/fax/inner/a.tif"),
    ],
)
def test_both_names(ours: str, theirs: str) -> None:
    assert MAPPED.remote(Path(ours)) == theirs
    assert MAPPED.local(theirs) == Path(ours)


def test_without_mapping_the_names_are_equal() -> None:
    assert Spool().remote(Path("/a/b.tif")) == "/a/b.tif"
    assert Spool().local("/a/b.tif") == Path("/a/b.tif")


def test_outside() -> None:
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
        Spool().require(Switch(file_exists="true"), file)
    file.touch()
    assert Spool().require(Switch(file_exists="true"), file) == str(file)
    with pytest.raises(SpoolError, match="does not see"):
        Spool().require(Switch(file_exists="false"), file)
    # A FreeSWITCH that does not know the command cannot be asked; the call will show.
    assert Spool().require(Switch(), file) == str(file)


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    switch = Switch(file_exists="true")
    Spool().probe(switch, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    assert switch.asked[0].startswith(f"file_exists {tmp_path}/new/.fsfax-probe-")
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(SpoolError, match="cannot write"):
        Spool().probe(switch, blocked / "folder")


@pytest.mark.parametrize(
    ("answers", "fate"),
    [
        ({"uuid_exists": "true", "db": "success"}, Fate.UP),
        ({"uuid_exists": "false", "db": "success", "hash": "ended"}, Fate.SUCCEEDED),
        ({"uuid_exists": "false", "db": "failure", "hash": "ended"}, Fate.FAILED),
        ({"uuid_exists": "false", "hash": "ended"}, Fate.ENDED),
        ({"uuid_exists": "false"}, Fate.UNKNOWN),
    ],
)
def test_the_fate_of_a_call(answers: dict[str, str], fate: Fate) -> None:
    assert marks.fate(Switch(**answers), "fsfax", "id") is fate


def test_marks_are_erased() -> None:
    switch = Switch(db="+OK")
    marks.erase(switch, "fsfax", "id")
    assert switch.asked == [
        "db delete/fsfax/id",
        "hash select/fsfax/id",
        "hash delete/fsfax/id",
    ]


@pytest.mark.parametrize("word", ["", "a b", "a/b", "${x}", "x" * 65])
def test_marks_hold_nothing_foreign(word: str) -> None:
    with pytest.raises(InvalidRequest):
        marks.variables("fsfax", word)
    with pytest.raises(InvalidRequest):
        marks.variables(word, "id")


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
def test_the_inbox_refuses_foreign_names(tmp_path: Path, call_id: str) -> None:
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
