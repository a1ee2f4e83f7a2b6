"""How a fax is to be sent: what a request asks for, over what the settings say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from fsfax.settings import FaxDefaults

MAX_RETRIES = 4
"""Retries of one fax after its first attempt, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPreferences:
    """How a fax is to be sent; None leaves the choice to the settings and to experience.

    t38: "off" or "required" is never overruled, nor is ``ecm=False`` or ``v17=False``.
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
        """Read `as_dict` back; what another version added is passed over."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def over(self, defaults: FaxDefaults) -> FaxDefaults:
        """Return the settings ``fax`` with these preferences in their place."""
        return defaults.model_copy(update=self.as_dict())
