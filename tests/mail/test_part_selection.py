"""Part selection: what is faxed, what is skipped, what refuses the mail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.mail.part_selection import MAX_ATTACHMENTS, Part, TextPolicy, choose, image_size, judge
from fsfax.mail.refusal import SmtpRefusal
from tests.mail.mails import OFFICE_HEAD, PDF, bomb, picture

WIDE, SMALL = picture(800, 100), picture(120, 60)
JPEG, GIF = picture(800, 100, "JPEG"), picture(800, 100, "GIF")
TIFF = picture(800, 100, "TIFF")


def part(media_type: str, head: bytes, name: str = "", **more: Any) -> Part:
    return Part(number=1, media_type=media_type, name=name, size=len(head), head=head, **more)


def no_office(head: bytes, name: str) -> bool:
    return False


def some_office(head: bytes, name: str) -> bool:
    return head == OFFICE_HEAD


CASES = [
    (part("application/pdf", PDF, "a.pdf", attached=True), "document"),
    (part("application/pdf", PDF), "document"),  # inline, without a name
    (part("application/octet-stream", PDF, "a.pdf", attached=True), "document"),
    (part("application/octet-stream", PDF, "a.bin", attached=True), "document"),
    (part("application/x-anything", PDF, attached=True), "document"),
    (part("image/tiff", TIFF, "a.tif", attached=True), "document"),
    (part("application/pdf", TIFF, "a.pdf", attached=True), "document"),  # bytes say what it is
    (part("image/png", SMALL, "scan.png", attached=True), "document"),  # on purpose
    (part("image/png", WIDE, "photo.png"), "document"),
    (part("image/jpeg", JPEG), "document"),
    (part("text/plain", b"a list", "list.txt", attached=True), "document"),
    (part("application/octet-stream", b"a list", "list.TXT", attached=True), "document"),
    (part("application/vnd.oasis.opendocument.text", OFFICE_HEAD, "a.odt"), "document"),
    # text
    (part("text/plain", b"hello"), "text"),
    (part("text/plain", b"hello", attached=True, name="ATT00001.txt"), "text"),  # Exchange
    # passed over
    (part("text/html", b"<p>hello"), "skipped"),
    (part("text/html", b"<p>hello", "a.html", attached=True), "skipped"),
    (part("application/pkcs7-signature", b"\x30\x80", "smime.p7s", attached=True), "skipped"),
    (part("application/pgp-signature", b"-----", "signature.asc"), "skipped"),
    (part("text/calendar", b"BEGIN:VCALENDAR", "invite.ics"), "skipped"),
    (part("text/vcard", b"BEGIN:VCARD", "ann.vcf", attached=True), "skipped"),
    (part("message/rfc822", b"", "old.eml", attached=True), "skipped"),
    (part("image/png", WIDE, "image001.png", related=True), "skipped"),
    (part("image/png", SMALL, "logo.png"), "skipped"),
    (part("image/jpeg", picture(800, 5, "JPEG"), "line.jpg"), "skipped"),
    (part("image/gif", GIF, "logo.gif"), "skipped"),
    # unusable
    (part("image/gif", GIF, "a.gif", attached=True), "unusable"),
    (part("application/pdf", b"hello", "a.pdf", attached=True), "unusable"),
    (part("application/pdf", b"", "a.pdf", attached=True), "unusable"),
    (part("image/png", b"not a picture", "a.png", attached=True), "unusable"),
    (part("application/zip", b"PK\x03\x04", "a.zip", attached=True), "unusable"),
    (part("application/octet-stream", b"a,b", "a.csv", attached=True), "unusable"),
    (part("text/csv", b"a,b", "a.csv", attached=True), "unusable"),
    (part("application/x-msdownload", b"MZ\0", "a.pdf.exe", attached=True), "unusable"),
    (part("application/ms-tnef", b"\x78\x9f", "winmail.dat", attached=True), "unusable"),
    (part("application/pkcs7-mime", b"\x30\x80", "smime.p7m", attached=True), "unusable"),
    (part("application/pgp-encrypted", b"Version: 1"), "unusable"),
]


@pytest.mark.parametrize(("each", "use"), CASES, ids=lambda value: getattr(value, "shown", value))
def test_the_decision_about_a_part(each: Part, use: str) -> None:
    judged = judge(each, some_office)
    assert judged.use == use
    assert bool(judged.why) == (use in ("skipped", "unusable"))


def test_an_office_document_without_libreoffice_is_refused() -> None:
    judged = judge(part("application/msword", OFFICE_HEAD, "a.odt"), no_office)
    assert judged.use == "unusable"
    assert "Office document" in judged.why


TEXT = part("text/plain", b"hello")
FOOTER = Part(number=3, media_type="text/plain", size=4, head=b"ads!")
LETTER = Part(number=2, media_type="application/pdf", size=len(PDF), head=PDF, name="a.pdf")


@pytest.mark.parametrize(
    ("policy", "parts", "faxed"),
    [
        ("never", [TEXT, LETTER], [LETTER]),
        ("alone", [TEXT, LETTER], [LETTER]),
        ("alone", [TEXT, FOOTER], [TEXT]),
        ("first", [LETTER, TEXT, FOOTER], [TEXT, LETTER]),
        ("first", [TEXT], [TEXT]),
        ("first", [part("text/plain", b" \r\n"), FOOTER], [FOOTER]),
    ],
)
def test_the_text_is_faxed_by_policy(
    policy: TextPolicy, parts: list[Part], faxed: list[Part]
) -> None:
    choice = choose(parts, policy, no_office)
    assert list(choice.documents) == faxed
    assert [each for each, _ in choice.left_out] == [each for each in parts if each not in faxed]
    assert all(why for _, why in choice.left_out)


@pytest.mark.parametrize("policy", ["never", "alone", "first"])
def test_nothing_to_fax_is_refused(policy: TextPolicy) -> None:
    for parts in ([], [part("text/html", b"<p>")], [part("text/plain", b" ")]):
        with pytest.raises(SmtpRefusal, match="no valid attachment") as refused:
            choose(parts, policy, no_office)
        assert refused.value.code == 554


def test_one_attachment_that_cannot_be_faxed_refuses_the_mail() -> None:
    """No success is reported for two of three documents."""
    sheet = part("application/zip", b"PK\x03\x04", "all.zip", attached=True)
    with pytest.raises(SmtpRefusal, match=r"all\.zip.*ZIP archive"):
        choose([LETTER, sheet], "never", no_office)


def test_the_order_is_that_of_the_mail_and_the_number_is_limited() -> None:
    many = [
        Part(number=number, media_type="application/pdf", size=9, head=PDF)
        for number in range(MAX_ATTACHMENTS + 1)
    ]
    assert choose(many[:-1], "never", no_office).documents == tuple(many[:-1])
    with pytest.raises(SmtpRefusal, match="more than 50"):
        choose(many, "never", no_office)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (picture(123, 45), (123, 45)),
        (picture(123, 45, "JPEG"), (123, 45)),
        (bomb(2**31 - 1, 7), (2**31 - 1, 7)),
        (b"\xff\xd8\xff\xe0\x00\x00\xff\xc0\x00\x11\x08\x00\x02\x00\x03", (3, 2)),
        (b"\xff\xd8", None),
        (PDF, None),
        (b"", None),
    ],
)
def test_the_size_of_a_picture(data: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(data) == size


@given(st.binary(max_size=200))
def test_the_size_of_any_bytes_is_none_or_positive(data: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        size = image_size(start + data)
        assert size is None or (size[0] >= 0 and size[1] >= 0)
