"""Whether and when a fax is tried again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fsfax.jobs.retry import Decision, RetryHistory, decide, pause
from fsfax.settings import RETRIES, JobsSettings, RetryRule
from fsfax.values.outcome import Outcome
from fsfax.values.results import Status, TxResult
from tests.jobs.results import result

TABLE = JobsSettings().retry
FAILURES = [one for one in Outcome if one is not Outcome.DELIVERED]


def decided(ended: TxResult, **changes: Any) -> Decision:
    history: dict[str, Any] = {
        "tried": 1,
        "retries": 1,
        "same": 1,
        "progressed": False,
        "ever_fax": False,
    }
    others: dict[str, Any] = {"uncertain": "hold", "table": TABLE, "chance": 0.5}
    for name, value in changes.items():
        (others if name in others else history)[name] = value
    return decide(ended, RetryHistory(**history), **others)


@pytest.mark.parametrize(
    ("outcome", "changes", "action", "delay"),
    [
        # It arrived.
        (Outcome.DELIVERED, {}, "done", 0),
        # It was cancelled.
        (Outcome.CANCELLED, {}, "done", 0),
        # The line is in use.
        (Outcome.BUSY, {}, "retry", 90),
        # Still: the pause grows.
        (Outcome.BUSY, {"tried": 2, "same": 2, "retries": 4}, "retry", 180),
        # The one retry that was allowed is used up.
        (Outcome.BUSY, {"tried": 2, "same": 2}, "give_up", 0),
        # No retry was asked for.
        (Outcome.BUSY, {"retries": 0}, "give_up", 0),
        # Longer, for minutes change nothing.
        (Outcome.NO_ANSWER, {}, "retry", 600),
        # A person may have answered: once more.
        (Outcome.NOT_A_FAX, {"retries": 4}, "retry", 300),
        # A person again: give up early.
        (Outcome.NOT_A_FAX, {"retries": 4, "tried": 2, "same": 2}, "give_up", 0),
        # But a fax was there before: all tries that were asked for.
        (Outcome.NOT_A_FAX, {"retries": 4, "tried": 2, "same": 2, "ever_fax": True}, "retry", 600),
        # Another outcome came between: the row is broken.
        (Outcome.NOT_A_FAX, {"retries": 4, "tried": 3, "same": 1}, "retry", 300),
        # Soon, and in another mode.
        (Outcome.LINE_TROUBLE, {}, "retry", 60),
        (Outcome.LINE_TROUBLE, {"retries": 4, "tried": 3, "same": 3}, "retry", 240),
        # Pages got through: the pause does not grow.
        (
            Outcome.LINE_TROUBLE,
            {"retries": 4, "tried": 3, "same": 3, "progressed": True},
            "retry",
            60,
        ),
        (Outcome.INCOMPATIBLE, {}, "retry", 60),
        # The table says never.
        (Outcome.BAD_NUMBER, {"retries": 4}, "give_up", 0),
        (Outcome.REFUSED, {"retries": 4}, "give_up", 0),
        (Outcome.BAD_DOCUMENT, {"retries": 4}, "give_up", 0),
        # Our own trouble uses up no try, so it is tried again even where no retry is allowed.
        (Outcome.LOCAL_TROUBLE, {"tried": 0, "retries": 0}, "retry", 15),
        (Outcome.LOCAL_TROUBLE, {"tried": 0, "retries": 0, "same": 23}, "retry", 900),
        # But not for ever, whatever progress was made.
        (Outcome.LOCAL_TROUBLE, {"tried": 0, "same": 24, "progressed": True}, "give_up", 0),
        # The outcome is unknown: an operator decides.
        (Outcome.UNKNOWN, {}, "hold", 0),
        # Unless policy says otherwise.
        (Outcome.UNKNOWN, {"uncertain": "retry"}, "retry", 300),
        (Outcome.UNKNOWN, {"uncertain": "retry", "tried": 2}, "give_up", 0),
        # An operator gave the number up.
        (Outcome.BUSY, {"give_up": True}, "give_up", 0),
    ],
)
def test_what_the_table_says(
    outcome: Outcome, changes: dict[str, Any], action: str, delay: float
) -> None:
    decision = decided(result(outcome, retry=True), **changes)
    assert (decision.action, decision.delay) == (action, delay)


@pytest.mark.parametrize(
    ("ended", "changes", "action"),
    [
        # The gateway has to be repaired first.
        (result(Outcome.LOCAL_TROUBLE, retry=False), {}, "give_up"),
        (result(Outcome.LINE_TROUBLE, retry=False), {"rungs_left": True}, "give_up"),
        # The far end cannot take this size of page, and no mode changes that.
        (result(Outcome.INCOMPATIBLE, retry=False), {"rungs_left": False}, "give_up"),
        # Nothing in common by way of T.38: audio may be another matter.
        (result(Outcome.INCOMPATIBLE, retry=False), {"rungs_left": True}, "retry"),
        # FreeSWITCH still holds the call: a second one would be a second live call.
        (result(Outcome.UNKNOWN, retry=False), {"uncertain": "retry"}, "hold"),
        # A network without proof of failure is as uncertain, whatever the class.
        (result(Outcome.LINE_TROUBLE, status=Status.UNCERTAIN), {}, "hold"),
    ],
)
def test_what_the_engine_says_comes_before_the_table(
    ended: TxResult, changes: dict[str, Any], action: str
) -> None:
    assert decided(ended, retries=4, **changes).action == action


any_decision = st.fixed_dictionaries(
    {
        "tried": st.integers(0, 50),
        "retries": st.integers(0, 4),
        "same": st.integers(1, 50),
        "progressed": st.booleans(),
        "ever_fax": st.booleans(),
        "uncertain": st.sampled_from(["hold", "retry"]),
        "chance": st.floats(0, 1, exclude_max=True),
        "rungs_left": st.booleans(),
        "give_up": st.booleans(),
    }
)
rules = st.builds(
    RetryRule,
    retry=st.booleans(),
    delay=st.floats(0.1, 1000),
    factor=st.floats(1, 10),
    max_delay=st.floats(0.1, 10000),
    jitter=st.floats(0, 1),
    max_tries=st.none() | st.integers(1, 30),
)
tables = st.fixed_dictionaries(dict.fromkeys(map(str, Outcome), rules))


@given(any_decision, tables, st.booleans())
def test_a_delivered_fax_is_never_retried(
    changes: dict[str, Any], table: dict[str, RetryRule], retry: bool
) -> None:
    delivered = result(Outcome.DELIVERED, confirmed=1, retry=retry)
    assert decided(delivered, **changes | {"table": table}).action == "done"


@given(any_decision, tables, st.sampled_from(FAILURES), st.booleans())
def test_under_hold_what_is_uncertain_is_never_tried_again(
    changes: dict[str, Any], table: dict[str, RetryRule], outcome: Outcome, retry: bool
) -> None:
    ended = result(outcome, status=Status.UNCERTAIN, retry=retry)
    changes |= {"table": table, "uncertain": "hold"}
    assert decided(ended, **changes).action in {"hold", "done"}
    assert decided(result(Outcome.UNKNOWN, retry=retry), **changes).action == "hold"


@given(
    st.lists(st.tuples(st.sampled_from(FAILURES), st.booleans(), st.booleans()), min_size=1),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from(["hold", "retry"]),
    tables,
    rules,
    st.booleans(),
)
def test_every_job_ends(
    endings: list[tuple[Outcome, bool, bool]],
    retries: int,
    ever_fax: bool,
    uncertain: str,
    table: dict[str, RetryRule],
    local: RetryRule,
    defaults: bool,
) -> None:
    limit = 1 + (local.max_tries or 7)
    uncounted = local.model_copy(update={"counts": False, "max_tries": limit - 1})
    table = dict(TABLE) if defaults else table | {"local_trouble": uncounted}
    limit = 1 + (table["local_trouble"].max_tries or 0)
    tried, dialled, same, last = 0, 0, 0, None
    while True:
        outcome, retry, progressed = endings[dialled % len(endings)]
        dialled += 1
        same, last = same + 1 if outcome is last else 1, outcome
        tried += table[outcome].counts
        decision = decided(
            result(outcome, retry=retry),
            tried=tried,
            retries=retries,
            same=same,
            progressed=progressed,
            ever_fax=ever_fax,
            uncertain=uncertain,
            table=table,
            rungs_left=True,
        )
        if decision.action != "retry":
            break
        assert tried <= retries
        assert dialled <= (retries + 1) * limit
    assert decision.delay == 0
    assert decision.reason


@given(rules, st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_pauses_are_bounded_and_do_not_shrink(rule: RetryRule, same: int, chance: float) -> None:
    now = pause(rule, same, chance)
    assert 0 <= now <= rule.max_delay * (1 + rule.jitter) + 0.001
    assert pause(rule, same + 1, chance) >= now


def test_jitter_spreads_faxes_that_failed_together() -> None:
    rule = RetryRule(delay=100, jitter=0.2)
    assert [pause(rule, 1, chance) for chance in (0, 0.25, 0.5, 1)] == [80, 90, 100, 120]


@pytest.mark.parametrize(
    ("ended", "changes", "words"),
    [
        (
            result(Outcome.BUSY, error_message="The number is busy."),
            {"retries": 2},
            "The number is busy. This was try 1 of at most 3; the next one is in 90 seconds.",
        ),
        (
            result(Outcome.NO_ANSWER, error_message="Nobody answered."),
            {"tried": 2},
            "Nobody answered. All 2 tries are used up.",
        ),
        (
            result(Outcome.LOCAL_TROUBLE, error_message="The gateway is down."),
            {"tried": 0, "same": 7},
            "The gateway is down. No try is used up; the next one is in 15 minutes.",
        ),
        (
            result(Outcome.NOT_A_FAX, error_message="A person answered."),
            {"tried": 2, "same": 2, "retries": 4},
            "A person answered. It ended so 2 times in a row.",
        ),
        # No words of the engine's, and no full stop.
        (
            result(Outcome.BUSY, error_message=""),
            {"retries": 0},
            "The fax ended so: busy. No other try was asked for.",
        ),
    ],
)
def test_reasons_are_readable_sentences(
    ended: TxResult, changes: dict[str, Any], words: str
) -> None:
    assert decided(ended, **changes).reason == words


class TestSettings:
    def test_there_is_a_rule_for_every_ending(self) -> None:
        # The settings cannot import the engine, so only this test holds them together.
        assert list(RETRIES) == [str(outcome) for outcome in Outcome]
        assert all(TABLE[outcome] == RETRIES[outcome] for outcome in Outcome)

    def test_what_a_rule_leaves_out_stays_as_it_is(self) -> None:
        settings = JobsSettings.model_validate({"retry": {"busy": {"delay": 30}}})
        assert settings.retry["busy"] == RetryRule(delay=30, factor=2, max_delay=900)
        assert settings.retry["no_answer"] == RETRIES["no_answer"]

    def test_a_rule_of_an_embedding_program_is_taken_as_it_is(self) -> None:
        rule = RetryRule(delay=1, jitter=0)
        assert JobsSettings(retry={Outcome.BUSY: rule}).retry[Outcome.BUSY] == rule

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            # A slip of the pen.
            ({"buzy": {"delay": 30}}, "not an outcome: buzy"),
            ({"busy": {"delai": 30}}, "busy.delai"),
            ([], "valid dictionary"),
            # It arrived.
            ({"delivered": {"retry": True}}, "never retried"),
            ({"cancelled": {"retry": True}}, "never retried"),
            # For ever.
            ({"local_trouble": {"max_tries": None}}, "never end"),
            ({"busy": {"counts": False}}, "only local_trouble"),
        ],
    )
    def test_an_invalid_table_is_refused(self, table: Any, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            JobsSettings(retry=table)
