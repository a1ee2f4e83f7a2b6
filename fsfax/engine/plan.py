"""The plan of one attempt: everything that is decided before dialling. Pure.

A plan is complete: file, pages, called number, attempt id, modes. The call ids, the channel
variables and the originate command follow from it, so that after a crash the same plan finds the
same calls again.
"""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from fsfax.engine import marks
from fsfax.errors import InvalidRequest
from fsfax.esl.dialstring import Gateway, Originate
from fsfax.runtime.timezone import posix_timezone
from fsfax.settings import CallTimeouts
from fsfax.values.numbers import DialNumber

MAX_IDENT = 20  # ITU-T T.30, 5.3.6.2.5: CSI, CIG and TSI have 20 characters
MAX_HEADER = 50  # SpanDSP's T30_MAX_PAGE_HEADER_INFO

# An unset variable means spandsp.conf's default ("SpanDSP Fax Ident"), and an originate cannot
# set one to nothing; a URL-encoded NUL decodes to the empty string.
_EMPTY = "%00"


def new_call_id() -> str:
    """Return a new attempt id, which is the Unique-ID of its first call, chosen before dialling."""
    return str(uuid.uuid4())


def call_ids(attempt_id: str, gateways: int) -> tuple[str, ...]:
    """Return the Unique-IDs of the calls that an attempt over that many gateways may make.

    The first is the attempt id itself; the others follow from it, so that all of them are
    known before anything is dialled.
    """
    others = (uuid.uuid5(uuid.NAMESPACE_OID, f"{attempt_id}/{n}") for n in range(1, gateways))
    return (attempt_id, *map(str, others))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPlan:
    """One attempt to send a file to a number.

    to: the called number.
    file: a TIFF-F in the spool, under our own path; ``pages`` is the number of its pages.
    start_page, end_page: the pages of the file to be sent, counted from 1; None = all.
    from_number, from_name: the caller id that the network shows.
    ident: our station id (TSI), at most 20 printable ASCII characters.
    header: text in the header line of each page, at most 50 characters; with neither header
        nor ident SpanDSP prints no header line.
    timezone: zone of the header's clock, a POSIX TZ string or an IANA name; "" = FreeSWITCH's.
    t38: "off" = audio only; "on" = ask for T.38, fall back to audio; "required" = end the call
        before the first page if T.38 is not negotiated.
    ecm: error correction (T.30 Annex A).
    v17: the modems above 9,600 bit/s.
    gateways: tried in order; the next one only if the call did not leave the one before.
    timeouts: the limits of the call's stages.
    marks_realm: of the outcome marks.
    """

    attempt_id: str
    to: DialNumber
    file: Path
    pages: int
    gateways: tuple[str, ...]
    from_number: DialNumber | Literal[""] = ""
    from_name: str = ""
    ident: str = ""
    header: str = ""
    timezone: str = ""
    t38: Literal["off", "on", "required"] = "on"
    ecm: bool = True
    v17: bool = True
    start_page: int | None = None
    end_page: int | None = None
    timeouts: CallTimeouts = field(default_factory=CallTimeouts)
    marks_realm: str = "fsfax"

    def __post_init__(self) -> None:
        """Check the plan.

        Raises:
            InvalidRequest: a page outside the file, an ident that cannot be sent, no gateway.
        """
        first, last = self.first_page, self.last_page
        if not 1 <= first <= last <= self.pages:
            raise InvalidRequest(
                f"pages {first} to {last} were asked for, but the document has {self.pages}"
            )
        if len(self.ident) > MAX_IDENT or not (self.ident.isascii() and self.ident.isprintable()):
            raise InvalidRequest(
                f"the station id {self.ident!r} cannot be sent: at most {MAX_IDENT} printable"
                " ASCII characters, usually the number with + and blanks (T.30, 5.3.6.2)"
            )
        if not self.gateways:
            raise InvalidRequest("no gateway was given, and the node's settings name none")

    @property
    def first_page(self) -> int:
        """The first page to be sent, from 1."""
        return self.start_page or 1

    @property
    def last_page(self) -> int:
        """The last page to be sent."""
        return self.end_page or self.pages

    @property
    def call_ids(self) -> tuple[str, ...]:
        """The Unique-ID of the call over each gateway."""
        return call_ids(self.attempt_id, len(self.gateways))

    def variables(self, call_id: str) -> dict[str, str]:
        """Return the channel variables of the call, which mod_spandsp and the originate read."""
        values = {
            "origination_uuid": call_id,
            "ignore_early_media": "true",
            "originate_timeout": str(max(1, round(self.timeouts.answer))),
            "fax_use_ecm": _truth(self.ecm),
            "fax_disable_v17": _truth(not self.v17),
            "fax_enable_t38": _truth(self.t38 != "off"),
            # FreeSWITCH sends the re-INVITE: many far ends never send theirs and stay in audio.
            "fax_enable_t38_request": _truth(self.t38 != "off"),
            "fax_verbose": "false",
            # mod_spandsp URL-decodes these three; percent-encoded, none of their characters
            # has a meaning to FreeSWITCH's parsers.
            "fax_ident": quote(self.ident, safe="") or _EMPTY,
            "fax_header": quote(_printable(self.header), safe="") or _EMPTY,
            "fax_timezone": quote(posix_timezone(self.timezone), safe="") if self.timezone else "",
            "origination_caller_id_number": self.from_number,
            "origination_caller_id_name": self.from_name,
            # Counted from 0 by SpanDSP.
            "fax_start_page": "" if self.start_page is None else str(self.first_page - 1),
            "fax_end_page": "" if self.end_page is None else str(self.last_page - 1),
            **marks.variables(self.marks_realm, call_id),
        }
        if self.t38 == "required":
            values["fax_enable_t38_insist"] = "true"
        return {name: value for name, value in values.items() if value}

    def originate(self, call_id: str, gateway: str, path: str) -> Originate:
        """Return the originate command; ``path`` is the file under FreeSWITCH's name.

        Raises:
            InvalidNumber: the number cannot be dialled.
            InvalidRequest: a name or path cannot be put into a dial string.
        """
        return Originate(
            endpoint=Gateway(gateway, self.to),
            variables=self.variables(call_id),
            application="txfax",
            argument=path,
        )


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _printable(text: str) -> str:
    """Return a header in ASCII, the characters that SpanDSP's header font certainly has."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    ascii_only = kept.encode("ascii", "replace").decode("ascii")
    return "".join(c if c.isprintable() else " " for c in ascii_only)[:MAX_HEADER]
