"""How a fax is to be sent: what a request asks for, and the settings for the rest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from fsfax.settings import FaxDefaults

MAX_RETRIES = 4
"""Retries of one fax after its first attempt, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPreferences:
    """How a fax is to be sent; None leaves the choice to the settings and the number's history.

    t38, ecm, v17: "off", "required" and False are never overruled by the number's history.
    resolution, ident, header, timezone: see `fsfax.SendOptions`.
    """

    t38: Literal["off", "on", "required"] | None = None
    ecm: bool | None = None
    v17: bool | None = None
    resolution: Literal["standard", "fine", "superfine"] | None = None
    ident: str | None = None
    header: str | None = None
    timezone: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the preferences that are set."""
        return {
            item.name: value
            for item in fields(self)
            if (value := getattr(self, item.name)) is not None
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the preferences that `as_dict` wrote; unknown fields are ignored."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def over(self, defaults: FaxDefaults) -> FaxDefaults:
        """Return the settings with these preferences instead of the defaults."""
        return defaults.model_copy(update=self.as_dict())
