"""Addresses: ``NUMBER@DOMAIN`` of a fax, and those that mails come from. Pure.

A number is written as people write it: ``+353-1-5550100``, ``"01 555 0100"`` (quoted), or as RFC
3192 has it, ``FAX=+35315550100``. What follows a plus that is not the first sign is a tag of the
sender's own (``5550100+invoice-17``) and no part of the number. Letters are no part of a number
either: an address that has some is refused, not guessed at.
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
_BETWEEN = re.compile(r"[\s().\-/]+")
"""What people write between digits."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PREFIX = "FAX="


@dataclass(frozen=True, slots=True)
class FaxAddress:
    """Where a mail wants to go.

    number: digits, ``*``, ``#`` and a leading ``+``. domain: lower case; of an international one
    the ASCII form (A-labels). tag: what the sender wrote behind the number for himself.
    """

    number: str
    domain: str
    tag: str = ""


def read_domains(address: str) -> tuple[str, ...]:
    """Return the spellings of an address's domain: as on the wire, and as people write it.

    Raises:
        SmtpRefusal: 550, it is no address.
    """
    _, domain = _split(address, "5.1.3")
    if "xn--" not in domain:
        return (domain,)
    try:
        return (domain, domain.encode("ascii").decode("idna"))
    except UnicodeError:
        return (domain,)


def read_recipient(address: str) -> FaxAddress:
    """Read the address that a fax is sent to.

    Raises:
        SmtpRefusal: 550, it has no number or no domain, or is no address at all.
    """
    local, domain = _split(address, "5.1.3")
    text = local[len(_PREFIX) :] if local[: len(_PREFIX)].upper() == _PREFIX else local
    text = text.strip()
    number, _, tag = text[1:].partition("+")
    number = _BETWEEN.sub("", text[:1] + number)
    shown = one_line(local, 80)
    if not number.strip("+"):
        raise SmtpRefusal(550, "5.1.3", f"fax number {shown!r} is empty: write NUMBER@{domain}")
    if not _NUMBER.match(number):
        raise SmtpRefusal(550, "5.1.3", f"fax number {shown!r} is invalid: write NUMBER@{domain}")
    return FaxAddress(number, domain, one_line(tag, _LONGEST_LOCAL))


def read_sender(address: str) -> str:
    """Return the address that a mail comes from, "" for that of a bounce (``<>``).

    Its domain is in lower case; of the part before it nobody but its own house knows whether
    case matters.

    Raises:
        SmtpRefusal: 550, it is no address.
    """
    if address in ("", "<>"):
        return ""
    _split(address, "5.1.7")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _split(address: str, status: str) -> tuple[str, str]:
    """The part before the at sign, unquoted, and the domain, both within their limits."""
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
    if any(not sign.isprintable() for sign in address):
        raise SmtpRefusal(550, status, f"invalid address {shown!r}: a sign that cannot be seen")
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
