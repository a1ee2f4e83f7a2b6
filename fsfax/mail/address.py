"""Mail addresses: ``NUMBER@DOMAIN`` of a fax, and the addresses of senders. Pure.

A number may be written as people write it, ``+353-1-5550100`` or ``"01 555 0100"`` (quoted), or as
in RFC 3192, ``FAX=+35315550100``. What follows a plus that is not the first character is a tag of
the sender (``5550100+invoice-17``) and not part of the number. A number with letters is refused,
not guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fsfax.mail.refusal import SmtpRefusal
from fsfax.runtime.sanitize import one_line

_LONGEST_LOCAL = 64  # octets, RFC 5321 4.5.3.1.1
_LONGEST_DOMAIN = 255  # octets, RFC 5321 4.5.3.1.2
_LONGEST = 254  # octets: a path has 256 with its brackets, RFC 5321 4.5.3.1.3

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}\Z")
_SEPARATORS = re.compile(r"[\s().\-/]+")
"""Characters that people write between digits."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PREFIX = "FAX="


@dataclass(frozen=True, slots=True)
class FaxAddress:
    """The address of a fax.

    number: digits, ``*``, ``#`` and a leading ``+``. domain: in lower case; of an international
    one the ASCII form (A-labels). tag: what the sender wrote after the number for own use.
    """

    number: str
    domain: str
    tag: str = ""


def read_domains(address: str) -> tuple[str, ...]:
    """Return the domain of an address in ASCII, and in Unicode where that differs.

    Raises:
        SmtpRefusal: 550, it is not a mail address.
    """
    _, domain = _split(address, "5.1.3")
    if "xn--" not in domain:
        return (domain,)
    try:
        return (domain, domain.encode("ascii").decode("idna"))
    except UnicodeError:
        return (domain,)


def read_recipient(address: str) -> FaxAddress:
    """Return the number and domain of a recipient's address.

    Raises:
        SmtpRefusal: 550, it has no number or no domain, or is not a mail address.
    """
    local, domain = _split(address, "5.1.3")
    text = local[len(_PREFIX) :] if local[: len(_PREFIX)].upper() == _PREFIX else local
    text = text.strip()
    number, _, tag = text[1:].partition("+")
    number = _SEPARATORS.sub("", text[:1] + number)
    shown = one_line(local, 80)
    if not number.strip("+"):
        raise SmtpRefusal(550, "5.1.3", f"fax number {shown!r} is empty: write NUMBER@{domain}")
    if not _NUMBER.match(number):
        raise SmtpRefusal(550, "5.1.3", f"fax number {shown!r} is invalid: write NUMBER@{domain}")
    return FaxAddress(number, domain, one_line(tag, _LONGEST_LOCAL))


def read_sender(address: str) -> str:
    """Return the address of a sender, "" for that of a bounce (``<>``).

    The domain is returned in lower case. The local part is unchanged: only the sender's own server
    knows whether its case matters.

    Raises:
        SmtpRefusal: 550, it is not a mail address.
    """
    if address in ("", "<>"):
        return ""
    _split(address, "5.1.7")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _split(address: str, status: str) -> tuple[str, str]:
    """Return the local part, unquoted, and the domain, after checking the limits of both."""
    shown = one_line(address, 80)
    local, at, domain = address.rpartition("@")
    if not at or not local:
        raise SmtpRefusal(550, status, f"invalid address {shown!r}")
    try:
        octets = len(address.encode())
        if octets > _LONGEST or len(local.encode()) > _LONGEST_LOCAL:
            raise SmtpRefusal(550, status, f"invalid address {shown!r}: too long")
        ascii_domain = _ascii(domain)
    except UnicodeError as error:
        raise SmtpRefusal(550, status, f"invalid address {shown!r}") from error
    if not address.isprintable():
        raise SmtpRefusal(550, status, f"invalid address {shown!r}: it has an invisible character")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    return local, ascii_domain


def _ascii(domain: str) -> str:
    plain = domain.removesuffix(".").lower()
    if not plain.isascii():
        plain = plain.encode("idna").decode("ascii").lower()
    if len(plain) > _LONGEST_DOMAIN or not all(map(_LABEL.match, plain.split("."))):
        raise UnicodeError("not a domain")
    return plain
