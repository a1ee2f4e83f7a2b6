"""The result of one attempt to deliver a notification. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient, or the relay or provider in between, accepted it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """It failed for now.

    after: seconds to wait that the receiver asks for, None = it does not.
    tries: give up after so many attempts, None = after ``notify.max_tries``.
    """

    problem: str
    after: float | None = None
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never be accepted; ``gone``: nor will anything else sent to this address."""

    problem: str
    gone: bool = False


Result = Delivered | RetryLater | Rejected
