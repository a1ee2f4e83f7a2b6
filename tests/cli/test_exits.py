"""The exit codes of outcomes and errors. Pure."""

from __future__ import annotations

import pytest

from fsfax.cli import exits
from fsfax.errors import (
    ConfigurationError,
    DocumentEmpty,
    FsfaxError,
    InvalidNumber,
    JobNotFound,
    NoNode,
    SpandspMissing,
    StoreUnavailable,
    TokenExpired,
)
from fsfax.values.outcome import Outcome


def test_exit_codes_are_listed_and_distinct() -> None:
    others = {
        *(exits.FAULT, exits.USAGE, exits.DOCUMENT, exits.UNREACHABLE),
        *(exits.SOFTSWITCH, exits.NO_FAX, exits.STORE, exits.JOB),
    }
    assert len(others) == 8
    assert len({*exits.OUTCOMES.values(), *others}) == len(exits.OUTCOMES) + 8
    assert set(exits.OUTCOMES) == set(Outcome)
    listed = [int(line.split()[0]) for line in exits.TABLE.splitlines()[2:]]
    assert listed == sorted({*exits.OUTCOMES.values(), *others})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidNumber("x"), 2),
        (ConfigurationError("x"), 2),
        (DocumentEmpty("x"), 3),
        (NoNode("x"), 4),
        (SpandspMissing("x"), 5),
        (FsfaxError("x"), 1),
        (StoreUnavailable("x"), exits.STORE),
        (JobNotFound("x"), exits.JOB),
        (TokenExpired("x"), exits.JOB),
    ],
)
def test_errors_have_codes(error: FsfaxError, code: int) -> None:
    assert exits.code_of(error) == code
