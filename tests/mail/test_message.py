"""Parsed messages: nested, damaged, hostile, huge."""

from __future__ import annotations

import io
import itertools
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.mail import message
from fsfax.mail.message import Mail, parse_mail
from fsfax.mail.refusal import SmtpRefusal
from tests.mail.mails import PDF, mail, picture, raw

_folders = itertools.count()


@pytest.fixture
def apart(tmp_path: Path) -> Any:
    def take(data: bytes, **more: Any) -> Mail:
        folder = tmp_path / str(next(_folders))
        folder.mkdir()
        return parse_mail(io.BytesIO(data), folder, **more)

    return take


def test_a_mail_with_an_attachment(apart: Any) -> None:
    made = mail(("letter.pdf", "application/pdf", PDF), Subject="Grüße")
    found = apart(raw(made))
    text, letter = found.parts
    assert (found.subject, found.message_id) == ("Grüße", "<1@example.com>")
    assert (text.media_type, text.attached) == ("text/plain", False)
    assert (letter.name, letter.attached, letter.size) == ("letter.pdf", True, len(PDF))
    assert found.file(letter).read_bytes() == PDF
    assert found.file(letter).name == "letter.pdf"
    assert letter.head == PDF[:4096]


def test_nested_parts_are_listed_in_order(apart: Any) -> None:
    """As mailers write them: mixed > related > alternative, and a forwarded mail."""
    made = EmailMessage()
    made.set_content("hello")
    made.add_alternative("<p>hello <img src='cid:logo'>", subtype="html")
    html = made.get_payload()[1]  # type: ignore[index]
    html.add_related(picture(900, 90), "image", "png", cid="<logo>")
    made.add_attachment(PDF, maintype="application", subtype="pdf", filename="a.pdf")
    made.add_attachment(mail(("inner.pdf", "application/pdf", PDF)))
    found = apart(raw(made))
    assert [(part.media_type, part.related) for part in found.parts] == [
        ("text/plain", False),
        ("text/html", False),
        ("image/png", True),
        ("application/pdf", False),
        ("message/rfc822", False),
    ]
    assert found.parts[-1].size == 0  # not opened


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("no-such-charset", "Grüße".encode(), "Grüße"),
        ("punycode", b"hello", "hello"),  # a codec that takes the square of the length
        ("zip", b"hello", "hello"),
        ("utf-8", b"\xff\xfe\xfd", "\ufffd\ufffd\ufffd"),
    ],
)
def test_a_text_in_any_charset_becomes_utf_8(
    apart: Any, label: str, data: bytes, text: str
) -> None:
    head = f"Content-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    found = apart(head.encode() + data)
    assert found.file(found.parts[0]).read_text(encoding="utf-8") == text


def test_hostile_names_are_sanitised(apart: Any) -> None:
    made = raw(mail(("x.pdf", "application/pdf", PDF)))
    for hostile in (b'"../../x.pdf"', b'"/etc/passwd"', b'".."', b'"a\x00b"', b'""', b'"' * 3):
        found = apart(made.replace(b'"x.pdf"', hostile))
        file = found.file(found.parts[1])
        assert file.read_bytes() == PDF
        assert "/" not in found.parts[1].name
    for field in (
        b"filename*=utf-8''a%2F..%2Fb%0D%0A.pdf",
        b"filename*0*=utf-8''a; filename*1*=%ff",
        b"filename==?utf-8?b?Li4vLi4veA==?=",
        b"filename*=punycode''a",
    ):
        found = apart(made.replace(b'filename="x.pdf"', field))
        assert found.file(found.parts[1]).read_bytes() == PDF


def test_hostile_subjects_are_one_line(apart: Any) -> None:
    for subject in (
        b"=?utf-8?q?a=0D=0ABcc:_eve=40example.com?=",
        b"=?utf-8?b?" + b"A" * 5000 + b"?=",
        b"=?unknown?q?x?=",
        b"\xff\xfe raw",
        b"(" * 3000,
        b"=?utf-8?q?=E2=80=AE?= x",
        b"a\x00b",
    ):
        found = apart(b"Subject: " + subject + b"\r\n\r\nhello")
        assert found.subject.isprintable()
        assert len(found.subject) <= 250
        found.subject.encode()


