"""SpanDSP's T.30 completion codes: each has a meaning, and says whether a page is in doubt."""

from __future__ import annotations

import pytest

from fsfax.engine import t30
from fsfax.engine.verdict import judge_sent
from fsfax.values.outcome import Doubt, Outcome
from fsfax.values.results import Status
from tests.engine.observed import ANSWERED, CALL, CLEARED, NEGOTIATED, page, phase_e, seen


def test_codes_are_complete() -> None:
    assert list(t30.CODES) == list(range(62))


@pytest.mark.parametrize("code", [*t30.CODES, 999, -1])
def test_every_code_has_a_meaning(code: int) -> None:
    meaning = t30.meaning(code)
    assert meaning.message.endswith(".")
    result = judge_sent(seen(ANSWERED, NEGOTIATED, page(1), phase_e(code, 1), CLEARED), CALL)
    assert (result.status is Status.SUCCEEDED) == (code == 0)
    in_doubt = {15, 16, 18, 21, 22, 48, 49}
    if 0 < code <= 22 or 41 <= code <= 61:  # the sender's side
        assert (result.doubt is Doubt.LAST_PAGE) == (code in in_doubt)


def test_an_unknown_code_leaves_the_last_page_in_doubt() -> None:
    meaning = t30.meaning(62)
    assert (meaning.outcome, meaning.retry, meaning.doubt) == (
        Outcome.LINE_TROUBLE,
        True,
        Doubt.LAST_PAGE,
    )
    assert t30.meaning(t30.OK).outcome is Outcome.DELIVERED
