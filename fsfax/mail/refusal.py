"""Refusals: SMTP answers that say no, with a reason that the sender can read."""

from __future__ import annotations

_LONGEST = 400
"""Characters of a reason: a line of an answer has 512 octets (RFC 5321, 4.5.3.1.5)."""


class SmtpRefusal(Exception):  # an answer, never seen by a caller of the library
    """A mail, or one of its recipients, is not taken.

    Args:
        code: 4xx where a later try may do better, 5xx where it is for the sender to mend.
        status: the enhanced status code of RFC 3463 (``5.7.1``).
        reason: plain words, in one line.
    """

    def __init__(self, code: int, status: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.status = status
        self.reason = reason

    @property
    def answer(self) -> str:
        """The line of the SMTP answer, without its end."""
        words = self.reason.encode("ascii", "backslashreplace").decode()
        return f"{self.code} {self.status} {words[:_LONGEST]}"

    @property
    def is_ours(self) -> bool:
        """Whether it is trouble of this house: the same mail may be taken later."""
        return self.code < 500  # noqa: PLR2004
