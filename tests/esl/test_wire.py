"""The bytes of the event socket: frames and commands are read, headers decoded, both encoded."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsfax.errors import InvalidCommand, ProtocolError
from fsfax.esl.wire import (
    Command,
    CommandReader,
    Event,
    Frame,
    FrameReader,
    Headers,
    encode_command,
    encode_event,
    encode_frame,
    encode_reply,
    percent_decode,
    percent_encode,
)

_BODY = (
    b"Event-Name: BACKGROUND_JOB\n"
    b"Job-UUID: 7f4d\n"
    b"Content-Length: 41\n"
    b"\n"
    b"+OK 40e2\nEvent-Name: FORGED\n\nsecond line\n"
)
JOB = b"Content-Length: %d\nContent-Type: text/event-plain\n\n%b" % (len(_BODY), _BODY)
STREAM = (
    b"Content-Type: auth/request\n\n"
    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
    + JOB
    + b"Content-Type: api/response\nContent-Length: 3\n\n\n\n\n"
    b"Content-Type: text/disconnect-notice\nContent-Length: 9\n\nGood bye\n"
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
header_names = st.text(
    st.characters(codec="utf-8", exclude_characters=":\r\n\0"), min_size=1, max_size=12
).filter(lambda name: name.lower().strip() != "content-length")


def frames(data: bytes) -> list[Frame]:
    reader = FrameReader()
    found = reader.feed(data)
    reader.eof()
    return found


def plain(frame: Frame) -> tuple[dict[str, str], bytes]:
    return dict(frame.headers), frame.body


def only(data: bytes) -> Frame:
    (frame,) = frames(data)
    return frame


# --- frames ------------------------------------------------------------------------------------


def test_the_frames_of_a_stream() -> None:
    found = frames(STREAM)
    assert [frame.content_type for frame in found] == [
        "auth/request",
        "command/reply",
        "text/event-plain",
        "api/response",
        "text/disconnect-notice",
    ]
    assert found[1].headers["Reply-Text"] == "+OK accepted"
    assert found[3].body == b"\n\n\n"
    assert found[4].body == b"Good bye\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
@example(list(range(len(STREAM))))
def test_any_fragmentation_yields_the_same_frames(cuts: list[int]) -> None:
    reader = FrameReader()
    places = [0, *sorted(cuts), len(STREAM)]
    found = [
        frame
        for start, end in itertools.pairwise(places)
        for frame in reader.feed(STREAM[start:end])
    ]
    reader.eof()
    assert [plain(frame) for frame in found] == [plain(frame) for frame in frames(STREAM)]


def test_a_frame_is_returned_when_it_is_complete() -> None:
    reader = FrameReader()
    assert not reader.feed(JOB[:-1])
    assert len(reader.feed(JOB[-1:])) == 1


def test_line_ends_between_frames_are_ignored() -> None:
    reader = FrameReader()
    assert len(reader.feed(b"\n\r\n\nContent-Type: a\n\n\n\n")) == 1
    reader.eof()


def test_crlf_is_accepted() -> None:
    frame = only(b"Content-Type: a/B\r\nX\r\nContent-Length: 4\r\n\r\n\r\n\r\n")
    assert (frame.content_type, frame.body) == ("a/b", b"\r\n\r\n")


def test_a_frame_without_a_content_type() -> None:
    assert only(b"Reply-Text: +OK\n\n").content_type == ""


def test_outer_headers_are_not_percent_encoded() -> None:
    assert only(b"Reply-Text: 100%25 %0A\n\n").headers["reply-text"] == "100%25 %0A"


@pytest.mark.parametrize(
    "length",
    ["x", "-1", "1 2", "0x10", "+3", "1.0", "\u0663", "9" * 13, "9" * 5000, ""],
)
def test_an_invalid_length_is_refused(length: str) -> None:
    with pytest.raises(ProtocolError):
        FrameReader().feed(f"Content-Length: {length}\n\n".encode())


def test_the_limit_on_a_body() -> None:
    assert not FrameReader(limit=100).feed(b"Content-Length: 81\n\n")
    with pytest.raises(ProtocolError, match="over the limit of 100"):
        FrameReader(limit=100).feed(b"Content-Length: 83\n\n")


def test_the_limit_on_headers_in_pieces() -> None:
    reader = FrameReader(limit=100)
    for _ in range(10):
        reader.feed(b"A: 3456789")
    with pytest.raises(ProtocolError, match="not an event socket"):
        reader.feed(b"x")


def test_the_limit_on_headers_at_once() -> None:
    with pytest.raises(ProtocolError):
        FrameReader(limit=100).feed(b"A: " + b"x" * 100 + b"\n\n")


@pytest.mark.parametrize("part", [b"Content-Ty", b"A: b\n", b"Content-Length: 3\n\nab", b" "])
def test_an_end_in_the_middle(part: bytes) -> None:
    reader = FrameReader()
    assert not reader.feed(part)
    with pytest.raises(ProtocolError, match="middle"):
        reader.eof()


@given(st.lists(st.binary(max_size=60), max_size=8))
@example([b"Content-Length: 5\n\nab"])
@example([b"\xff\xfe: \xff\n:\n\n"])
def test_garbage_yields_frames_or_a_protocol_error(pieces: list[bytes]) -> None:
    for reader in (FrameReader(limit=100), CommandReader(limit=100)):
        try:
            for piece in pieces:
                for item in reader.feed(piece):
                    probe(item)
            if isinstance(reader, FrameReader):
                reader.eof()
        except ProtocolError:
            continue


def probe(item: Frame | Command) -> None:
    """Read an item in every way; none may raise."""
    mapping_laws(item.headers)
    if isinstance(item, Frame):
        assert isinstance(item.content_type, str)
        event = Event.from_frame(item)
        mapping_laws(event.headers)
        assert isinstance(event.uuid + event.variable("x"), str)
    else:
        assert isinstance(item.verb + item.arg, str)


def mapping_laws(headers: Headers) -> None:
    names = list(headers)
    assert len(names) == len(headers) == len({name.encode().lower() for name in names})
    for name in names:
        assert name in headers
        assert headers[name] == headers.get_all(name)[0]
        assert headers.array(name) is not None
    assert repr(headers).startswith("Headers({")


@given(st.binary(max_size=200))
@example(b"\xff: 1\n\xff: 2")
@example(b":empty name\n\n")
def test_any_block_is_a_mapping(block: bytes) -> None:
    mapping_laws(Headers(block))
    mapping_laws(Headers(block, encoded=False))


@given(st.binary(max_size=200))
def test_any_body_is_an_event(data: bytes) -> None:
    assert isinstance(Event.from_body(data).name, str)


# --- headers -----------------------------------------------------------------------------------


def test_names_have_no_case() -> None:
    headers = Headers(b"Unique-ID: 1\nvariable_Fax: 2")
    assert headers["unique-id"] == headers["UNIQUE-ID"] == "1"
    assert "VARIABLE_FAX" in headers
    assert "variable_fa" not in headers
    assert "variable_faxe" not in headers
    assert 3 not in headers
    assert list(headers) == ["Unique-ID", "variable_Fax"]


def test_a_name_is_a_whole_name() -> None:
    headers = Headers(b"Other-Unique-ID: 1\nUnique-ID-Other: 2\nUnique-ID: 3\nX: Unique-ID: 4")
    assert headers.get_all("Unique-ID") == ["3"]


def test_a_name_that_is_missing() -> None:
    headers = Headers(b"A: 1")
    assert headers.get("B") is None
    assert headers.get("B", "x") == "x"
    assert headers.raw("B") is None
    assert headers.get_all("B") == headers.array("B") == []
    assert "" not in headers
    assert "A\n" not in headers
    assert "" not in Headers(b"")
    with pytest.raises(KeyError):
        headers["B"]


def test_a_header_without_a_value_or_a_colon() -> None:
    headers = Headers(b"Empty:\nBlank:   \nBare\nLast")
    assert dict(headers) == {"Empty": "", "Blank": "", "Bare": "", "Last": ""}


def test_values_keep_their_colons() -> None:
    assert Headers(b"A: b: c:d")["a"] == "b: c:d"
    assert Headers(b"A:no space")["a"] == "no space"


def test_duplicates_and_arrays() -> None:
    headers = Headers(b"A: 1\nB: ARRAY::x|:y%20z|:\na: 2\nB: last")
    assert headers["A"] == "1"
    assert headers.get_all("A") == headers.array("A") == ["1", "2"]
    assert headers.array("B") == ["x", "y z", "", "last"]
    assert len(headers) == 2


def test_values_are_decoded_when_read() -> None:
    headers = Headers(b"A: %2B49%20%C3%BC\nB: 100%\nC: %zz%4\nD: %ff\xfe")
    assert headers.raw("A") == b"%2B49%20%C3%BC"
    assert headers["A"] == "+49 ü"
    assert (headers["B"], headers["C"]) == ("100%", "%zz%4")
    assert headers["D"] == "\ufffd\ufffd"


def test_a_line_break_in_a_value_is_never_a_line() -> None:
    forged = "12%0AUnique-ID: forged%0D%0A%0D%0AEvent-Name: FORGED"
    event = Event.from_body(f"Event-Name: A\nFax: {forged}\n\n".encode())
    assert event.name == "A"
    assert event.uuid == ""
    assert event.get("Fax") == "12\nUnique-ID: forged\r\n\r\nEvent-Name: FORGED"
    assert list(event.headers) == ["Event-Name", "Fax"]


def test_repr_shows_them() -> None:
    assert repr(Headers(b"A: %20b")) == "Headers({'A': ' b'})"


# --- events ------------------------------------------------------------------------------------


def test_the_body_of_a_background_job_is_no_header() -> None:
    event = Event.from_frame(only(JOB))
    assert event.name == "BACKGROUND_JOB"
    assert event.get("Job-UUID") == "7f4d"
    assert event.body == b"+OK 40e2\nEvent-Name: FORGED\n\nsecond line\n"
    assert event.headers.get_all("Event-Name") == ["BACKGROUND_JOB"]


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("3", b"abc"),
        ("0", b""),
        ("99", b"abcdef"),
        ("x", b"abcdef"),
        ("", b"abcdef"),
        ("-1", b"abcdef"),
        ("9" * 20, b"abcdef"),
        ("9" * 5000, b"abcdef"),
    ],
)
def test_a_wrong_inner_length_is_survived(length: str, body: bytes) -> None:
    event = Event.from_body(f"Event-Name: X\nContent-Length: {length}\n\nabcdef".encode())
    assert (event.name, event.body) == ("X", body)


def test_look_ups_of_an_event() -> None:
    event = Event.from_body(
        b"Event-Name: CUSTOM\nEvent-Subclass: spandsp%3A%3Atxfaxresult\n"
        b"Unique-ID: 40e2\nvariable_fax_result: 1\n\n"
    )
    assert (event.name, event.subclass, event.uuid) == ("CUSTOM", "spandsp::txfaxresult", "40e2")
    assert event.variable("fax_result") == "1"
    assert event.variable("fax_ecm", "?") == event.get("x", "?") == "?"


def test_an_empty_event() -> None:
    event = Event.from_body(b"")
    assert (event.name, event.subclass, event.uuid, event.body) == ("", "", "", b"")


CAPTURES = sorted((Path(__file__).parent.parent / "engine" / "captures").glob("*.events"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_recorded_events_come_back_unchanged(capture: Path) -> None:
    for part in capture.read_bytes().split(b"# t=")[1:]:
        event = Event.from_body(part.partition(b"\n")[2])
        fields = [(name, event.headers[name]) for name in event.headers]
        fields = [field for field in fields if field[0] != "Content-Length"]
        again = Event.from_frame(only(encode_event(fields, event.body)))
        assert [(name, again.headers[name]) for name in again.headers][: len(fields)] == fields
        assert again.body == event.body


# --- encoding ----------------------------------------------------------------------------------


@given(text)
@example("%0A%0D%00")
def test_percent_encoding_comes_back(value: str) -> None:
    encoded = percent_encode(value)
    assert encoded.isascii()
    assert not set(encoded) & set("\r\n\0 ")
    assert percent_decode(encoded.encode()) == value


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert percent_decode(percent_encode("a\ud800").encode()) == "a?"


@given(
    st.lists(st.tuples(header_names, text), max_size=8, unique_by=lambda field: field[0].lower()),
    st.binary(max_size=50),
)
def test_an_event_comes_back(fields: list[tuple[str, str]], body: bytes) -> None:
    event = Event.from_frame(only(encode_event([("Event-Name", "X"), *fields], body)))
    assert event.name == "X"
    assert event.body == body
    for name, value in fields:
        assert value in event.headers.get_all(name)


@given(st.binary(max_size=80), st.integers(1, 7))
def test_a_command_comes_back(body: bytes, step: int) -> None:
    data = encode_command("sendmsg 40e2", [("call-command", "execute"), ("x", "")], body)
    reader = CommandReader()
    found = [
        command
        for start in range(0, len(data), step)
        for command in reader.feed(data[start : start + step])
    ]
    (command,) = found
    assert (command.line, command.verb, command.arg) == ("sendmsg 40e2", "sendmsg", "40e2")
    assert command.headers["Call-Command"] == "execute"
    assert command.headers["x"] == ""
    assert command.body == body


def test_commands_one_after_the_other() -> None:
    reader = CommandReader()
    found = reader.feed(b"auth ClueCon\n\nAPI  status x \n\nexit\n\n")
    assert [(command.verb, command.arg) for command in found] == [
        ("auth", "ClueCon"),
        ("api", "status x"),
        ("exit", ""),
    ]


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_commands_with_crlf_in_any_fragmentation(step: int) -> None:
    data = b"sendmsg 1\r\nA: b\r\nContent-Length: 6\r\n\r\nx\r\n\r\nyexit\r\n\r\n"
    reader = CommandReader()
    found = [c for start in range(0, len(data), step) for c in reader.feed(data[start:][:step])]
    assert [command.line for command in found] == ["sendmsg 1", "exit"]
    assert found[0].headers["a"] == "b"
    assert found[0].body == b"x\r\n\r\ny"


def test_a_command_over_the_limit() -> None:
    with pytest.raises(ProtocolError):
        CommandReader(limit=50).feed(b"x" * 51)


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\r\n\r\n"])
def test_line_breaks_are_refused(bad: str) -> None:
    word = f"a{bad}b"
    for encode in (
        lambda: encode_command(word),
        lambda: encode_command("a", [("n", word)]),
        lambda: encode_command("a", [(word, "v")]),
        lambda: encode_frame("a/b", [("n", word)]),
        lambda: encode_frame(word),
        lambda: encode_reply(word),
        lambda: encode_event([(word, "v")]),
    ):
        with pytest.raises(InvalidCommand, match=r"line break|header name"):
            encode()


@pytest.mark.parametrize("name", ["", "a:b"])
def test_an_invalid_header_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidCommand, match="is not a header name"):
        encode_command("a", [(name, "v")])


@pytest.mark.parametrize("line", ["", "  "])
def test_an_empty_command_is_refused(line: str) -> None:
    with pytest.raises(InvalidCommand, match="empty"):
        encode_command(line)


def test_the_bytes_of_each_kind() -> None:
    assert encode_command("api status") == b"api status\n\n"
    assert encode_command("a", [("B", "ü")], b"xyz") == (
        "a\nB: ü\nContent-Length: 3\n\nxyz".encode()
    )
    assert encode_reply("+OK") == b"Content-Type: command/reply\nReply-Text: +OK\n\n"
    assert encode_frame(None, [("A", "b")]) == b"A: b\n\n"
    assert encode_frame("api/response", (), b"") == (
        b"Content-Type: api/response\nContent-Length: 0\n\n"
    )
    assert encode_event([("A", "b c\n")], b"xy") == (
        b"Content-Type: text/event-plain\nContent-Length: 33\n\n"
        b"A: b%20c%0A\nContent-Length: 2\n\nxy"
    )
