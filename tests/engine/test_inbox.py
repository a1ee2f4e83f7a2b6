"""The inbox as a consumer sees it: what is pending, read back, removed."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax import (
    Doubt,
    GatewayAttempt,
    InvalidRequest,
    Outcome,
    PageRecord,
    RxResult,
    Status,
    TxResult,
)
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.errors import SpoolError
from fsfax.runtime.sanitize import one_line

IDS = st.uuids().map(str)
WORDS = st.text(max_size=40).map(one_line)
COUNTS = st.integers(0, 10**9)
TIMES = st.floats(0, 1e10, allow_nan=False)
PAGES = st.lists(
    st.builds(
        PageRecord,
        number=COUNTS,
        seconds=TIMES,
        image_bytes=COUNTS,
        width=COUNTS,
        rows=COUNTS,
        x_resolution=COUNTS,
        y_resolution=COUNTS,
        bad_rows=COUNTS,
        longest_bad_row_run=COUNTS,
        encoding=WORDS,
    ),
    max_size=3,
).map(tuple)
GATEWAYS = st.lists(
    st.builds(GatewayAttempt, node=WORDS, gateway=WORDS, call_id=IDS, cause=WORDS), max_size=2
).map(tuple)
COMMON = {
    "call_id": IDS,
    "success": st.booleans(),
    "status": st.sampled_from(Status),
    "outcome": st.sampled_from(Outcome),
    "error_message": WORDS,
    "retry": st.booleans(),
    "doubt": st.sampled_from(Doubt),
    "result_code": st.none() | st.integers(-1, 700),
    "result_text": WORDS,
    "result_cause": WORDS,
    "fax_bad_rows": COUNTS,
    "fax_error_correction": st.booleans(),
    "fax_speed": COUNTS,
    "t38_status": st.sampled_from(["off", "requested", "negotiated", "refused"]),
    "encoding": WORDS,
    "pages_total": COUNTS,
    "pages": PAGES,
    "time_elapsed": COUNTS,
    "started_at": TIMES,
    "remote_station_id": WORDS,
    "local_station_id": WORDS,
    "remote_country": WORDS,
    "remote_vendor": WORDS,
    "remote_model": WORDS,
    "node": WORDS,
}
RECEIVED = st.builds(
    RxResult,
    **COMMON,
    pages_received=COUNTS,
    fax_sender_id=WORDS,
    from_number=WORDS,
    from_name=WORDS,
    to_number=WORDS,
    file=st.none() | st.text(string.ascii_letters, min_size=1).map(Path),
    gaps=st.lists(WORDS, max_size=2).map(tuple),
)
SENT = st.builds(
    TxResult,
    **COMMON,
    pages_sent=COUNTS,
    fax_receiver_id=WORDS,
    first_unconfirmed_page=st.none() | COUNTS,
    gateway=WORDS,
    failed_gateways=GATEWAYS,
    still_up=st.booleans(),
)


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


@given(result=st.one_of(RECEIVED, SENT))
def test_a_result_is_read_back_as_it_was(result: RxResult | TxResult) -> None:
    text = json.dumps(result.as_dict())
    assert type(result).from_dict(json.loads(text)) == result


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("call_id", 5),
        ("success", "perhaps"),
        ("status", "lost"),
        ("outcome", None),
        ("result_code", "x"),
        ("t38_status", "maybe"),
        ("pages", {"number": 1}),
        ("pages", [{"number": 1}]),
        ("started_at", []),
        ("file", 5),
        ("gaps", "one word"),
    ],
)
def test_a_damaged_record_is_refused(name: str, wrong: object) -> None:
    values = received("id").as_dict()
    with pytest.raises(InvalidRequest, match=name):
        RxResult.from_dict({**values, name: wrong})
    if name in {"call_id", "success", "status", "outcome", "result_code"}:
        with pytest.raises(InvalidRequest, match=name):
            RxResult.from_dict({key: value for key, value in values.items() if key != name})


def test_a_newer_record_is_read_too() -> None:
    values = {**received("id").as_dict(), "invented_later": 1}
    assert RxResult.from_dict(values) == received("id")


def test_the_oldest_is_first(inbox: InboundSpool) -> None:
    assert inbox.pending() == []
    for call_id, when in (("b", 20), ("a", 30), ("c", 10)):
        stored(inbox, call_id, when)
    (inbox.folder / "half.tif").write_bytes(b"II*\0")
    (inbox.folder / ".hidden.json.part").write_bytes(b"")
    (inbox.folder / "not an id.json").write_bytes(b"")
    assert inbox.pending() == ["c", "b", "a"]


def test_loaded_as_it_was_stored(inbox: InboundSpool) -> None:
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
        inbox.load("nix")
    with pytest.raises(InvalidRequest):
        inbox.load("../a")


def test_removed(inbox: InboundSpool) -> None:
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
    """Wherever it ends, the fax is either pending and whole, or waste that is cleaned up."""

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
    assert inbox.has("a"), "a copy in the spool is none that nobody has seen"
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
