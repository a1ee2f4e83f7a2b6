"""Part selection: which parts of a mail are faxed, which are skipped, which refuse it. Pure.

A part is judged by its place, its media type and its first bytes, in this order:

    signature, vCard, invitation, mail within the mail ──────────► skipped
    picture of the HTML text, small inline picture ──────────────► skipped
    the mail's own text ─────────────────────────────────────────► by policy
    PDF, TIFF, PNG, JPEG, attached text, office document ────────► faxed, in the mail's order
    anything else ───────────────────────────────────────────────► the mail is refused

The last line is deliberate: a sender who attaches three documents, one of which cannot be faxed,
must not get a success for the other two. Media types are unreliable (many mailers label everything
``application/octet-stream``): the type of a document is read from its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fsfax.document.kinds import sniff
from fsfax.errors import DocumentError
from fsfax.mail.refusal import SmtpRefusal

TextPolicy = Literal["never", "alone", "first"]
"""The mail's own text: never faxed; faxed if nothing else is; faxed as the first page."""

MAX_ATTACHMENTS = 50

_SMALLEST = (700, 10)
"""Width and height in pixels below which an inline picture is decoration, as in Kazoo."""

_SKIPPED = {
    "application/pgp-keys": "a key",
    "application/pgp-signature": "a signature",
    "application/pkcs7-signature": "a signature",
    "application/x-pkcs7-signature": "a signature",
    "application/ics": "an invitation",
    "text/calendar": "an invitation",
    "text/directory": "a vCard",
    "text/vcard": "a vCard",
    "text/x-vcard": "a vCard",
    "text/html": "HTML",
    "text/rfc822-headers": "part of a report",
}
_UNUSABLE = {
    "application/ms-tnef": "is in Outlook's own format: send the mail as HTML or plain text",
    "application/pkcs7-mime": "is encrypted or signed (S/MIME): send it in the clear",
    "application/x-pkcs7-mime": "is encrypted or signed (S/MIME): send it in the clear",
    "application/pgp-encrypted": "is encrypted: send it in the clear",
}
_EXCHANGE_TEXT = re.compile(r"ATT\d+\.txt\Z", re.IGNORECASE)
"""The name that Exchange gives to text after an attachment."""

