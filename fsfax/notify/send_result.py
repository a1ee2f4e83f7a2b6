"""What came of one try to deliver something. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient, or whoever is responsible for it, took it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not now.

    after: seconds that the other side asks for, None = it does not say.
    tries: give up after so many, None = as the settings say.
    """

    problem: str
    after: float | None = None
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will not be taken, however often it is tried. ``gone``: nor will anything else be."""

    problem: str
    gone: bool = False


Result = Delivered | RetryLater | Rejected
