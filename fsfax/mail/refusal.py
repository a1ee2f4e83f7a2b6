"""Refusals: negative SMTP answers, with a reason for the sender. Pure."""

from __future__ import annotations

_MAX_REASON = 400
"""Characters of a reason: a line of an answer has 512 octets (RFC 5321, 4.5.3.1.5)."""


class SmtpRefusal(Exception):  # an answer, never seen by a caller of the library
    """A mail, a recipient or a login is refused.

    Args:
        code: 4xx if a later attempt may succeed, 5xx if the sender has to change something.
        status: the enhanced status code of RFC 3463 (``5.7.1``).
        reason: why, in one line of plain words.
    """

    def __init__(self, code: int, status: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.status = status
        self.reason = reason

    @property
    def answer(self) -> str:
        """The line of the SMTP answer, without CR LF."""
        reason = self.reason.encode("ascii", "backslashreplace").decode()
        return f"{self.code} {self.status} {reason[:_MAX_REASON]}"

    @property
    def is_temporary(self) -> bool:
        """Whether the same mail may be accepted later (4xx)."""
        return self.code < 500  # noqa: PLR2004
