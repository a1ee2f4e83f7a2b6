"""How one call is made, and which pages it sends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from fsfax.settings import FaxDefaults

T38 = Literal["off", "on", "required"]


@dataclass(frozen=True, slots=True)
class Mode:
    """How a call is made.

    t38: "off" = audio alone; "on" = ask for T.38, fall back to audio; "required" = nothing else.
    ecm: error correction (T.30 Annex A). v17: the modems above 9,600 bit/s.
    """

    t38: T38 = "on"
    ecm: bool = True
    v17: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the mode as plain JSON values."""
        return {"t38": self.t38, "ecm": self.ecm, "v17": self.v17}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the mode that `as_dict` wrote; what is missing or invalid is as in `Mode()`."""
        t38, ecm, v17 = data.get("t38"), data.get("ecm"), data.get("v17")
        return cls(
            t38=t38 if t38 in ("off", "on", "required") else "on",
            ecm=ecm if isinstance(ecm, bool) else True,
            v17=v17 if isinstance(v17, bool) else True,
        )

    @classmethod
    def requested(cls, fax: FaxDefaults) -> Self:
        """Return the mode that a request asks for: see `SendPreferences.over`."""
        return cls(t38=fax.t38, ecm=fax.ecm, v17=fax.v17)

    def within(self, requested: Mode) -> Mode:
        """Return the mode without what the requested mode forbids."""
        return Mode(
            t38=self.t38 if requested.t38 == "on" else requested.t38,
            ecm=self.ecm and requested.ecm,
            v17=self.v17 and requested.v17,
        )

    def __str__(self) -> str:
        way = {"off": "audio", "on": "T.38", "required": "T.38 alone"}[self.t38]
        left_out = [name for name, used in (("V.17", self.v17), ("ECM", self.ecm)) if not used]
        return f"{way} without {' and '.join(left_out)}" if left_out else way


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPlan:
    """What an attempt sends, and how; written before anything is dialled.

    first_page, last_page: pages of the document, counted from 1, both included.
    """

    first_page: int
    last_page: int
    mode: Mode = Mode()

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values; the mode's stand beside the pages."""
        pages = {"first_page": self.first_page, "last_page": self.last_page}
        return self.mode.as_dict() | pages

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the plan that `as_dict` wrote; unknown fields are passed over."""
        return cls(
            first_page=int(data["first_page"]),
            last_page=int(data["last_page"]),
            mode=Mode.from_dict(data),
        )
