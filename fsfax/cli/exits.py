"""Exit codes: one for each outcome of a call and each class of error."""

from __future__ import annotations

from fsfax.errors import (
    ConfigurationError,
    DocumentError,
    EslError,
    FsfaxError,
    InvalidRequest,
    JobError,
    NoCapacity,
    SoftswitchError,
    SpoolError,
    StoreError,
    TokenError,
)
from fsfax.values.outcome import Outcome

OK = 0
FAULT = 1
USAGE = 2
DOCUMENT = 3
UNREACHABLE = 4
SOFTSWITCH = 5
NO_FAX = 6
STORE = 7
JOB = 8

OUTCOMES = {
    Outcome.DELIVERED: OK,
    Outcome.BUSY: 10,
    Outcome.NO_ANSWER: 11,
    Outcome.NOT_A_FAX: 12,
    Outcome.LINE_TROUBLE: 13,
    Outcome.INCOMPATIBLE: 14,
    Outcome.BAD_DOCUMENT: 15,
    Outcome.REFUSED: 16,
    Outcome.BAD_NUMBER: 17,
    Outcome.LOCAL_TROUBLE: 18,
    Outcome.CANCELLED: 19,
    Outcome.UNKNOWN: 20,
}
"""The outcomes of a call that was dialled."""

_ERRORS: tuple[tuple[tuple[type[FsfaxError], ...], int], ...] = (
    ((InvalidRequest, ConfigurationError), USAGE),
    ((DocumentError,), DOCUMENT),
    ((EslError, NoCapacity, SpoolError), UNREACHABLE),
    ((SoftswitchError,), SOFTSWITCH),
    ((StoreError,), STORE),
    ((JobError, TokenError), JOB),
)

TABLE = "\n".join(
    [
        "\b",
        "Exit codes:",
        "   0  delivered",
        "   1  an internal error of fsfax",
        "   2  wrong usage, number or settings",
        "   3  the document cannot be faxed",
        "   4  FreeSWITCH cannot be reached, or is full; nothing was dialled",
        "   5  an error of the stand-in softswitch",
        "   6  no fax was received in time (receive --timeout)",
        "   7  the database cannot be used; nothing was accepted",
        "   8  no such job, account, token, faxbox, …, or its state forbids it",
        *(
            f"  {code}  {outcome.value.replace('_', ' ')}"
            for outcome, code in OUTCOMES.items()
            if code
        ),
    ]
)
"""For ``fsfax --help``; the leading backspace keeps click from wrapping the lines anew."""

POINTER = "Exit codes: see `fsfax --help`."
"""For the help of a subcommand."""


def code_of(error: FsfaxError) -> int:
    """Return the exit code of an error that was raised before, or instead of, a call."""
    for kinds, code in _ERRORS:
        if isinstance(error, kinds):
            return code
    return FAULT