_NEVER_TEXT = ("application/pdf", "application/x-pdf", "image/")
_TEXT_SUFFIXES = (".txt", ".text", ".log", ".asc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a mail that has no parts itself.

    media_type: from its header, in lower case. name: sanitised, "" for none.
    attached: its disposition is ``attachment``. related: it is in ``multipart/related`` and has a
    Content-ID, so that the HTML text can show it. size: of the decoded bytes; head: the first of
    them.
    """

    number: int
    media_type: str
    name: str = ""
    attached: bool = False
    related: bool = False
    size: int
    head: bytes

    @property
    def shown(self) -> str:
        """The name, else number and type: how messages to the sender name the part."""
        return self.name or f"part {self.number} ({self.media_type})"


@dataclass(frozen=True, slots=True)
class PartDecision:
    """How a part is used; ``why``: the reason if it is not faxed."""

    use: Literal["document", "text", "skipped", "unusable"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class PartSelection:
    """Parts that are faxed, in order, and those that are not, with the reason."""

    documents: tuple[Part, ...]
    left_out: tuple[tuple[Part, str], ...]


def judge(part: Part, office: Callable[[bytes, str], bool]) -> PartDecision:
    """Return what is done with one part.

    Args:
        part: the part.
        office: returns for the first bytes and the name whether it is an office document that
            can be converted here.
    """
    if why := _skipped_by_type(part):
        return PartDecision("skipped", why)
    if part.media_type in _UNUSABLE:
        return PartDecision("unusable", _UNUSABLE[part.media_type])
    if part.media_type == "text/plain" and _is_body(part):
        return PartDecision("text")
    if office(part.head, part.name):
        return PartDecision("document")
    try:
        kind = sniff(part.head)
    except DocumentError as error:
        return PartDecision("unusable", str(error))
    if kind == "text" and not _may_be_text(part):
        return PartDecision("unusable", f"is labelled {part.media_type}, but its content is not")
    return PartDecision("document")


def choose(
    parts: Iterable[Part], policy: TextPolicy, office: Callable[[bytes, str], bool]
) -> PartSelection:
    """Return the parts that are faxed and those that are not.

    Raises:
        SmtpRefusal: 554, there is no document, more than 50, or one that cannot be faxed.
    """
    documents: list[Part] = []
    texts: list[Part] = []
    left_out: list[tuple[Part, str]] = []
    unusable: list[str] = []
    for part in parts:
        judged = judge(part, office)
        if judged.use == "document":
            documents.append(part)
        elif judged.use == "text":
            texts.append(part)
        else:
            left_out.append((part, judged.why))
            if judged.use == "unusable":
                unusable.append(f"{part.shown}: {judged.why}")
    if unusable:
        raise SmtpRefusal(554, "5.6.1", f"no valid attachment: {'; '.join(unusable)}")
    if len(documents) > MAX_ATTACHMENTS:
        raise SmtpRefusal(554, "5.6.0", f"more than {MAX_ATTACHMENTS} attachments")
    wanted = [] if policy == "never" or (policy == "alone" and documents) else _first_text(texts)
    left_out += [(text, "the text of a mail is not faxed") for text in texts if text not in wanted]
    if not documents and not wanted:
        raise SmtpRefusal(554, "5.6.1", _NOTHING[policy != "never"])
    return PartSelection((*wanted, *documents), tuple(left_out))


_NOTHING = (
    "no valid attachment: attach a PDF, TIFF, PNG or JPEG; the text of the mail is not faxed",
    "no valid attachment, and no plain text: attach a PDF, TIFF, PNG or JPEG",
)


def image_size(head: bytes) -> tuple[int, int] | None:
    """Return width and height from the head of a PNG or JPEG, None if they are not in it."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if not head.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        # SOF0…SOF15 but for DHT, JPG and DAC (ITU-T T.81, table B.1)
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # noqa: PLR2004
            height, width = head[at + 5 : at + 7], head[at + 7 : at + 9]
            return int.from_bytes(width), int.from_bytes(height)
        at += 2 + max(length, 2)
    return None


def _skipped_by_type(part: Part) -> str:
    """Return why a part is skipped, "" if it is not."""
    if part.media_type.startswith("message/"):
        return "a mail within the mail is not opened"
    if what := _SKIPPED.get(part.media_type):
        return f"{what} is not faxed"
    if part.media_type.startswith("image/") and not part.attached:
        return _decoration(part)
    return ""


def _is_body(part: Part) -> bool:
    """Return whether a plain text is the mail's own text, and not an attached file."""
    if _EXCHANGE_TEXT.match(part.name):
        return True
    return not part.attached and not part.name


def _decoration(part: Part) -> str:
    if part.related:
        return "a picture of the HTML text"
    size = image_size(part.head)
    if size and (size[0] < _SMALLEST[0] or size[1] < _SMALLEST[1]):
        return f"an inline picture of {size[0]} x {size[1]} pixels is not faxed"
    try:
        sniff(part.head)
    except DocumentError:
        return "an inline picture of a type that is not faxed"
    return ""


def _may_be_text(part: Part) -> bool:
    """Return whether a part whose bytes are text is labelled or named as text."""
    if part.media_type.startswith(_NEVER_TEXT):
        return False
    return part.media_type == "text/plain" or part.name.lower().endswith(_TEXT_SUFFIXES)


def _first_text(texts: list[Part]) -> list[Part]:
    """Return the text of the sender; further texts are footers of mailing lists and scanners."""
    return [text for text in texts if text.head.strip()][:1]