def test_a_mail_that_is_sent_again_is_the_same(apart: Any) -> None:
    made = raw(mail(("a.pdf", "application/pdf", PDF)))
    first = apart(made)
    again = apart(b"Received: by relay; today\r\nDKIM-Signature: x\r\n" + made)
    assert first.identity == again.identity
    assert first.named
    others = [
        made.replace(b"<1@example.com>", b"<2@example.com>"),
        made.replace(b"Please", b"please"),
        made + b" ",
    ]
    assert len({first.identity, *(apart(other).identity for other in others)}) == 4
    nameless = raw(mail(("a.pdf", "application/pdf", PDF), message_id=None))
    assert not apart(nameless).named
    assert apart(b"Date: Thu, 26 Nov 2026 00:00:00 +0000\r\n" + nameless).named


def nested(depth: int) -> bytes:
    lines = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (each, each)
        for each in range(depth)
    )
    return lines + b"Content-Type: text/plain\r\n\r\nhello\r\n"


def wide(count: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * count


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (nested(message.MAX_DEPTH + 1), "deep"),
        (nested(50_000), "more than 100 parts"),
        (wide(message.MAX_PARTS), "more than 100 parts"),
        (wide(200_000), "more than 100 parts"),
        (b"X: " + b"y" * message.MAX_HEADER, "the header has more than"),
        (b"X: y\r\n" * 50_000, "the header has more than"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 5000, "more than 100 parts"),
    ],
)
def test_a_mail_beyond_a_limit_is_refused(apart: Any, data: bytes, why: str) -> None:
    with pytest.raises(SmtpRefusal, match=why) as refused:
        apart(data)
    assert refused.value.code == 554


def test_parsing_has_a_time_limit(apart: Any) -> None:
    times = itertools.count(step=message.MAX_SECONDS)
    with pytest.raises(SmtpRefusal, match="took more than 30 s"):
        apart(b"X: y\r\n\r\n" + b"line\r\n" * 100_000, clock=lambda: next(times))


def test_a_mail_at_the_limits_is_parsed(apart: Any) -> None:
    assert len(apart(nested(message.MAX_DEPTH)).parts) == 1
    most = message.MAX_PARTS - 2  # the parser makes one more where the end is missing
    assert len(apart(wide(most)).parts) == most


def test_damaged_mails_are_read_as_far_as_possible(apart: Any) -> None:
    made = raw(mail(("a.pdf", "application/pdf", PDF)))
    for data in (
        made[: -len(b"--\r\n") - 60],  # the last boundary is missing
        made.replace(b"base64", b"nonsense"),
        made.replace(b"multipart/mixed", b"multipart"),
        b"\r\n" + made,
        b"",
        b"\r\n",
        b"no header at all",
    ):
        apart(data)


FIELD = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: multipart/related; boundary=b",
        b"Content-Type: application/pdf; name=",
        b"Content-Type: ;;;",
        b"Content-Type: text/plain; charset*=x'y'z",
        b"Content-Disposition: attachment; filename*0*=a; filename*2*=b",
        b"Content-Disposition: =?x?",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: x-uuencode",
        b"Content-ID: <<",
        b"Message-ID: <a@[",
        b"Message-ID: ",
        b"Subject: =?utf-8?b?w?=",
        b"Date: 99",
        b"Auto-Submitted: (",
        b"\x80\xff",
        b" folded",
        b"",
        b"--b",
        b"--b--",
        b"begin 644 x",
        b"JVBERi0xLjQ=",
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(FIELD, st.binary(max_size=40)), max_size=30))
def test_any_bytes_are_parsed_or_refused(apart: Any, lines: list[bytes]) -> None:
    try:
        found = apart(b"\r\n".join(lines))
    except SmtpRefusal:
        return
    assert found.subject.isprintable()
    for part, file in zip(found.parts, found.files, strict=True):
        assert file.stat().st_size == part.size
        assert part.media_type.isprintable()
    for name in ("received", "auto-submitted", "message-id"):
        assert all(isinstance(value, str) for value in found.header(name))
